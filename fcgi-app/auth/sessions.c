/* Sessions as their owner sees and ends them, and what ends with them. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "auth/session.h"
#include "db/writer.h"
#include "http/list.h"

/* --- ending --- */

/* Also what is half made: a request of it that is under way finds nothing to finish. */
static int delete_what_hangs_on(struct db *db, const char *session_id, struct err *err)
{
    static const enum db_statement statements[] = {DB_AUTH_SESSION_DELETE_REFRESH_TOKENS,
                                                   DB_AUTH_SESSION_DELETE_STEPUPS, DB_AUTH_SESSION_DELETE_CHALLENGES,
                                                   DB_AUTH_SESSION_DELETE_SETUP};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof statements[0]; i++)
        rc = db_exec(db, statements[i], DB_ARGS(DB_TEXT("id", session_id)), NULL, err);
    return rc;
}

int session_delete(struct db *db, const char *session_id, struct err *err)
{
    int64_t changes = 0;
    int rc = delete_what_hangs_on(db, session_id, err);
    if (rc == 0)
        rc = db_exec(db, DB_AUTH_SESSION_DELETE_BY_ID, DB_ARGS(DB_TEXT("id", session_id)), &changes, err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, "no such session");
    return rc != 0 ? rc : db_changed(db, "sessions", err);
}

int session_delete_others(struct db *db, const char *user_id, const char *keep_id, int64_t *ret_count, struct err *err)
{
    static const enum db_statement hanging[] = {
        DB_AUTH_SESSION_DELETE_OTHERS_REFRESH_TOKENS, DB_AUTH_SESSION_DELETE_OTHERS_STEPUPS,
        DB_AUTH_SESSION_DELETE_OTHERS_CHALLENGES, DB_AUTH_SESSION_DELETE_OTHERS_SETUP};
    const struct db_args args = DB_ARGS(DB_TEXT("user", user_id), DB_TEXT("keep", keep_id != NULL ? keep_id : "none"));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof hanging / sizeof hanging[0]; i++)
        rc = db_exec(db, hanging[i], args, NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_AUTH_SESSION_DELETE_OTHERS, args, ret_count, err);
    return rc != 0 ? rc : db_changed(db, "sessions", err);
}

int auth_sign_out_everywhere(struct db *db, const char *user_id, const char *keep_session_id, struct err *err)
{
    int rc = session_delete_others(db, user_id, keep_session_id, NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_SIGNIN_DELETE_OF_USER, DB_ARGS(DB_TEXT("user", user_id)), NULL, err);
    return rc != 0 ? rc : db_exec(db, DB_DEVICE_DELETE_OF_USER, DB_ARGS(DB_TEXT("user", user_id)), NULL, err);
}

/* --- GET /api/auth/sessions --- */

static json_t *session_json(const struct req *r, const struct db_rows *rows)
{
    const char *id = db_rows_text(rows, 0);
    const char *own = r->principal.session_id;
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:b}", "id", id, "kind", db_rows_text(rows, 1), "method",
                     db_rows_text(rows, 2), "address", db_rows_text(rows, 3), "userAgent", db_rows_text(rows, 4),
                     "created_ms", (json_int_t)db_rows_int(rows, 5, 0), "lastUsed_ms",
                     (json_int_t)db_rows_int(rows, 6, 0), "expires_ms", (json_int_t)db_rows_int(rows, 7, 0), "current",
                     own != NULL && strcmp(own, id) == 0);
}

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"kind", "kind", CSV_PLAIN},
    {"method", "method", CSV_PLAIN},
    {"address", "address", CSV_PLAIN},
    {"program", "userAgent", CSV_PLAIN},
    {"signed in", "created_ms", CSV_TIME},
    {"last used", "lastUsed_ms", CSV_TIME},
    {"ends", "expires_ms", CSV_TIME},
    {"this one", "current", CSV_PLAIN},
    {NULL, NULL, CSV_PLAIN},
};

#define QUERY_ARGS(r, kind, ask)                                                                                       \
    DB_TEXT("user", (r)->principal.id), DB_INT("now", (r)->now_ms),                                                    \
        DB_INT("idle_since", (r)->now_ms - (r)->app->settings->session_idle_s * INT64_C(1000)), DB_TEXT("kind", kind), \
        DB_TEXT("q", (ask)->pattern)

static int list_sessions(struct req *r, const char *kind, const struct list_ask *ask, struct list_out *out,
                         struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query(r->db, DB_AUTH_SESSION_PAGE,
                 DB_ARGS(QUERY_ARGS(r, kind, ask), DB_TEXT("sort", ask->sort), DB_INT("descending", ask->descending),
                         DB_INT("limit", ask->limit), DB_INT("offset", ask->offset)),
                 &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, session_json(r, &rows), err);
    db_rows_done(&rows);
    return rc;
}

void auth_session_list(struct req *r)
{
    static const char *const sorts[] = {"used", "created", "expires", "address", "method", NULL};
    static const char *const kinds[] = {"cookie", "token", NULL};
    struct list_ask ask;
    struct list_out out;
    struct err err = {0};
    const char *kind;
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "sessions"}, &ask) ||
        !list_choice(r, "kind", kinds, "", &kind))
        return;
    list_begin(&out, &ask, columns);
    int rc = db_query_number(r->db, DB_AUTH_SESSION_COUNT, DB_ARGS(QUERY_ARGS(r, kind, &ask)), &total, &err);
    if (rc == 0)
        rc = list_sessions(r, kind, &ask, &out, &err);
    list_reply(r, &out, rc, total, &err);
}

/* --- DELETE /api/auth/sessions, /api/auth/sessions/{id} --- */

struct revoke {
    const struct audit_key *key;
    struct audit_entry audit;
    struct req *r;
    const char *session_id; /* NULL: all others */
    int64_t count;
};

static int write_revoke_one(struct db *db, void *ctx, struct err *err)
{
    const struct revoke *w = ctx;
    struct db_rows rows;
    int rc = db_query_one(db, DB_AUTH_SESSION_OWNED,
                          DB_ARGS(DB_TEXT("id", w->session_id), DB_TEXT("user", w->r->principal.id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such session.");
    if (rc < 0)
        return rc;
    db_rows_done(&rows);
    rc = session_delete(db, w->session_id, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

static int write_revoke_others(struct db *db, void *ctx, struct err *err)
{
    struct revoke *w = ctx;
    char detail[48];
    int rc = session_delete_others(db, w->r->principal.id, w->r->principal.session_id, &w->count, err);
    if (rc != 0)
        return rc;
    (void)snprintf(detail, sizeof detail, "{\"count\":%lld}", (long long)w->count);
    struct audit_entry entry = w->audit;
    entry.detail = detail;
    return audit_append(db, w->key, &entry, err);
}

static void revoke(struct req *r, db_write_fn *fn, const char *session_id, const char *target)
{
    struct err err = {0};
    struct revoke w = {.key = secrets_audit_key(r->app->secrets),
                       .audit = audit_of_request(r, "session.revoke", target),
                       .r = r,
                       .session_id = session_id};
    if (target == NULL)
        (void)err_set(&err, ERR_NOMEM, "out of memory");
    if (target == NULL || db_write(r->app->writer, fn, &w, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

void auth_session_revoke(struct req *r)
{
    const char *id = r->params[0];
    if (!uuid_valid(id)) {
        reply_problem(r, PROBLEM_NOT_FOUND, "There is no such session.");
        return;
    }
    revoke(r, write_revoke_one, id, arena_printf(r->arena, "session:%s", id));
}

void auth_session_revoke_others(struct req *r)
{
    revoke(r, write_revoke_others, NULL, arena_printf(r->arena, "user:%s", r->principal.id));
}
