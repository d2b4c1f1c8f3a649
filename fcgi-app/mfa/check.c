#include "mfa/mfa.h"

#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "db/writer.h"
#include "http/request.h"
#include "mfa/judge.h"

struct judged {
    struct mfa_try try;
    struct mfa_answer answer;
};

static int write_judged(struct db *db, void *ctx, struct err *err)
{
    struct judged *j = ctx;
    return mfa_judge(db, &j->try, &j->answer, err);
}

int mfa_try_write(struct req *r, const char *user_id, const char *code, const char *setup_session,
                  struct mfa_answer *ret, struct err *err)
{
    const char *who = arena_printf(r->arena, "user:%s", user_id);
    if (who == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct judged j = {.try = {.secrets = r->app->secrets,
                               .user_id = user_id,
                               .code = code,
                               .setup_session = setup_session,
                               .now_ms = r->now_ms,
                               .audit = audit_of_request(r, "", who)}};
    /* Between the stages of a sign-in nobody is signed in, but we know who it is. */
    j.try.audit.actor = who;
    int rc = db_write(r->app->writer, write_judged, &j, err);
    if (rc != 0)
        return rc;
    /* What was not even judged is counted, not written one by one. */
    if (j.answer.verdict >= MFA_LOCKED)
        auth_failure_note(r->app, "auth.mfa.code", r->remote_addr);
    *ret = j.answer;
    return 0;
}

int mfa_check(struct req *r, const char *user_id, const char *code, struct mfa_answer *ret, struct err *err)
{
    return mfa_try_write(r, user_id, code, NULL, ret, err);
}

static const char *duration(struct req *r, int seconds)
{
    const char *text = seconds < 120 ? arena_printf(r->arena, "%d seconds", seconds)
                                     : arena_printf(r->arena, "%d minutes", (seconds + 59) / 60);
    return text != NULL ? text : "a little";
}

void mfa_verdict_reply(struct req *r, const struct mfa_answer *a)
{
    switch (a->verdict) {
    case MFA_RIGHT: break; /* not for here: without a reply the request becomes a 500 */
    case MFA_REPEATED:
        reply_problem(r, PROBLEM_CODE_REPEATED, "This code has been used; wait for the next one.");
        break;
    case MFA_LOCKED:
        reply_retry_after(
            r, PROBLEM_RATE_LIMITED, a->wait_s,
            arena_printf(r->arena, "Too many wrong codes; wait %s, or use a backup code.", duration(r, a->wait_s)));
        break;
    case MFA_TOO_FAST:
        reply_retry_after(r, PROBLEM_RATE_LIMITED, a->wait_s,
                          arena_printf(r->arena, "Too many codes in a minute; wait %s.", duration(r, a->wait_s)));
        break;
    case MFA_BACKUP_CODE_NEEDED:
        reply_problem(
            r, PROBLEM_BACKUP_CODE_REQUIRED,
            "Twenty codes in a row were wrong; use a backup code, or have an admin reset your second factor.");
        break;
    case MFA_WRONG:
        reply_problem(r, PROBLEM_PROOF_WRONG,
                      a->wait_s > 0
                          ? arena_printf(r->arena,
                                         "The code is wrong. It was the fifth; wait %s, or use a backup code.",
                                         duration(r, a->wait_s))
                          : "The code is wrong.");
        break;
    }
}

int mfa_state(struct db *db, const char *user_id, struct mfa_state *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_MFA_STATE, DB_ARGS(DB_TEXT("user", user_id)), &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_INTERNAL, "a count without a row");
    *ret = (struct mfa_state){
        .totp = db_rows_int(&rows, 0, 0) != 0,
        .passkeys = (int)db_rows_int(&rows, 1, 0),
        .codes_left = (int)db_rows_int(&rows, 2, 0),
    };
    db_rows_done(&rows);
    return 0;
}
