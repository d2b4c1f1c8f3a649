#include "auth/session.h"

#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/digest.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "common/token.h"
#include "common/uuid.h"
#include "common/wipe.h"
#include "db/writer.h"

enum { TOUCH_EVERY_MS = 60 * 1000, USER_AGENT_MAX = 200 };

/* --- use --- */

struct touch {
    const char *id_hash;
    int64_t now_ms;
};

static int write_touch(struct db *db, void *ctx, struct err *err)
{
    const struct touch *touch = ctx;
    return db_exec(db, DB_AUTH_SESSION_TOUCH, DB_ARGS(DB_TEXT("id_hash", touch->id_hash), DB_INT("now", touch->now_ms)),
                   NULL, err);
}

void session_touch(struct req *r, const char *id_hash, int64_t last_used_ms)
{
    struct touch touch = {id_hash, r->now_ms};
    struct err err = {0};
    if (r->now_ms - last_used_ms < TOUCH_EVERY_MS)
        return;
    if (db_write(r->app->writer, write_touch, &touch, &err) != 0)
        log_warning("use of a session not written: %s", err.msg);
}

/* --- sign-in and sign-out --- */

/* ERR_DENIED when it is over or another request has used it up. */
static int use_signin(struct db *db, const struct session_user *user, int64_t now_ms, struct err *err)
{
    int64_t changes = 0;
    int rc = db_exec(db, DB_SIGNIN_USE,
                     DB_ARGS(DB_TEXT("id_hash", user->signin_hash), DB_TEXT("user", user->id), DB_INT("now", now_ms)),
                     &changes, err);
    return rc == 0 && changes != 1 ? err_set(err, ERR_DENIED, "this sign-in is over") : rc;
}

static int note_address(struct db *db, const struct session_user *user, int64_t now_ms, struct err *err)
{
    int rc = db_exec(db, DB_SIGNIN_ADDRESS_NOTE,
                     DB_ARGS(DB_TEXT("user", user->id), DB_TEXT("address", user->address), DB_INT("now", now_ms)), NULL,
                     err);
    return rc != 0 ? rc
                   : db_exec(db, DB_SIGNIN_ADDRESS_FORGET,
                             DB_ARGS(DB_TEXT("user", user->id), DB_INT("most", SESSION_ADDRESSES_MAX)), NULL, err);
}

int session_admit(struct db *db, const struct session_user *user, int64_t now_ms, struct err *err)
{
    int64_t changes = 0;
    int rc = user->signin_hash != NULL ? use_signin(db, user, now_ms, err) : 0;
    if (rc == 0)
        rc = db_exec(db, DB_AUTH_USER_SIGNED_IN,
                     DB_ARGS(DB_TEXT("id", user->id), DB_INT("now", now_ms),
                             DB_TEXT("password_hash", user->password_hash != NULL ? user->password_hash : ""),
                             DB_TEXT("passkey", user->passkey_id != NULL ? user->passkey_id : "")),
                     &changes, err);
    if (rc == 0 && changes != 1)
        return err_set(err, ERR_DENIED, "the account has changed meanwhile");
    return rc == 0 && user->address != NULL ? note_address(db, user, now_ms, err) : rc;
}

const char *session_user_agent(struct req *r)
{
    const char *header = req_header(r, "User-Agent");
    char *copy = header != NULL ? arena_strndup(r->arena, header, strnlen(header, USER_AGENT_MAX)) : NULL;
    if (header == NULL)
        return "";
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return copy;
}

struct session_write {
    const struct audit_key *key;
    struct audit_entry audit;
    const struct session_user *user;
    const char *old_hash; /* of the cookie that came; NULL: none */
    const char *new_hash;
    const char *new_id;
    const char *csrf_token;
    const char *address;
    const char *user_agent;
    int64_t now_ms;
    int64_t expires_ms;
};

static int write_session(struct db *db, void *ctx, struct err *err)
{
    const struct session_write *w = ctx;
    int rc = session_admit(db, w->user, w->now_ms, err);
    if (rc == 0 && w->old_hash != NULL)
        rc = db_exec(db, DB_AUTH_SESSION_DELETE, DB_ARGS(DB_TEXT("id_hash", w->old_hash)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_AUTH_SESSION_INSERT,
                     DB_ARGS(DB_TEXT("id_hash", w->new_hash), DB_TEXT("id", w->new_id), DB_TEXT("kind", "cookie"),
                             DB_TEXT("method", w->user->method), DB_TEXT("user", w->user->id),
                             DB_TEXT("csrf_token", w->csrf_token), DB_TEXT("address", w->address),
                             DB_TEXT("user_agent", w->user_agent), DB_INT("now", w->now_ms),
                             DB_INT("expires", w->expires_ms)),
                     NULL, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

/* The row names who it was, not who asked: nobody was signed in a moment ago. */
static struct audit_entry login_entry(struct req *r, const struct session_user *user, const char *session_id)
{
    struct audit_entry entry = audit_of_request(r, "auth.login", arena_printf(r->arena, "user:%s", user->id));
    entry.actor = entry.target;
    entry.detail =
        arena_printf(r->arena, "{\"kind\":\"cookie\",\"method\":\"%s\",\"session\":\"%s\"}", user->method, session_id);
    return entry;
}

int session_begin(struct req *r, const struct session_user *user, const char **ret_csrf_token, struct err *err)
{
    char token[COOKIE_TOKEN_SIZE], csrf_token[COOKIE_TOKEN_SIZE];
    char new_hash[DIGEST_HEX_SIZE], old_hash[DIGEST_HEX_SIZE];
    char id[UUID_SIZE];
    if (!cookie_token_new(token) || !cookie_token_new(csrf_token) || !uuid_v7(r->now_ms, token_random, id))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    digest_token(token, new_hash);
    int64_t max_s = r->app->settings->session_max_s;
    struct session_write w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = login_entry(r, user, id),
        .user = user,
        .old_hash = cookie_hash(r, cookie_session, old_hash) ? old_hash : NULL,
        .new_hash = new_hash,
        .new_id = id,
        .csrf_token = csrf_token,
        .address = r->remote_addr,
        .user_agent = session_user_agent(r),
        .now_ms = r->now_ms,
        .expires_ms = r->now_ms + max_s * 1000,
    };
    const char *copy = arena_strdup(r->arena, csrf_token);
    int rc = copy != NULL && w.user_agent != NULL && w.audit.target != NULL && w.audit.detail != NULL
                 ? db_write(r->app->writer, write_session, &w, err)
                 : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0) {
        cookie_set(r, cookie_session, token, max_s);
        *ret_csrf_token = copy;
    }
    wipe(token, sizeof token);
    return rc;
}

struct sign_out {
    const struct audit_key *key;
    struct audit_entry audit;
    const char *session_id;
};

static int write_sign_out(struct db *db, void *ctx, struct err *err)
{
    const struct sign_out *w = ctx;
    int rc = session_delete(db, w->session_id, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

int session_end(struct req *r, struct err *err)
{
    struct sign_out w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "auth.logout", arena_printf(r->arena, "user:%s", r->principal.id)),
        .session_id = r->principal.session_id,
    };
    int rc = w.audit.target != NULL ? db_write(r->app->writer, write_sign_out, &w, err)
                                    : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0 && r->principal.credential == CREDENTIAL_COOKIE)
        cookie_set(r, cookie_session, "", 0);
    return rc;
}
