#include "mfa/judge.h"

#include <stdio.h>
#include <string.h>

#include "common/wipe.h"
#include "mfa/backup_code.h"
#include "mfa/lockout.h"
#include "mfa/totp_row.h"
#include "ops/alert.h"

enum { CODES_FEW = 3 };

/* What somebody typed, by its form. */
struct typed {
    enum lockout_kind kind;
    char digits[TOTP_DIGITS + 1];          /* TOTP, SETUP; "" when it is no code at all */
    char letters[BACKUP_CODE_LETTERS + 1]; /* BACKUP_CODE */
};

static void read_code(const struct mfa_try *t, struct typed *ret)
{
    *ret = (struct typed){.kind = t->setup_session != NULL ? LOCKOUT_SETUP : LOCKOUT_TOTP};
    if (!totp_parse(t->code, ret->digits) && t->setup_session == NULL && backup_code_parse(t->code, ret->letters))
        ret->kind = LOCKOUT_BACKUP_CODE;
}

static enum mfa_verdict verdict_of_step(enum totp_match match, int64_t changes)
{
    if (match == TOTP_NONE)
        return MFA_WRONG;
    return match == TOTP_FRESH && changes > 0 ? MFA_RIGHT : MFA_REPEATED;
}

static int judge_in_force(struct db *db, const struct mfa_try *t, const char *digits, enum mfa_verdict *ret,
                          struct err *err)
{
    struct totp_row row;
    unsigned char secret[TOTP_SECRET_SIZE];
    int64_t step = 0, changes = 0;
    *ret = MFA_WRONG;
    int rc = totp_row_load(db, t->user_id, t->now_ms, &row, err);
    if (rc != 0 || !row.enabled)
        return rc;
    rc = totp_open(t->secrets, t->user_id, TOTP_IN_FORCE, row.secret, secret, err);
    if (rc != 0)
        return rc;
    enum totp_match match = totp_match(secret, digits, t->now_ms, row.last_step, &step);
    wipe(secret, sizeof secret);
    if (match == TOTP_FRESH)
        rc = db_exec(db, DB_MFA_TOTP_STEP, DB_ARGS(DB_TEXT("user", t->user_id), DB_INT("step", step)), &changes, err);
    *ret = verdict_of_step(match, changes);
    return rc;
}

static int judge_setup(struct db *db, const struct mfa_try *t, const char *digits, enum mfa_verdict *ret,
                       struct err *err)
{
    struct totp_row row;
    unsigned char secret[TOTP_SECRET_SIZE];
    int64_t step = 0, changes = 0;
    int rc = totp_row_load(db, t->user_id, t->now_ms, &row, err);
    if (rc != 0)
        return rc;
    if (!row.pending || strcmp(row.pending_session, t->setup_session) != 0)
        return err_set(err, ERR_CONFLICT, "Nothing waits for a code here; begin the set-up anew.");
    rc = totp_open(t->secrets, t->user_id, TOTP_PENDING, row.pending_secret, secret, err);
    if (rc != 0)
        return rc;
    enum totp_match match = totp_match(secret, digits, t->now_ms, row.pending_step, &step);
    wipe(secret, sizeof secret);
    if (match == TOTP_FRESH)
        rc = db_exec(db, DB_MFA_PENDING_VERIFIED,
                     DB_ARGS(DB_TEXT("user", t->user_id), DB_INT("step", step), DB_INT("now", t->now_ms)), &changes,
                     err);
    *ret = verdict_of_step(match, changes);
    return rc;
}

static int judge_backup_code(struct db *db, const struct mfa_try *t, const char *letters, enum mfa_verdict *ret,
                             struct err *err)
{
    bool used = false;
    int rc = backup_code_use(db, t->secrets, t->user_id, letters, t->now_ms, &used, err);
    *ret = used ? MFA_RIGHT : MFA_WRONG;
    return rc;
}

static int judge_typed(struct db *db, const struct mfa_try *t, const struct typed *typed, enum mfa_verdict *ret,
                       struct err *err)
{
    switch (typed->kind) {
    case LOCKOUT_BACKUP_CODE: return judge_backup_code(db, t, typed->letters, ret, err);
    case LOCKOUT_SETUP: return judge_setup(db, t, typed->digits, ret, err);
    case LOCKOUT_TOTP: break;
    }
    return judge_in_force(db, t, typed->digits, ret, err);
}

/* --- what else it leads to --- */

static int tell(struct db *db, const struct mfa_try *t, const char *kind, const char *message, struct err *err)
{
    struct alert alert = {.kind = kind, .message = message, .user_id = t->user_id, .time_ms = t->now_ms};
    return alert_raise(db, &alert, err);
}

static int record(struct db *db, const struct mfa_try *t, const char *action, enum audit_result result,
                  const char *detail, struct err *err)
{
    struct audit_entry entry = t->audit;
    entry.action = action;
    entry.result = result;
    entry.detail = detail;
    return audit_append(db, secrets_audit_key(t->secrets), &entry, err);
}

static int on_wrong(struct db *db, const struct mfa_try *t, const struct mfa_answer *answer, struct err *err)
{
    char detail[96];
    (void)snprintf(detail, sizeof detail, "{\"method\":\"%s\",\"repeated\":%s,\"locked\":%s}", answer->method,
                   answer->verdict == MFA_REPEATED ? "true" : "false", answer->wait_s > 0 ? "true" : "false");
    int rc = record(db, t, "auth.mfa.code", AUDIT_DENIED, detail, err);
    if (rc == 0 && answer->wait_s > 0)
        rc = tell(db, t, "mfa.locked",
                  "Five wrong codes were typed for this account after its password: codes are locked for a quarter of "
                  "an hour. If it was not you, change your password.",
                  err);
    return rc;
}

static int on_backup_code(struct db *db, const struct mfa_try *t, struct mfa_answer *answer, struct err *err)
{
    char detail[48];
    int total = 0;
    int rc = backup_code_count(db, t->user_id, &answer->codes_left, &total, err);
    (void)snprintf(detail, sizeof detail, "{\"codesLeft\":%d}", answer->codes_left);
    if (rc == 0)
        rc = record(db, t, "auth.mfa.backup_code", AUDIT_OK, detail, err);
    if (rc == 0 && answer->codes_left <= CODES_FEW)
        rc = tell(db, t, "mfa.codes_few", "Few backup codes are left; make new ones under \"My account\".", err);
    return rc;
}

/* A right one-time code has no row of its own: what it was for has. */
static int follow(struct db *db, const struct mfa_try *t, const struct typed *typed, struct lockout *lockout,
                  struct mfa_answer *answer, struct err *err)
{
    switch (answer->verdict) {
    case MFA_RIGHT: lockout_passed(lockout, typed->kind); break;
    case MFA_REPEATED: lockout_repeated(lockout, t->now_ms); break;
    default:
        if (lockout_failed(lockout, typed->kind, t->now_ms))
            answer->wait_s = LOCKOUT_MS / 1000;
        break;
    }
    int rc = lockout_store(db, t->user_id, lockout, err);
    if (rc == 0 && answer->verdict != MFA_RIGHT)
        return on_wrong(db, t, answer, err);
    return rc == 0 && typed->kind == LOCKOUT_BACKUP_CODE ? on_backup_code(db, t, answer, err) : rc;
}

static enum mfa_verdict verdict_of_gate(enum lockout_gate gate)
{
    return gate == LOCKOUT_TOO_FAST ? MFA_TOO_FAST : gate == LOCKOUT_CLOSED ? MFA_LOCKED : MFA_BACKUP_CODE_NEEDED;
}

int mfa_judge(struct db *db, const struct mfa_try *t, struct mfa_answer *ret, struct err *err)
{
    struct typed typed;
    struct lockout lockout;
    read_code(t, &typed);
    *ret = (struct mfa_answer){.method = typed.kind == LOCKOUT_BACKUP_CODE ? "backup-code" : "totp"};
    int rc = lockout_load(db, t->user_id, &lockout, err);
    enum lockout_gate gate = lockout_ask(&lockout, typed.kind, t->now_ms, &ret->wait_s);
    if (rc == 0 && gate != LOCKOUT_OPEN)
        ret->verdict = verdict_of_gate(gate);
    else if (rc == 0 && (rc = judge_typed(db, t, &typed, &ret->verdict, err)) == 0)
        rc = follow(db, t, &typed, &lockout, ret, err);
    wipe(&typed, sizeof typed);
    return rc;
}
