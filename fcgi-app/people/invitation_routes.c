/* The routes under /api/invitations, and the link that sets somebody's password anew. Those without a sign-in answer
 * one thing to all links that are not in force, whatever the reason. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/list.h"
#include "http/problem.h"
#include "people/invitation.h"
#include "people/people.h"

enum { TOKEN_MAX = 200, HASH_WAIT_MS = 5000 };

static const char *const role_names[] = {"viewer", "operator", "admin", NULL};

/* --- for admins --- */

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"e-mail", "email", CSV_PLAIN},
    {"state", "state", CSV_PLAIN},
    {"role", "role", CSV_PLAIN},
    {"invited by", "invitedBy", CSV_PLAIN},
    {"invited", "created_ms", CSV_TIME},
    {"expires", "expires_ms", CSV_TIME},
    {NULL, NULL, CSV_PLAIN},
};

static json_t *invitation_json(const struct db_rows *rows)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:s}", "id", db_rows_text(rows, 0), "email", db_rows_text(rows, 1),
                     "role", db_rows_text(rows, 2), "invitedBy", db_rows_text(rows, 3), "created_ms",
                     (json_int_t)db_rows_int(rows, 4, 0), "expires_ms", (json_int_t)db_rows_int(rows, 5, 0), "state",
                     db_rows_text(rows, 6));
}

struct list_query {
    struct list_ask ask;
    const char *role, *state;
};

#define QUERY_ARGS(r, query)                                                                                           \
    DB_TEXT("q", (query)->ask.pattern), DB_TEXT("role", (query)->role), DB_TEXT("state", (query)->state),              \
        DB_INT("now", (r)->now_ms)

static int list_invitations(struct req *r, const struct list_query *q, struct list_out *out, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, DB_INVITATION_PAGE,
                      DB_ARGS(QUERY_ARGS(r, q), DB_TEXT("sort", q->ask.sort), DB_INT("descending", q->ask.descending),
                              DB_INT("limit", q->ask.limit), DB_INT("offset", q->ask.offset)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, invitation_json(&rows), err);
    db_rows_done(&rows);
    return rc;
}

void people_invitation_list(struct req *r)
{
    static const char *const sorts[] = {"created", "expires", "email", "role", NULL};
    static const char *const states[] = {"open", "used", "expired", "revoked", NULL};
    struct list_query query;
    struct list_out out;
    struct err err = {0};
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "invitations"},
                       &query.ask) ||
        !list_choice(r, "role", role_names, "", &query.role) || !list_choice(r, "state", states, "", &query.state))
        return;
    list_begin(&out, &query.ask, columns);
    int rc = db_query_number(r->db, DB_INVITATION_COUNT, DB_ARGS(QUERY_ARGS(r, &query)), &total, &err);
    if (rc == 0)
        rc = list_invitations(r, &query, &out, &err);
    list_reply(r, &out, rc, total, &err);
}

static struct person_act act_of(struct req *r, const char *id)
{
    return (struct person_act){secrets_audit_key(r->app->secrets), audit_of_request(r, "", ""), id};
}

/* The link is shown this once. */
static void create(struct req *r, const struct invitation_new *want, bool account)
{
    struct invitation made = {0};
    struct err err = {0};
    char link[INVITATION_LINK_MAX];
    int rc = invitation_create(r->app, want, &made, &err);
    if (rc == ERR_INVALID) {
        reply_invalid_field(r, "/email", NULL, err.msg);
        return;
    }
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    invitation_link(r->app, &made, link);
    if (account)
        reply_json(r, 200,
                   json_pack("{s:{s:s,s:s,s:s,s:I},s:s}", "invitation", "id", made.id, "email", made.email, "role",
                             role_name(made.role), "expires_ms", (json_int_t)made.expires_ms, "link", link));
    else
        reply_json(r, 200, json_pack("{s:s,s:I}", "link", link, "expires_ms", (json_int_t)made.expires_ms));
    wipe(link, sizeof link);
    wipe(&made, sizeof made);
}

void people_invitation_create(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return;
    struct invitation_new want = {.act = act_of(r, NULL),
                                  .email = jsonread_str(&body, "email", 1, USER_EMAIL_MAX),
                                  .role = (enum role)(ROLE_VIEWER + jsonread_enum(&body, "role", role_names))};
    if (!req_fields_ok(r, &wrong))
        return;
    create(r, &want, true);
}

void people_password_link(struct req *r)
{
    if (strcmp(r->params[0], r->principal.id) == 0) {
        reply_problem(r, PROBLEM_CONFLICT, "Change your own password under \"My account\".");
        return;
    }
    struct invitation_new want = {.act = act_of(r, r->params[0])};
    create(r, &want, false);
}

struct revocation {
    struct person_act act; /* id: of the invitation */
};

static int write_revocation(struct db *db, void *ctx, struct err *err)
{
    struct revocation *w = ctx;
    int64_t changes = 0;
    struct db_rows rows;
    int rc = db_query_one(db, DB_INVITATION_GET, DB_ARGS(DB_TEXT("id", w->act.id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such invitation.");
    if (rc < 0)
        return rc;
    bool used = !db_rows_null(&rows, 0);
    db_rows_done(&rows);
    if (used)
        return err_set(err, ERR_CONFLICT, "It was accepted; disable the person instead.");
    rc = db_exec(db, DB_INVITATION_REVOKE, DB_ARGS(DB_TEXT("id", w->act.id), DB_INT("now", w->act.audit.time_ms)),
                 &changes, err);
    return rc != 0 || changes == 0 ? rc : audit_append(db, w->act.key, &w->act.audit, err);
}

void people_invitation_revoke(struct req *r)
{
    struct err err = {0};
    struct revocation w = {.act = act_of(r, r->params[0])};
    w.act.audit.action = "invitation.revoke";
    w.act.audit.target = arena_printf(r->arena, "invitation:%s", r->params[0]);
    if (db_write(r->app->writer, write_revocation, &w, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

/* --- for whoever has the link --- */

void people_invitation_look(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct invitation_open open;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    const char *token = jsonread_str(&body, "token", 1, TOKEN_MAX);
    if (!req_fields_ok(r, &wrong))
        return;
    int rc = invitation_find(r->db, token, r->now_ms, &open, &err);
    if (rc == ERR_NOT_FOUND)
        auth_failure_note(r->app, "invitation.look", r->remote_addr);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200,
                   json_pack("{s:s,s:s,s:s,s:I}", "kind", open.user_id[0] == '\0' ? "account" : "password", "email",
                             open.email, "role", role_name(open.role), "expires_ms", (json_int_t)open.expires_ms));
}

/* A stranger's guess costs no hash: the link is looked at first. */
static int hash_for(struct req *r, const char *token, const char *password, char ret[PASSWORD_HASH_SIZE],
                    struct invitation_open *ret_open, struct err *err)
{
    int rc = invitation_find(r->db, token, r->now_ms, ret_open, err);
    if (rc == 0)
        rc = password_check_new_of(ret_open->email, password, strlen(password), err);
    if (rc == 0)
        rc = login_limits_hash_begin(r->app->logins, HASH_WAIT_MS, err);
    if (rc != 0)
        return rc;
    rc = password_hash(password, strlen(password), ret, err);
    login_limits_hash_end(r->app->logins);
    return rc;
}

static void accept_link(struct req *r, const char *token, const char *name, const char *password)
{
    char hash[PASSWORD_HASH_SIZE] = "";
    struct invitation_open open;
    struct err err = {0};
    struct invitation_accept a = {.key = secrets_audit_key(r->app->secrets),
                                  .audit = audit_of_request(r, "", ""),
                                  .token = token,
                                  .name = name,
                                  .password_hash = hash};
    int rc = hash_for(r, token, password, hash, &open, &err);
    if (rc == 0 && open.user_id[0] == '\0' && name == NULL) {
        reply_invalid_field(r, "/name", NULL, "is missing");
        return;
    }
    if (rc == 0)
        rc = db_write(r->app->writer, invitation_accept, &a, &err);
    wipe(hash, sizeof hash);
    if (rc == ERR_NOT_FOUND)
        auth_failure_note(r->app, "invitation.accept", r->remote_addr);
    if (rc == ERR_INVALID)
        reply_invalid_field(r, "/password", NULL, err.msg);
    else if (rc == ERR_TIMEOUT)
        reply_retry_after(r, PROBLEM_UNAVAILABLE, 2, "Too many people are signing in at once; try again.");
    else if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b,s:s}", "success", 1, "email", open.email));
}

void people_invitation_accept(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    const char *token = jsonread_str(&body, "token", 1, TOKEN_MAX);
    const char *name = jsonread_str_or(&body, "name", 1, PERSON_NAME_MAX, NULL);
    const char *password = jsonread_text(&body, "password", 1, PASSWORD_MAX);
    if (!req_fields_ok(r, &wrong))
        return;
    /* First for itself: an answer that depends on the link would say whether there is one. */
    if (password_check_new(password, strlen(password), &err) != 0)
        reply_invalid_field(r, "/password", NULL, err.msg);
    else
        accept_link(r, token, name, password);
}
