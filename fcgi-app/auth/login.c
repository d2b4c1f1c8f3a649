/* The routes under /api/auth. */
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "auth/session.h"
#include "auth/users.h"
#include "common/log.h"
#include "common/wipe.h"
#include "db/writer.h"

enum { HASH_WAIT_MS = 2000 };

static json_t *user_json(const char *id, const char *email, enum role role)
{
    return json_pack("{s:s,s:s,s:s}", "id", id, "email", email, "role", role_name(role));
}

/* Exactly one Argon2 computation, whatever the address turns out to be. 0, ERR_DENIED, or what kept us from judging. */
static int check_password(struct req *r, const char *email, const char *password, struct user *ret, struct err *err)
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

static void refuse(struct req *r, int rc, const struct err *err)
{
    if (rc == ERR_TIMEOUT) {
        reply_retry_after(r, PROBLEM_UNAVAILABLE, 2, "Too many people are signing in at once; try again.");
    } else if (rc == ERR_DENIED) {
        auth_failure_note(r->app, "auth.login", r->remote_addr);
        reply_problem(r, PROBLEM_UNAUTHENTICATED, "The e-mail address or the password is wrong.");
    } else {
        reply_error(r, err);
    }
}

void auth_login(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return;
    const char *email = jsonread_str(&body, "email", 1, USER_EMAIL_MAX);
    const char *password = jsonread_text(&body, "password", 1, PASSWORD_MAX);
    if (!req_fields_ok(r, &wrong))
        return;
    int wait_s = login_limits_wait_s(r->app->logins, email, r->remote_addr, r->now_ms);
    if (wait_s > 0) {
        auth_failure_note(r->app, "auth.login", r->remote_addr);
        reply_retry_after(r, PROBLEM_RATE_LIMITED, wait_s, "Too many tries that failed; wait a little.");
        return;
    }
    struct user user = {0};
    struct err err = {0};
    /* Counted before it is judged, so that a hundred tries sent at once do not all find a clean slate. */
    login_limits_failed(r->app->logins, email, r->remote_addr, r->now_ms);
    int rc = check_password(r, email, password, &user, &err);
    const char *csrf_token = NULL;
    if (rc == 0) {
        login_limits_succeeded(r->app->logins, email, r->remote_addr);
        rc = session_begin(r, &(struct session_user){user.id, user.email, user.role}, &csrf_token, &err);
    }
    wipe(user.password_hash, sizeof user.password_hash);
    if (rc != 0) {
        refuse(r, rc, &err);
        return;
    }
    reply_json(r, 200,
               json_pack("{s:b,s:o,s:s}", "success", 1, "user", user_json(user.id, user.email, user.role), "csrfToken",
                         csrf_token));
}

void auth_logout(struct req *r)
{
    struct err err = {0};
    if (session_end(r, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

void auth_session(struct req *r)
{
    const struct principal *p = &r->principal;
    reply_json(r, 200,
               json_pack("{s:o,s:s,s:I,s:s}", "user", user_json(p->id, p->email, p->role), "csrfToken", p->csrf_token,
                         "serverTime_ms", (json_int_t)r->now_ms, "version", MUSTER_VERSION));
}
