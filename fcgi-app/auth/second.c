/* POST /api/auth/mfa/verify: the second stage of a sign-in; for one who is signed in, the check of a set-up. */
#include "app.h"
#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/device.h"
#include "auth/prove.h"
#include "auth/signin.h"
#include "auth/users.h"
#include "common/log.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/problem.h"
#include "mfa/mfa.h"
#include "token/token.h"

/* The password has to come first again. */
static void reply_over(struct req *r)
{
    if (req_cookie(r, cookie_signin) != NULL)
        cookie_set(r, cookie_signin, "", 0);
    auth_failure_note(r->app, "auth.mfa.signin", r->remote_addr);
    reply_problem(r, PROBLEM_UNAUTHENTICATED, "This sign-in is over; begin again with your password.");
}

struct attempt {
    const char *hash;
    int64_t now_ms;
    int64_t changes;
};

static int write_attempt(struct db *db, void *ctx, struct err *err)
{
    struct attempt *a = ctx;
    return db_exec(db, DB_SIGNIN_TRY,
                   DB_ARGS(DB_TEXT("id_hash", a->hash), DB_INT("now", a->now_ms), DB_INT("tries", SIGNIN_TRIES)),
                   &a->changes, err);
}

static int write_give_back(struct db *db, void *ctx, struct err *err)
{
    struct attempt *a = ctx;
    return db_exec(db, DB_SIGNIN_UNTRY, DB_ARGS(DB_TEXT("id_hash", a->hash)), &a->changes, err);
}

/* ERR_NOT_FOUND when the partial session has none left. */
static int take_attempt(struct req *r, const struct signin *signin, struct err *err)
{
    struct attempt a = {.hash = signin->hash, .now_ms = r->now_ms};
    int rc = db_write(r->app->writer, write_attempt, &a, err);
    return rc == 0 && a.changes == 0 ? err_set(err, ERR_NOT_FOUND, "no try left") : rc;
}

/* What was not judged was no guess. */
static void give_back(struct req *r, const struct signin *signin)
{
    struct attempt a = {.hash = signin->hash};
    struct err err = {0};
    if (db_write(r->app->writer, write_give_back, &a, &err) != 0)
        log_warning("a try at a second factor stays counted: %s", err.msg);
}

static void complete(struct req *r, const struct signin *signin, const struct factor_right *right,
                     const char *device_name)
{
    struct user user = {0};
    struct err err = {0};
    int rc = user_by_id(r->db, signin->user_id, &user, &err);
    wipe(user.password_hash, sizeof user.password_hash);
    if (rc == ERR_NOT_FOUND)
        reply_over(r);
    else if (rc != 0)
        reply_error(r, &err);
    if (rc != 0)
        return;
    struct session_user who = {
        .id = user.id, .email = user.email, .role = user.role, .method = right->method, .signin_hash = signin->hash};
    struct signin_extras extras = {.codes_left = right->codes_left, .device_name = device_name};
    (void)signin_complete_with(r, &who, signin->wants, &extras);
}

/* The partial session is in force: judges what came with it. */
static void second_stage(struct req *r, const struct signin *signin, const struct proof *proof, const char *device_name)
{
    struct passkey_ask asker = {PASSKEY_FACTOR, signin->user_id, signin->hash};
    struct factor_right right;
    struct err err = {0};
    int rc = take_attempt(r, signin, &err);
    if (rc == ERR_NOT_FOUND)
        reply_over(r);
    else if (rc != 0)
        reply_error(r, &err);
    if (rc != 0)
        return;
    switch (factor_judge(r, &asker, proof, &right)) {
    case FACTOR_WRONG: break;
    case FACTOR_UNJUDGED: give_back(r, signin); break;
    case FACTOR_RIGHT: complete(r, signin, &right, device_name); break;
    }
}

/* No sign-in is under way: somebody who is signed in checks what they have set up, or nobody does anything. */
static void check_setup(struct req *r, const char *code)
{
    if (req_cookie(r, cookie_session) == NULL && !token_presented(r)) {
        reply_over(r);
        return;
    }
    if (auth_authenticate(r) != 0)
        return;
    /* A script's token has no session, and so nothing it could have set up. */
    if (r->principal.session_id == NULL)
        reply_problem(r, PROBLEM_FORBIDDEN, "No access token may do this; sign in.");
    else if (code == NULL)
        reply_invalid_field(r, "/code", NULL, "is missing");
    else
        mfa_setup_verify(r, code);
}

void auth_mfa_verify(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct proof proof;
    struct signin signin;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    proof_read(&body, &proof);
    const char *mfa_token = jsonread_str_or(&body, "mfaToken", 1, COOKIE_TOKEN_SIZE - 1, NULL);
    bool trust = jsonread_bool_or(&body, "trustDevice", false);
    const char *device_name = jsonread_str_or(&body, "deviceName", 0, DEVICE_NAME_MAX, "");
    if (!req_fields_ok(r, &wrong))
        return;
    int rc = signin_find(r, mfa_token, &signin, &err);
    if (rc == 0)
        second_stage(r, &signin, &proof, trust ? device_name : NULL);
    else if (rc != ERR_NOT_FOUND)
        reply_error(r, &err);
    else if (mfa_token != NULL || req_cookie(r, cookie_signin) != NULL)
        reply_over(r);
    else
        check_setup(r, proof.code);
}
