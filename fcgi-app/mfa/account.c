/* What people see and do about their own factors once they have them. */
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/prove.h"
#include "auth/users.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/request.h"
#include "mfa/codes_json.h"
#include "mfa/mfa.h"
#include "mfa/totp_row.h"
#include "policy/policy.h"

json_t *backup_codes_json(char codes[][BACKUP_CODE_SIZE], int count)
{
    json_t *list = json_array();
    for (int i = 0; list != NULL && i < count; i++) {
        if (json_array_append_new(list, json_string(codes[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:b,s:o}", "success", 1, "backupCodes", list);
}

int backup_codes_told(struct db *db, const char *user_id, int64_t now_ms, struct err *err)
{
    return db_exec(db, DB_MFA_CODES_FEW_OVER, DB_ARGS(DB_TEXT("user", user_id), DB_INT("now", now_ms)), NULL, err);
}

/* --- GET /api/auth/mfa --- */

struct account {
    struct totp_row row;
    struct mfa_state state;
    struct policy policy;
    int codes_total;
};

static int read_account(struct req *r, struct account *ret, struct err *err)
{
    const char *user_id = r->principal.id;
    int left = 0;
    int rc = db_read_begin(r->db, err);
    if (rc != 0)
        return rc;
    rc = totp_row_load(r->db, user_id, r->now_ms, &ret->row, err);
    if (rc == 0)
        rc = mfa_state(r->db, user_id, &ret->state, err);
    if (rc == 0)
        rc = backup_code_count(r->db, user_id, &left, &ret->codes_total, err);
    db_read_end(r->db);
    return rc;
}

static json_t *account_json(const struct account *a)
{
    json_t *totp = json_pack("{s:b,s:o,s:b}", "enabled", a->row.enabled, "enabled_ms",
                             a->row.enabled ? json_integer((json_int_t)a->row.enabled_ms) : json_null(), "pending",
                             a->row.pending);
    return json_pack("{s:o,s:i,s:i,s:i,s:b,s:b,s:I}", "totp", totp, "codesLeft", a->state.codes_left, "codesTotal",
                     a->codes_total, "passkeys", a->state.passkeys, "enabled", a->policy.mfa_enabled, "required",
                     a->policy.mfa_required, "trustedDeviceDays", (json_int_t)a->policy.trusted_device_days);
}

void mfa_get(struct req *r)
{
    struct account account;
    struct err err = {0};
    policy_get(r->app, r->db, &account.policy);
    if (read_account(r, &account, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, account_json(&account));
    wipe(&account.row, sizeof account.row);
}

/* --- POST /api/auth/mfa/disable --- */

struct disable {
    const struct audit_key *key;
    struct audit_entry audit;
    const char *user_id;
    bool required; /* the last factor stays */
};

/* Read again inside the write: a passkey may have gone meanwhile. */
static int may_disable(struct db *db, const char *user_id, bool required, struct mfa_state *ret, struct err *err)
{
    int rc = mfa_state(db, user_id, ret, err);
    if (rc == 0 && !ret->totp)
        return err_set(err, ERR_CONFLICT, "You have no one-time codes set up.");
    if (rc == 0 && required && ret->passkeys == 0)
        return err_set(err, ERR_CONFLICT,
                       "This server asks everybody for a second factor, and this is your last one. Set it up anew "
                       "instead, or add a passkey first.");
    return rc;
}

static int write_disable(struct db *db, void *ctx, struct err *err)
{
    const struct disable *w = ctx;
    struct mfa_state state;
    int rc = may_disable(db, w->user_id, w->required, &state, err);
    if (rc == 0)
        rc = db_exec(db, DB_MFA_TOTP_DELETE, DB_ARGS(DB_TEXT("user", w->user_id)), NULL, err);
    if (rc == 0 && state.passkeys == 0)
        rc = db_exec(db, DB_MFA_BACKUP_CODE_DELETE_ALL, DB_ARGS(DB_TEXT("user", w->user_id)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_DEVICE_DELETE_OF_USER, DB_ARGS(DB_TEXT("user", w->user_id)), NULL, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

/* The password, and a factor of whatever kind. False after the reply was set. */
static bool both_proven(struct req *r, const struct proof *proof)
{
    struct passkey_ask asker = {PASSKEY_STEPUP, r->principal.id, r->principal.session_id};
    struct factor_right right;
    return own_password_proven(r, proof->password) && factor_judge(r, &asker, proof, &right) == FACTOR_RIGHT;
}

static bool read_proof(struct req *r, struct proof *ret)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    (void)jsonread_text(&body, "password", 1, PASSWORD_MAX); /* both have to be there */
    if (!jsonread_has(&body, "passkey"))
        (void)jsonread_str(&body, "code", 1, MFA_CODE_MAX);
    proof_read(&body, ret);
    return req_fields_ok(r, &wrong);
}

void mfa_disable(struct req *r)
{
    struct proof proof;
    struct mfa_state state;
    struct policy policy;
    struct err err = {0};
    if (!read_proof(r, &proof))
        return;
    policy_get(r->app, r->db, &policy);
    struct disable w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "auth.mfa.disable", arena_printf(r->arena, "user:%s", r->principal.id)),
        .user_id = r->principal.id,
        .required = policy.mfa_required,
    };
    int rc = may_disable(r->db, w.user_id, w.required, &state, &err);
    if (rc == 0 && !both_proven(r, &proof))
        return;
    if (rc == 0)
        rc = db_write(r->app->writer, write_disable, &w, &err);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

/* --- POST /api/auth/mfa/backup-codes --- */

struct renew {
    const struct secrets *secrets;
    struct audit_entry audit;
    const char *user_id;
    int count;
    char codes[BACKUP_CODES_MAX][BACKUP_CODE_SIZE];
};

static int write_renew(struct db *db, void *ctx, struct err *err)
{
    struct renew *w = ctx;
    struct mfa_state state;
    int rc = mfa_state(db, w->user_id, &state, err);
    if (rc == 0 && !state.totp && state.passkeys == 0)
        return err_set(err, ERR_CONFLICT, "Backup codes stand in for a second factor; set one up first.");
    if (rc == 0)
        rc = backup_code_replace(db, w->secrets, w->user_id, w->count, w->audit.time_ms, w->codes, err);
    if (rc == 0)
        rc = backup_codes_told(db, w->user_id, w->audit.time_ms, err);
    return rc != 0 ? rc : audit_append(db, secrets_audit_key(w->secrets), &w->audit, err);
}

void mfa_backup_codes(struct req *r)
{
    struct policy policy;
    struct err err = {0};
    policy_get(r->app, r->db, &policy);
    struct renew w = {
        .secrets = r->app->secrets,
        .audit = audit_of_request(r, "auth.mfa.backup_codes", arena_printf(r->arena, "user:%s", r->principal.id)),
        .user_id = r->principal.id,
        .count = (int)policy.backup_codes,
    };
    if (db_write(r->app->writer, write_renew, &w, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, backup_codes_json(w.codes, w.count));
    wipe(w.codes, sizeof w.codes);
}
