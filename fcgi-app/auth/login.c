/* The routes under /api/auth. */
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/device.h"
#include "auth/prove.h"
#include "auth/signin.h"
#include "auth/users.h"
#include "common/log.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/line.h"
#include "mfa/mfa.h"
#include "policy/policy.h"

/* The password was right: the session, or what stands before it when there is a second factor. */
static void go_on(struct req *r, const struct user *user, enum signin_wants wants)
{
    struct mfa_state factors;
    struct err err = {0};
    struct session_user who = {.id = user->id,
                               .email = user->email,
                               .role = user->role,
                               .method = "password",
                               .password_hash = user->password_hash};
    int rc = mfa_state(r->db, user->id, &factors, &err);
    if (rc == 0 && (factors.totp || factors.passkeys > 0)) {
        who.method = "device";
        rc = wants == SIGNIN_COOKIE ? device_use(r, user->id, &err) : ERR_NOT_FOUND;
    }
    if (rc == 0)
        (void)signin_complete(r, &who, wants);
    else if (rc == ERR_NOT_FOUND)
        signin_begin(r, &who, wants, &factors);
    else
        reply_error(r, &err);
}

struct rehash {
    const struct user *user;
    const char *hash;
    int64_t now_ms;
};

static int write_rehash(struct db *db, void *ctx, struct err *err)
{
    const struct rehash *w = ctx;
    return db_exec(db, DB_AUTH_USER_REHASH,
                   DB_ARGS(DB_TEXT("id", w->user->id), DB_TEXT("old", w->user->password_hash), DB_TEXT("new", w->hash),
                           DB_INT("now", w->now_ms)),
                   NULL, err);
}

/* A hash from the configuration may have parameters of its own, so that checking it takes another time than checking
 * for nobody does. The first sign-in gives it ours; when that fails, the next one does. */
static void renew_hash(struct req *r, const struct user *user, const char *password)
{
    char hash[PASSWORD_HASH_SIZE];
    struct err err = {0};
    if (password_hash_current(user->password_hash))
        return;
    int rc = password_hash(password, strlen(password), hash, &err);
    if (rc == 0)
        rc = db_write(r->app->writer, write_rehash, &(struct rehash){user, hash, r->now_ms}, &err);
    if (rc != 0)
        log_warning("a password keeps its hash with other parameters: %s", err.msg);
    wipe(hash, sizeof hash);
}

void auth_login(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return;
    const char *email = jsonread_str(&body, "email", 1, USER_EMAIL_MAX);
    const char *password = jsonread_text(&body, "password", 1, PASSWORD_MAX);
    bool tokens = jsonread_bool_or(&body, "tokens", false);
    if (!req_fields_ok(r, &wrong) || !line_passed(r, r->app->sign_ins, password_at_home(r, email)))
        return;
    struct user user = {0};
    if (!password_proven(r, email, password, &user))
        return;
    go_on(r, &user, tokens ? SIGNIN_TOKEN : SIGNIN_COOKIE);
    renew_hash(r, &user, password);
    wipe(user.password_hash, sizeof user.password_hash);
}

void auth_logout(struct req *r)
{
    struct err err = {0};
    if (session_end(r, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

/* Which factors there are, and whether everybody has to have one. */
static json_t *mfa_json(struct req *r, struct err *err)
{
    struct mfa_state factors;
    struct policy policy;
    if (mfa_state(r->db, r->principal.id, &factors, err) != 0)
        return NULL;
    policy_get(r->app, r->db, &policy);
    json_t *mfa = json_pack("{s:b,s:i,s:i,s:b}", "totp", factors.totp, "passkeys", factors.passkeys, "codesLeft",
                            factors.codes_left, "required", policy.mfa_required);
    if (mfa == NULL)
        (void)err_set(err, ERR_NOMEM, "out of memory");
    return mfa;
}

void auth_session(struct req *r)
{
    const struct principal *p = &r->principal;
    struct err err = {0};
    json_t *user = signin_user_json(r, p->id, &err);
    json_t *mfa = user != NULL ? mfa_json(r, &err) : NULL;
    if (mfa == NULL) {
        json_decref(user);
        reply_error(r, &err);
        return;
    }
    json_t *session = json_pack("{s:s?,s:s,s:I}", "id", p->session_id, "method", p->method, "authenticated_ms",
                                (json_int_t)p->authenticated_ms);
    reply_json(r, 200,
               json_pack("{s:o,s:s?,s:I,s:s,s:o,s:o}", "user", user, "csrfToken", p->csrf_token, "serverTime_ms",
                         (json_int_t)r->now_ms, "version", MUSTER_VERSION, "session", session, "mfa", mfa));
}
