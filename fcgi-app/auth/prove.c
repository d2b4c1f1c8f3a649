#include "auth/prove.h"

#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "common/wipe.h"
#include "http/problem.h"

enum { HASH_WAIT_MS = 2000 };

/* 0, ERR_DENIED, or what kept us from judging. */
static int check(struct req *r, const char *email, const char *password, struct user *ret, struct err *err)
{
    struct login_limits *limits = r->app->logins;
    int rc = user_by_email(r->db, email, ret, err);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    bool known = rc == 0 && !ret->disabled;
    rc = login_limits_hash_begin(limits, HASH_WAIT_MS, err);
    if (rc != 0)
        return rc;
    bool right = password_verify(password, strlen(password), known ? ret->password_hash : NULL);
    login_limits_hash_end(limits);
    return right ? 0 : err_set(err, ERR_DENIED, "wrong address or password");
}

/* again: the one who is signed in was wrong, which does not mean that they are not. */
static void refuse(struct req *r, bool again, int rc, const struct err *err)
{
    if (rc == ERR_TIMEOUT) {
        reply_retry_after(r, PROBLEM_UNAVAILABLE, 2, "Too many people are signing in at once; try again.");
    } else if (rc == ERR_DENIED) {
        auth_failure_note(r->app, "auth.login", r->remote_addr);
        if (again)
            reply_problem(r, PROBLEM_PROOF_WRONG, "This is not your password.");
        else
            reply_problem(r, PROBLEM_UNAUTHENTICATED, "The e-mail address or the password is wrong.");
    } else {
        reply_error(r, err);
    }
}

static bool judge(struct req *r, bool again, const char *email, const char *password, struct user *ret)
{
    struct err err = {0};
    int wait_s = login_limits_wait_s(r->app->logins, email, r->remote_addr, r->now_ms);
    if (wait_s > 0) {
        auth_failure_note(r->app, "auth.login", r->remote_addr);
        reply_retry_after(r, PROBLEM_RATE_LIMITED, wait_s, "Too many tries that failed; wait a little.");
        return false;
    }
    /* Counted before it is judged, so that a hundred tries sent at once do not all find a clean slate. */
    login_limits_failed(r->app->logins, email, r->remote_addr, r->now_ms);
    int rc = check(r, email, password, ret, &err);
    if (rc == 0) {
        login_limits_succeeded(r->app->logins, email, r->remote_addr);
        return true;
    }
    wipe(ret->password_hash, sizeof ret->password_hash);
    refuse(r, again, rc, &err);
    return false;
}

bool password_proven(struct req *r, const char *email, const char *password, struct user *ret)
{
    return judge(r, false, email, password, ret);
}

void proof_read(struct jsonread *body, struct proof *ret)
{
    ret->password = jsonread_text_or(body, "password", 1, PASSWORD_MAX, NULL);
}

bool proven_again(struct req *r, const struct proof *proof, const char **ret_method)
{
    struct user user = {0};
    if (proof->password == NULL) {
        reply_invalid_field(r, "/password", NULL, "is missing");
        return false;
    }
    if (!judge(r, true, r->principal.email, proof->password, &user))
        return false;
    wipe(user.password_hash, sizeof user.password_hash);
    *ret_method = "password";
    return true;
}
