/* POST /api/auth/password: a person changes their own password. */
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/limits.h"
#include "auth/password.h"
#include "auth/prove.h"
#include "auth/secrets.h"
#include "auth/session.h"
#include "auth/users.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/problem.h"

struct change {
    const struct audit_key *key;
    struct user_password password;
    const char *session_id;
    const char *new_hash; /* of this browser's cookie from now on; NULL: a program's session has none */
};

static int write_change(struct db *db, void *ctx, struct err *err)
{
    const struct change *w = ctx;
    int64_t changes = 1;
    int rc = user_set_password(db, w->key, &w->password, err);
    if (rc == 0 && w->new_hash != NULL)
        rc = db_exec(db, DB_AUTH_SESSION_REKEY, DB_ARGS(DB_TEXT("id", w->session_id), DB_TEXT("id_hash", w->new_hash)),
                     &changes, err);
    return rc == 0 && changes == 0 ? err_set(err, ERR_DENIED, "Your session has ended meanwhile.") : rc;
}

/* The session goes on under another cookie: whoever has a copy of the old one is out. */
static int store(struct req *r, const char *hash, struct err *err)
{
    char token[COOKIE_TOKEN_SIZE], new_hash[DIGEST_HEX_SIZE];
    bool browser = r->principal.credential == CREDENTIAL_COOKIE;
    if (!cookie_token_new(token))
        return err_set(err, ERR_UNAVAILABLE, "The system gives no random bytes.");
    digest_token(token, new_hash);
    struct change w = {
        .key = secrets_audit_key(r->app->secrets),
        .password = {.user_id = r->principal.id,
                     .password_hash = hash,
                     .actor = arena_printf(r->arena, "user:%s", r->principal.id),
                     .now_ms = r->now_ms,
                     .keep_session_id = r->principal.session_id,
                     .address = r->remote_addr,
                     .request_id = r->request_id},
        .session_id = r->principal.session_id,
        .new_hash = browser ? new_hash : NULL,
    };
    int rc = w.password.actor != NULL ? db_write(r->app->writer, write_change, &w, err)
                                      : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0 && browser)
        cookie_set(r, cookie_session, token, r->app->settings->session_max_s);
    wipe(token, sizeof token);
    return rc;
}

static int hash_new(struct req *r, const char *password, char ret[PASSWORD_HASH_SIZE], struct err *err)
{
    int rc = login_limits_hash_begin(r->app->logins, LOGIN_HASH_WAIT_MS, err);
    if (rc != 0)
        return err_set(err, ERR_UNAVAILABLE, "Too many people are signing in at once; try again.");
    rc = password_hash(password, strlen(password), ret, err);
    login_limits_hash_end(r->app->logins);
    return rc;
}

void auth_password(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    char hash[PASSWORD_HASH_SIZE] = "";
    if (!req_json(r, &wrong, &body))
        return;
    const char *current = jsonread_text(&body, "current", 1, PASSWORD_MAX);
    const char *password = jsonread_text(&body, "password", 1, PASSWORD_MAX);
    if (!req_fields_ok(r, &wrong) || !own_password_proven(r, current))
        return;
    if (password_check_new_of(r->principal.email, password, strlen(password), &err) != 0) {
        reply_invalid_field(r, "/password", NULL, err.msg);
        return;
    }
    int rc = hash_new(r, password, hash, &err);
    if (rc == 0)
        rc = store(r, hash, &err);
    wipe(hash, sizeof hash);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
