#include "auth/signin.h"

#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/device.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "mfa/mfa.h"
#include "policy/policy.h"
#include "token/token.h"

static const char *const wants_names[] = {[SIGNIN_COOKIE] = "cookie", [SIGNIN_TOKEN] = "token"};

/* --- the partial session --- */

int signin_find(struct req *r, const char *mfa_token, struct signin *ret, struct err *err)
{
    char hash[DIGEST_HEX_SIZE];
    struct db_rows rows;
    enum signin_wants wants = mfa_token != NULL ? SIGNIN_TOKEN : SIGNIN_COOKIE;
    if (mfa_token != NULL ? !cookie_token_hash(mfa_token, hash) : !cookie_hash(r, cookie_signin, hash))
        return err_set(err, ERR_NOT_FOUND, "no sign-in under way");
    int rc = db_query_one(r->db, DB_SIGNIN_GET,
                          DB_ARGS(DB_TEXT("id_hash", hash), DB_INT("now", r->now_ms), DB_INT("tries", SIGNIN_TRIES)),
                          &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no sign-in under way");
    if (rc < 0)
        return rc;
    struct signin found = {.hash = arena_strdup(r->arena, hash),
                           .user_id = arena_strdup(r->arena, db_rows_text(&rows, 0)),
                           .wants = wants};
    bool fits = strcmp(db_rows_text(&rows, 1), wants_names[wants]) == 0;
    db_rows_done(&rows);
    if (!fits) /* a browser's token where a program's belongs */
        return err_set(err, ERR_NOT_FOUND, "no sign-in under way");
    if (found.hash == NULL || found.user_id == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = found;
    return 0;
}

struct begin_write {
    const struct audit_key *key;
    struct audit_entry audit;
    const struct session_user *user;
    const char *old_hash; /* of a sign-in this browser has begun before; NULL: none */
    const char *new_hash;
    enum signin_wants wants;
    const char *address;
    int64_t now_ms;
};

static int write_begin(struct db *db, void *ctx, struct err *err)
{
    const struct begin_write *w = ctx;
    int64_t changes = 0;
    int rc = 0;
    if (w->old_hash != NULL)
        rc = db_exec(db, DB_SIGNIN_DELETE, DB_ARGS(DB_TEXT("id_hash", w->old_hash)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_SIGNIN_INSERT,
                     DB_ARGS(DB_TEXT("id_hash", w->new_hash), DB_TEXT("user", w->user->id),
                             DB_TEXT("password_hash", w->user->password_hash), DB_TEXT("wants", wants_names[w->wants]),
                             DB_TEXT("address", w->address), DB_INT("now", w->now_ms),
                             DB_INT("expires", w->now_ms + SIGNIN_MS)),
                     &changes, err);
    if (rc == 0 && changes != 1)
        return err_set(err, ERR_DENIED, "the account has changed meanwhile");
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

/* ["totp", "backup-code", "passkey"], those that there are. NULL: out of memory. */
static json_t *methods_json(const struct mfa_state *factors)
{
    json_t *list = json_array();
    int rc = 0;
    if (factors->totp)
        rc |= json_array_append_new(list, json_string("totp"));
    if (factors->codes_left > 0)
        rc |= json_array_append_new(list, json_string("backup-code"));
    if (factors->passkeys > 0)
        rc |= json_array_append_new(list, json_string("passkey"));
    if (rc == 0)
        return list;
    json_decref(list);
    return NULL;
}

static void reply_over(struct req *r)
{
    reply_problem(r, PROBLEM_UNAUTHENTICATED, "This sign-in is over; begin again with your password.");
}

/* The reply of the first stage: what the second can be passed with. */
static void reply_begun(struct req *r, const struct mfa_state *factors, enum signin_wants wants, const char *token)
{
    struct policy policy;
    int64_t expires_ms = r->now_ms + SIGNIN_MS;
    policy_get(r->app, r->db, &policy);
    json_t *body =
        json_pack("{s:b,s:b,s:o,s:I,s:I}", "success", 1, "mfaRequired", 1, "methods", methods_json(factors),
                  "expires_ms", (json_int_t)expires_ms, "trustedDeviceDays", (json_int_t)policy.trusted_device_days);
    if (wants == SIGNIN_COOKIE) {
        cookie_set(r, cookie_signin, token, SIGNIN_MS / 1000);
    } else if (json_object_set_new(body, "mfaToken", json_string(token)) != 0) {
        json_decref(body);
        body = NULL;
    }
    reply_json(r, 200, body);
}

void signin_begin(struct req *r, const struct session_user *user, enum signin_wants wants,
                  const struct mfa_state *factors)
{
    char token[COOKIE_TOKEN_SIZE], hash[DIGEST_HEX_SIZE], old_hash[DIGEST_HEX_SIZE];
    struct err err = {0};
    if (!cookie_token_new(token)) {
        reply_problem(r, PROBLEM_UNAVAILABLE, "The system gives no random bytes.");
        return;
    }
    digest_token(token, hash);
    struct begin_write w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "auth.login_begun", arena_printf(r->arena, "user:%s", user->id)),
        .user = user,
        .old_hash = wants == SIGNIN_COOKIE && cookie_hash(r, cookie_signin, old_hash) ? old_hash : NULL,
        .new_hash = hash,
        .wants = wants,
        .address = r->remote_addr,
        .now_ms = r->now_ms,
    };
    w.audit.actor = w.audit.target;
    int rc = w.audit.target != NULL ? db_write(r->app->writer, write_begin, &w, &err)
                                    : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        reply_begun(r, factors, wants, token);
    else if (rc == ERR_DENIED)
        reply_over(r);
    else
        reply_error(r, &err);
    wipe(token, sizeof token);
}

/* --- the session that counts --- */

json_t *signin_user_json(struct req *r, const char *user_id, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_AUTH_USER_PUBLIC, DB_ARGS(DB_TEXT("id", user_id)), &rows, err);
    if (rc == DB_DONE)
        (void)err_set(err, ERR_DENIED, "the account is gone");
    if (rc != DB_ROW)
        return NULL;
    json_t *user = json_pack("{s:s,s:s,s:s,s:s}", "id", db_rows_text(&rows, 0), "email", db_rows_text(&rows, 1), "name",
                             db_rows_text(&rows, 2), "role", db_rows_text(&rows, 3));
    db_rows_done(&rows);
    if (user == NULL)
        (void)err_set(err, ERR_NOMEM, "out of memory");
    return user;
}

/* *ret: what the reply says of the new session. */
static int make_session(struct req *r, const struct session_user *user, enum signin_wants wants, json_t **ret,
                        struct err *err)
{
    const char *csrf_token = NULL;
    if (wants == SIGNIN_TOKEN)
        return token_begin(r, user, ret, err);
    int rc = session_begin(r, user, &csrf_token, err);
    if (rc != 0)
        return rc;
    *ret = json_pack("{s:s}", "csrfToken", csrf_token);
    return *ret != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int signin_complete_with(struct req *r, const struct session_user *user, enum signin_wants wants,
                         const struct signin_extras *extras)
{
    struct err err = {0};
    struct session_user from_here = *user;
    json_t *body = NULL;
    json_t *person = signin_user_json(r, user->id, &err);
    from_here.address = r->remote_addr;
    int rc = person != NULL ? make_session(r, &from_here, wants, &body, &err) : err.code;
    if (rc == ERR_DENIED) {
        reply_over(r);
    } else if (rc != 0) {
        reply_error(r, &err);
    } else {
        if (wants == SIGNIN_COOKIE && req_cookie(r, cookie_signin) != NULL)
            cookie_set(r, cookie_signin, "", 0);
        if (extras->device_name != NULL && wants == SIGNIN_COOKIE)
            device_trust(r, user->id, extras->device_name);
        (void)json_object_update_new(body, json_pack("{s:b,s:b,s:O}", "success", 1, "mfaRequired", 0, "user", person));
        if (extras->codes_left >= 0)
            (void)json_object_set_new(body, "codesLeft", json_integer(extras->codes_left));
        reply_json(r, 200, body);
    }
    json_decref(person);
    return rc;
}

int signin_complete(struct req *r, const struct session_user *user, enum signin_wants wants)
{
    return signin_complete_with(r, user, wants, &(struct signin_extras){.codes_left = -1});
}
