/* Asking for a challenge, and signing in with a passkey alone. */
#include <stdio.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/signin.h"
#include "common/wipe.h"
#include "passkey/challenge.h"
#include "passkey/limits.h"

/* Ties a sign-in without a password to the browser that asked for its challenge: an answer that was got out of
 * somebody elsewhere is good for nothing in another. */
static const char browser_cookie[] = "__Host-muster-passkey";

/* The hash of the browser's cookie, which is made when there is none and lasts as long as the challenge. */
static int browser_begin(struct req *r, char ret[DIGEST_HEX_SIZE], struct err *err)
{
    unsigned char ignored[WEBAUTHN_CHALLENGE_BYTES];
    char token[COOKIE_TOKEN_SIZE];
    size_t len = 0;
    const char *had = req_cookie(r, browser_cookie);
    if (had != NULL && base64url_decode(had, ignored, sizeof ignored, &len) && len == sizeof ignored)
        (void)snprintf(token, sizeof token, "%s", had);
    else if (!cookie_token_new(token))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    digest_token(token, ret);
    cookie_set(r, browser_cookie, token, PASSKEY_CHALLENGE_MS / 1000);
    wipe(token, sizeof token);
    return 0;
}

/* Who asks, for what. False after the reply was set. hash: room for what the challenge is bound to. */
static bool asker(struct req *r, enum passkey_purpose purpose, const char *mfa_token, char hash[DIGEST_HEX_SIZE],
                  struct passkey_ask *ret)
{
    struct signin signin;
    struct err err = {0};
    int rc = 0;
    *ret = (struct passkey_ask){.purpose = purpose, .user_id = "", .bound_to = hash};
    if (purpose == PASSKEY_SIGNIN) {
        rc = browser_begin(r, hash, &err);
    } else if (purpose == PASSKEY_FACTOR) {
        rc = signin_find(r, mfa_token, &signin, &err);
        if (rc == 0)
            *ret = (struct passkey_ask){purpose, signin.user_id, signin.hash};
    } else {
        if (auth_authenticate(r) != 0)
            return false;
        if (r->principal.session_id == NULL)
            reply_problem(r, PROBLEM_FORBIDDEN, "No access token may do this; sign in.");
        *ret = (struct passkey_ask){purpose, r->principal.id, r->principal.session_id};
        return r->principal.session_id != NULL;
    }
    if (rc == ERR_NOT_FOUND)
        reply_problem(r, PROBLEM_UNAUTHENTICATED, "This sign-in is over; begin again with your password.");
    else if (rc != 0)
        reply_error(r, &err);
    return rc == 0;
}

void passkey_ask_challenge(struct req *r)
{
    static const char *const purposes[] = {"signin", "factor", "stepup", NULL};
    static const enum passkey_purpose meant[] = {PASSKEY_SIGNIN, PASSKEY_FACTOR, PASSKEY_STEPUP};
    struct jsonread_error wrong = {0};
    struct jsonread body;
    char hash[DIGEST_HEX_SIZE];
    struct passkey_ask ask;
    json_t *options = NULL;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    int purpose = jsonread_enum(&body, "purpose", purposes);
    const char *mfa_token = jsonread_str_or(&body, "mfaToken", 1, COOKIE_TOKEN_SIZE - 1, NULL);
    if (!req_fields_ok(r, &wrong) || !asker(r, meant[purpose], mfa_token, hash, &ask))
        return;
    int wait_s = passkey_limits_wait_s(r->app->passkeys, ask.user_id, r->remote_addr, r->now_ms);
    if (wait_s > 0) {
        reply_retry_after(r, PROBLEM_RATE_LIMITED, wait_s, "Too many tries; wait a little.");
        return;
    }
    int rc = passkey_challenge(r, &ask, &options, &err);
    if (rc == ERR_NOT_FOUND)
        reply_problem(r, PROBLEM_CONFLICT, "There is no passkey on this account; use another factor.");
    else if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, options);
}

/* --- POST /api/auth/passkeys/login --- */

void passkey_login(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body, credential;
    char hash[DIGEST_HEX_SIZE];
    struct passkey_ask ask = {PASSKEY_SIGNIN, "", hash};
    struct passkey_owner owner;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    jsonread_object(&body, "passkey", &credential);
    bool tokens = jsonread_bool_or(&body, "tokens", false);
    if (!req_fields_ok(r, &wrong))
        return;
    if (!cookie_hash(r, browser_cookie, hash))
        hash[0] = '\0'; /* to which no challenge is bound */
    int rc = passkey_verify(r, &ask, &credential, &owner, &err);
    if (rc == ERR_DENIED) {
        reply_problem(r, PROBLEM_UNAUTHENTICATED, "This passkey was not accepted; try again, or use your password.");
    } else if (rc != 0) {
        reply_error(r, &err);
    } else {
        struct session_user who = {.id = owner.user_id,
                                   .email = owner.email,
                                   .role = owner.role,
                                   .method = "passkey",
                                   .passkey_id = owner.passkey_id};
        cookie_set(r, browser_cookie, "", 0);
        (void)signin_complete(r, &who, tokens ? SIGNIN_TOKEN : SIGNIN_COOKIE);
    }
}
