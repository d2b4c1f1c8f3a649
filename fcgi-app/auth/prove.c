#include "auth/prove.h"

#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/limits.h"
#include "auth/session.h"
#include "common/wipe.h"
#include "http/problem.h"
#include "mfa/mfa.h"

/* 0, ERR_DENIED, or what kept us from judging. */
static int check(struct req *r, const char *email, const char *password, struct user *ret, struct err *err)
{
    struct login_limits *limits = r->app->logins;
    int rc = user_by_email(r->db, email, ret, err);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    bool known = rc == 0 && !ret->disabled;
    rc = login_limits_hash_begin(limits, LOGIN_HASH_WAIT_MS, err);
    if (rc != 0)
        return rc;
    bool right = password_verify(password, strlen(password), known ? ret->password_hash : NULL);
    login_limits_hash_end(limits);
    return right ? 0 : err_set(err, ERR_DENIED, "wrong address or password");
}

/* again: the one who is signed in was wrong, which does not mean that they are not. */
static void refuse(struct req *r, bool again, const char *user_id, int rc, const struct err *err)
{
    if (rc == ERR_TIMEOUT) {
        reply_retry_after(r, PROBLEM_UNAVAILABLE, 2, "Too many people are signing in at once; try again.");
    } else if (rc == ERR_DENIED) {
        if (again) {
            auth_denied(r, r->principal.id, "auth.password", arena_printf(r->arena, "user:%s", r->principal.id), NULL);
            reply_problem(r, PROBLEM_PROOF_WRONG, "This is not your password.");
        } else {
            auth_failure_note_of(r->app, "auth.login", r->remote_addr, user_id);
            reply_problem(r, PROBLEM_UNAUTHENTICATED, "The e-mail address or the password is wrong.");
        }
    } else {
        reply_error(r, err);
    }
}

/* Asked for every address, known or not. */
bool password_at_home(struct req *r, const char *email)
{
    char key[USER_EMAIL_MAX + 1] = "";
    struct db_rows rows;
    struct err err = {0};
    int64_t since_ms = r->now_ms - SESSION_ADDRESS_DAYS * INT64_C(24) * 3600 * 1000;
    (void)user_email_key(email, key);
    int rc = db_query_one(r->db, DB_SIGNIN_ADDRESS_KNOWN,
                          DB_ARGS(DB_TEXT("email", key), DB_TEXT("address", r->remote_addr), DB_INT("since", since_ms)),
                          &rows, &err);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return rc == DB_ROW;
}

static bool judge(struct req *r, bool again, const char *email, const char *password, struct user *ret)
{
    struct err err = {0};
    const struct login_source source = {
        .account = email, .address = r->remote_addr, .known = password_at_home(r, email)};
    int wait_s = login_limits_wait_s(r->app->logins, &source, r->now_ms);
    if (wait_s > 0) {
        auth_failure_note(r->app, "auth.login", r->remote_addr);
        reply_retry_after(r, PROBLEM_RATE_LIMITED, wait_s, "Too many tries that failed; wait a little.");
        return false;
    }
    /* Counted before it is judged, so that a hundred tries sent at once do not all find a clean slate. */
    login_limits_failed(r->app->logins, &source, r->now_ms);
    int rc = check(r, email, password, ret, &err);
    if (rc == 0) {
        login_limits_succeeded(r->app->logins, &source);
        return true;
    }
    wipe(ret->password_hash, sizeof ret->password_hash);
    refuse(r, again, ret->id, rc, &err);
    return false;
}

bool password_proven(struct req *r, const char *email, const char *password, struct user *ret)
{
    return judge(r, false, email, password, ret);
}

bool own_password_proven(struct req *r, const char *password)
{
    struct user user = {0};
    if (!login_limits_proof_begin(r->app->logins, r->principal.id)) {
        reply_retry_after(r, PROBLEM_RATE_LIMITED, 1, "Your password is being looked at already; try again.");
        return false;
    }
    bool right = judge(r, true, r->principal.email, password, &user);
    login_limits_proof_end(r->app->logins, r->principal.id);
    wipe(user.password_hash, sizeof user.password_hash);
    return right;
}

void proof_read(struct jsonread *body, struct proof *ret)
{
    *ret = (struct proof){.password = jsonread_text_or(body, "password", 1, PASSWORD_MAX, NULL),
                          .code = jsonread_str_or(body, "code", 1, MFA_CODE_MAX, NULL),
                          .has_passkey = jsonread_has(body, "passkey")};
    jsonread_object_or_none(body, "passkey", &ret->passkey);
}

static enum factor_verdict judge_code(struct req *r, const char *user_id, const char *code, struct factor_right *ret)
{
    struct mfa_answer answer;
    struct err err = {0};
    if (mfa_check(r, user_id, code, &answer, &err) != 0) {
        reply_error(r, &err);
        return FACTOR_UNJUDGED;
    }
    if (answer.verdict != MFA_RIGHT) {
        mfa_verdict_reply(r, &answer);
        return answer.verdict == MFA_WRONG ? FACTOR_WRONG : FACTOR_UNJUDGED;
    }
    bool backup = strcmp(answer.method, "backup-code") == 0;
    *ret = (struct factor_right){answer.method, backup ? answer.codes_left : -1};
    return FACTOR_RIGHT;
}

static enum factor_verdict judge_passkey(struct req *r, const struct passkey_ask *asker,
                                         const struct jsonread *credential, struct factor_right *ret)
{
    struct passkey_owner owner;
    struct err err = {0};
    int rc = passkey_verify(r, asker, credential, &owner, &err);
    if (rc == ERR_DENIED)
        reply_problem(r, PROBLEM_PROOF_WRONG, "This passkey was not accepted; try again.");
    else if (rc != 0)
        reply_error(r, &err);
    if (rc != 0)
        return rc == ERR_DENIED ? FACTOR_WRONG : FACTOR_UNJUDGED;
    *ret = (struct factor_right){"passkey", -1};
    return FACTOR_RIGHT;
}

enum factor_verdict factor_judge(struct req *r, const struct passkey_ask *asker, const struct proof *proof,
                                 struct factor_right *ret)
{
    if (proof->has_passkey)
        return judge_passkey(r, asker, &proof->passkey, ret);
    if (proof->code != NULL)
        return judge_code(r, asker->user_id, proof->code, ret);
    reply_invalid_field(r, "/code", NULL, "is missing");
    return FACTOR_UNJUDGED;
}

bool proven_again(struct req *r, const struct proof *proof, const char **ret_method)
{
    const struct principal *p = &r->principal;
    if (p->has_factor) {
        struct passkey_ask asker = {PASSKEY_STEPUP, p->id, p->session_id};
        struct factor_right right;
        if (factor_judge(r, &asker, proof, &right) != FACTOR_RIGHT)
            return false;
        *ret_method = right.method;
        return true;
    }
    if (proof->password == NULL) {
        reply_invalid_field(r, "/password", NULL, "is missing");
        return false;
    }
    *ret_method = "password";
    return own_password_proven(r, proof->password);
}
