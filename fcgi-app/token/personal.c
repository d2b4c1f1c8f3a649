/* Personal access tokens: made, listed, revoked by their owner; looked up at every request that comes with one. */
#include "token/personal.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/digest.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "common/token.h"
#include "common/uuid.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/list.h"
#include "http/problem.h"
#include "route.h"
#include "token/token.h"

enum { TOUCH_EVERY_MS = 60 * 1000, SCOPES_TEXT_MAX = 128 };

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* --- scopes --- */

/* "read enrol" as bits. A name that is none of ours gives nothing. */
static unsigned scopes_parse(const char *text)
{
    unsigned bits = 0;
    struct cursor c;
    struct span field;
    char name[32];
    cursor_init(&c, span_of(text != NULL ? text : ""));
    while (cursor_field(&c, ' ', &field)) {
        if (field.len == 0 || field.len >= sizeof name)
            continue;
        memcpy(name, field.ptr, field.len);
        name[field.len] = '\0';
        enum scope scope = scope_parse(name);
        if (scope != SCOPE_NONE)
            bits |= 1U << scope;
    }
    return bits;
}

static void scopes_format(unsigned bits, char ret[SCOPES_TEXT_MAX])
{
    size_t len = 0;
    ret[0] = '\0';
    for (int scope = SCOPE_NONE + 1; scope < SCOPE_COUNT; scope++)
        if ((bits & 1U << scope) != 0)
            len += (size_t)snprintf(ret + len, SCOPES_TEXT_MAX - len, "%s%s", len > 0 ? " " : "",
                                    scope_name((enum scope)scope));
}

static json_t *scopes_json(const char *text)
{
    unsigned bits = scopes_parse(text);
    json_t *list = json_array();
    for (int scope = SCOPE_NONE + 1; scope < SCOPE_COUNT; scope++)
        if ((bits & 1U << scope) != 0)
            (void)json_array_append_new(list, json_string(scope_name((enum scope)scope)));
    return list;
}

/* Whether somebody of this role is given the scope: what they could not use is not handed out. */
static bool scope_within(enum scope scope, enum role role)
{
    enum permission most = role == ROLE_ADMIN      ? PERMISSION_ADMIN
                           : role == ROLE_OPERATOR ? PERMISSION_OPERATOR
                                                   : PERMISSION_VIEWER;
    enum permission needed = scope_permission(scope);
    return needed >= PERMISSION_VIEWER && needed <= most;
}

/* --- every request --- */

struct touch {
    const char *id;
    const char *address;
    int64_t now_ms;
};

static int write_touch(struct db *db, void *ctx, struct err *err)
{
    const struct touch *touch = ctx;
    return db_exec(db, DB_ACCESS_TOKEN_TOUCH,
                   DB_ARGS(DB_TEXT("id", touch->id), DB_TEXT("address", touch->address), DB_INT("now", touch->now_ms)),
                   NULL, err);
}

/* Once a minute: scripts that ask often must not cost a write each. */
static void touch(struct req *r, const char *id, int64_t last_used_ms)
{
    struct touch touched = {id, r->remote_addr, r->now_ms};
    struct err err = {0};
    if (r->now_ms >= last_used_ms && r->now_ms - last_used_ms < TOUCH_EVERY_MS)
        return;
    if (db_write(r->app->writer, write_touch, &touched, &err) != 0)
        log_warning("use of an access token not written: %s", err.msg);
}

int personal_find(struct req *r, const char *token, struct principal *ret, struct err *err)
{
    struct db_rows rows;
    char hash[DIGEST_HEX_SIZE];
    digest_token(token, hash);
    int rc = db_query_one(r->db, DB_ACCESS_TOKEN_GET, DB_ARGS(DB_TEXT("hash", hash)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such access token");
    if (rc < 0)
        return rc;
    bool expired = db_rows_int(&rows, 2, 0) <= r->now_ms;
    int64_t last_used_ms = db_rows_int(&rows, 3, 0);
    struct principal p = {
        .kind = PRINCIPAL_USER,
        .credential = CREDENTIAL_ACCESS_TOKEN,
        .token_id = arena_strdup(r->arena, db_rows_text(&rows, 0)),
        .scopes = scopes_parse(db_rows_text(&rows, 1)),
        .id = arena_strdup(r->arena, db_rows_text(&rows, 4)),
        .email = arena_strdup(r->arena, db_rows_text(&rows, 5)),
        .role = role_parse(db_rows_text(&rows, 6)),
        .has_factor = db_rows_int(&rows, 7, 0) != 0,
    };
    db_rows_done(&rows);
    if (p.token_id == NULL || p.id == NULL || p.email == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (expired)
        return err_set(err, ERR_DENIED, "expired");
    touch(r, p.token_id, last_used_ms);
    *ret = p;
    return 0;
}

/* --- GET /api/auth/tokens --- */

static json_t *token_json(const struct db_rows *rows)
{
    json_t *last_used = db_rows_null(rows, 5) ? json_null() : json_integer(db_rows_int(rows, 5, 0));
    return json_pack("{s:s,s:s,s:o,s:I,s:I,s:o,s:s}", "id", db_rows_text(rows, 0), "name", db_rows_text(rows, 1),
                     "scopes", scopes_json(db_rows_text(rows, 2)), "created_ms", (json_int_t)db_rows_int(rows, 3, 0),
                     "expires_ms", (json_int_t)db_rows_int(rows, 4, 0), "lastUsed_ms", last_used, "lastAddress",
                     db_rows_text(rows, 6));
}

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"name", "name", CSV_PLAIN},
    {"scopes", "scopes", CSV_PLAIN},
    {"made", "created_ms", CSV_TIME},
    {"expires", "expires_ms", CSV_TIME},
    {"last used", "lastUsed_ms", CSV_TIME},
    {"from", "lastAddress", CSV_PLAIN},
    {NULL, NULL, CSV_PLAIN},
};

#define QUERY_ARGS(r, state, ask)                                                                                      \
    DB_TEXT("user", (r)->principal.id), DB_INT("now", (r)->now_ms), DB_TEXT("state", state),                           \
        DB_TEXT("q", (ask)->pattern)

static int list_tokens(struct req *r, const char *state, const struct list_ask *ask, struct list_out *out,
                       struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query(r->db, DB_ACCESS_TOKEN_PAGE,
                 DB_ARGS(QUERY_ARGS(r, state, ask), DB_TEXT("sort", ask->sort), DB_INT("descending", ask->descending),
                         DB_INT("limit", ask->limit), DB_INT("offset", ask->offset)),
                 &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, token_json(&rows), err);
    db_rows_done(&rows);
    return rc;
}

void token_list(struct req *r)
{
    static const char *const sorts[] = {"created", "expires", "used", "name", NULL};
    static const char *const states[] = {"valid", "expired", NULL};
    struct list_ask ask;
    struct list_out out;
    struct err err = {0};
    const char *state;
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "tokens"}, &ask) ||
        !list_choice(r, "state", states, "", &state))
        return;
    list_begin(&out, &ask, columns);
    int rc = db_query_number(r->db, DB_ACCESS_TOKEN_PAGE_COUNT, DB_ARGS(QUERY_ARGS(r, state, &ask)), &total, &err);
    if (rc == 0)
        rc = list_tokens(r, state, &ask, &out, &err);
    list_reply(r, &out, rc, total, &err);
}

/* --- POST /api/auth/tokens --- */

int personal_create(struct db *db, void *ctx, struct err *err)
{
    const struct personal_new *w = ctx;
    int64_t there = 0, changes = 0;
    int rc = db_query_number(db, DB_ACCESS_TOKEN_COUNT, DB_ARGS(DB_TEXT("user", w->user_id), DB_INT("now", w->now_ms)),
                             &there, err);
    if (rc == 0 && there >= PERSONAL_MAX)
        rc = err_set(err, ERR_CONFLICT, "you have %d access tokens; revoke one that is not needed any more",
                     PERSONAL_MAX);
    if (rc == 0)
        rc = db_exec(db, DB_ACCESS_TOKEN_INSERT,
                     DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("user", w->user_id), DB_TEXT("session", w->session_id),
                             DB_TEXT("name", w->name), DB_TEXT("hash", w->hash), DB_TEXT("scopes", w->scopes),
                             DB_INT("now", w->now_ms), DB_INT("expires", w->expires_ms)),
                     &changes, err);
    if (rc == 0 && changes == 0)
        rc = err_set(err, ERR_DENIED, "Your session has ended meanwhile.");
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

/* The bits; marks the field when one is unknown or beyond the role. */
static unsigned read_scopes(struct req *r, struct jsonread *body)
{
    const json_t *list = NULL;
    unsigned bits = 0;
    size_t many = jsonread_array(body, "scopes", 1, SCOPE_COUNT - 1, &list);
    for (size_t i = 0; i < many; i++) {
        const char *name = jsonread_item_str(body, "scopes", list, i, 1, 32);
        enum scope scope = name != NULL ? scope_parse(name) : SCOPE_NONE;
        if (name == NULL)
            return 0;
        if (scope == SCOPE_NONE)
            jsonread_fail(body, "scopes", "has a name that is none of read, fleet, enrol, backup, restore, rollout");
        else if (!scope_within(scope, r->principal.role))
            jsonread_fail(body, "scopes", "has \"%s\", which your own role does not allow", name);
        bits |= 1U << scope;
    }
    return bits;
}

static void reply_created(struct req *r, const struct personal_new *w, const char *secret)
{
    json_t *token = json_pack("{s:s,s:s,s:o,s:I,s:I,s:n,s:s}", "id", w->id, "name", w->name, "scopes",
                              scopes_json(w->scopes), "created_ms", (json_int_t)w->now_ms, "expires_ms",
                              (json_int_t)w->expires_ms, "lastUsed_ms", "lastAddress", "");
    reply_json(r, 200, json_pack("{s:b,s:o,s:s}", "success", 1, "token", token, "secret", secret));
}

static void create(struct req *r, struct personal_new *w)
{
    char secret[TOKEN_SIZE], hash[DIGEST_HEX_SIZE];
    struct err err = {0};
    if (!uuid_v7(r->now_ms, token_random, w->id) || !token_new(TOKEN_ACCESS, token_random, secret)) {
        reply_problem(r, PROBLEM_UNAVAILABLE, "The system gives no random bytes.");
        return;
    }
    digest_token(secret, hash);
    w->key = secrets_audit_key(r->app->secrets);
    w->hash = hash;
    w->audit = audit_of_request(r, "token.create", arena_printf(r->arena, "token:%s", w->id));
    w->audit.detail =
        arena_printf(r->arena, "{\"scopes\":\"%s\",\"expires_ms\":%lld}", w->scopes, (long long)w->expires_ms);
    if (w->audit.detail == NULL)
        (void)err_set(&err, ERR_NOMEM, "out of memory");
    if (err.code != 0 || db_write(r->app->writer, personal_create, w, &err) != 0)
        reply_error(r, &err);
    else
        reply_created(r, w, secret);
    wipe(secret, sizeof secret);
}

void token_create(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    char scopes[SCOPES_TEXT_MAX];
    if (!req_json(r, &wrong, &body))
        return;
    struct personal_new w = {.user_id = r->principal.id,
                             .session_id = r->principal.session_id,
                             .name = jsonread_str(&body, "name", 1, PERSONAL_NAME_MAX),
                             .now_ms = r->now_ms};
    scopes_format(read_scopes(r, &body), scopes);
    w.scopes = scopes;
    w.expires_ms = r->now_ms + jsonread_int_or(&body, "expiresInDays", 1, PERSONAL_DAYS_MAX, PERSONAL_DAYS) * DAY_MS;
    if (req_fields_ok(r, &wrong))
        create(r, &w);
}

/* --- DELETE /api/auth/tokens/{id} --- */

struct revocation {
    const struct audit_key *key;
    struct audit_entry audit;
    const char *id;
    const char *user_id;
};

static int write_revocation(struct db *db, void *ctx, struct err *err)
{
    const struct revocation *w = ctx;
    int64_t changes = 0;
    int rc =
        db_exec(db, DB_ACCESS_TOKEN_DELETE, DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("user", w->user_id)), &changes, err);
    if (rc == 0 && changes == 0)
        rc = err_set(err, ERR_NOT_FOUND, "You have no such access token.");
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

void token_revoke(struct req *r)
{
    struct err err = {0};
    struct revocation w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "token.revoke", arena_printf(r->arena, "token:%s", r->params[0])),
        .id = r->params[0],
        .user_id = r->principal.id,
    };
    if (db_write(r->app->writer, write_revocation, &w, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
