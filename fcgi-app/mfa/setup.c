/* Setting one-time codes up: a secret that waits, a code that shows it arrived, then it is in force. A secret that was
 * in force before stays so until that moment. */
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "common/token.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/request.h"
#include "mfa/codes_json.h"
#include "mfa/judge.h"
#include "mfa/qr.h"
#include "mfa/totp_row.h"
#include "mfa/uri.h"
#include "policy/policy.h"

enum { URI_MAX = 2048, SVG_MAX = 128 * 1024 };

/* --- POST /api/auth/mfa/setup --- */

struct pending {
    const struct audit_key *key;
    struct audit_entry audit;
    const char *user_id;
    const char *session_id;
    char sealed[TOTP_SEALED_SIZE];
};

static int write_pending(struct db *db, void *ctx, struct err *err)
{
    const struct pending *w = ctx;
    int rc = db_exec(db, DB_MFA_PENDING_SET,
                     DB_ARGS(DB_TEXT("user", w->user_id), DB_TEXT("sealed", w->sealed),
                             DB_TEXT("session", w->session_id), DB_INT("now", w->audit.time_ms)),
                     NULL, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

static int store_pending(struct req *r, const unsigned char secret[TOTP_SECRET_SIZE], struct err *err)
{
    const struct principal *p = &r->principal;
    struct pending w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "auth.mfa.setup", arena_printf(r->arena, "user:%s", p->id)),
        .user_id = p->id,
        .session_id = p->session_id,
    };
    if (w.audit.target == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = totp_seal(r->app->secrets, p->id, TOTP_PENDING, secret, w.sealed, err);
    return rc != 0 ? rc : db_write(r->app->writer, write_pending, &w, err);
}

static json_t *setup_json(const char *base32, const char *uri, const char *svg)
{
    char grouped[TOTP_GROUPED_SIZE];
    totp_grouped(base32, grouped);
    json_t *body = json_pack("{s:b,s:s,s:s,s:s}", "success", 1, "secret", grouped, "uri", uri, "qr", svg);
    wipe(grouped, sizeof grouped);
    return body;
}

static int reply_setup(struct req *r, const struct policy *policy, const unsigned char *secret, struct err *err)
{
    char base32[TOTP_BASE32_SIZE];
    struct buf uri, svg;
    buf_init(&uri, URI_MAX);
    buf_init(&svg, SVG_MAX);
    int rc = totp_base32(secret, base32, err);
    if (rc == 0) {
        totp_uri(policy->mfa_issuer, r->principal.email, base32, &uri);
        rc = buf_ok(&uri) ? qr_svg(buf_str(&uri), &svg, err) : err_set(err, ERR_INTERNAL, "the URI is too long");
    }
    if (rc == 0)
        reply_json(r, 200, setup_json(base32, buf_str(&uri), buf_str(&svg)));
    wipe(base32, sizeof base32);
    buf_done_secret(&uri);
    buf_done_secret(&svg);
    return rc;
}

void mfa_setup(struct req *r)
{
    unsigned char secret[TOTP_SECRET_SIZE];
    struct policy policy;
    struct err err = {0};
    policy_get(r->app, r->db, &policy);
    if (!policy.mfa_enabled) {
        reply_problem(r, PROBLEM_CONFLICT, "An admin has switched the setting-up of second factors off.");
        return;
    }
    int rc =
        token_random(secret, sizeof secret) ? 0 : err_set(&err, ERR_UNAVAILABLE, "the system gives no random bytes");
    if (rc == 0)
        rc = store_pending(r, secret, &err);
    if (rc == 0)
        rc = reply_setup(r, &policy, secret, &err);
    wipe(secret, sizeof secret);
    if (rc != 0)
        reply_error(r, &err);
}

/* --- a code of what waits --- */

void mfa_setup_verify(struct req *r, const char *code)
{
    struct mfa_answer answer;
    struct err err = {0};
    if (mfa_try_write(r, r->principal.id, code, r->principal.session_id, &answer, &err) != 0)
        reply_error(r, &err);
    else if (answer.verdict != MFA_RIGHT)
        mfa_verdict_reply(r, &answer);
    else
        reply_json(r, 200, json_pack("{s:b,s:b}", "success", 1, "verified", 1));
}

/* --- POST /api/auth/mfa/enable --- */

struct enable {
    const struct secrets *secrets;
    struct audit_entry audit;
    const char *user_id;
    const char *session_id;
    int count; /* of backup codes, if there are none yet; then how many were made */
    char codes[BACKUP_CODES_MAX][BACKUP_CODE_SIZE];
};

static int move_into_force(struct db *db, const struct enable *w, const struct totp_row *row, struct err *err)
{
    unsigned char secret[TOTP_SECRET_SIZE];
    char sealed[TOTP_SEALED_SIZE];
    int rc = totp_open(w->secrets, w->user_id, TOTP_PENDING, row->pending_secret, secret, err);
    if (rc != 0)
        return rc;
    rc = totp_seal(w->secrets, w->user_id, TOTP_IN_FORCE, secret, sealed, err);
    wipe(secret, sizeof secret);
    return rc != 0 ? rc
                   : db_exec(db, DB_MFA_ENABLE,
                             DB_ARGS(DB_TEXT("user", w->user_id), DB_TEXT("sealed", sealed),
                                     DB_INT("now", w->audit.time_ms)),
                             NULL, err);
}

/* The first set-up makes backup codes, and so does one whose codes are all used. Else the set stays. */
static int make_first_codes(struct db *db, struct enable *w, struct err *err)
{
    int left = 0, total = 0;
    int rc = backup_code_count(db, w->user_id, &left, &total, err);
    if (rc != 0 || left > 0) {
        w->count = 0;
        return rc;
    }
    rc = backup_code_replace(db, w->secrets, w->user_id, w->count, w->audit.time_ms, w->codes, err);
    return rc != 0 ? rc : backup_codes_told(db, w->user_id, w->audit.time_ms, err);
}

/* Wrong guesses were at a secret that is gone, and browsers were trusted on the word of it. */
static int end_what_stood_on_the_old_one(struct db *db, const char *user_id, struct err *err)
{
    int rc = db_exec(db, DB_MFA_LOCKOUT_DELETE, DB_ARGS(DB_TEXT("user", user_id)), NULL, err);
    return rc != 0 ? rc : db_exec(db, DB_DEVICE_DELETE_OF_USER, DB_ARGS(DB_TEXT("user", user_id)), NULL, err);
}

static int write_enable(struct db *db, void *ctx, struct err *err)
{
    struct enable *w = ctx;
    struct totp_row row;
    int rc = totp_row_load(db, w->user_id, w->audit.time_ms, &row, err);
    if (rc != 0)
        return rc;
    if (!row.pending_verified || strcmp(row.pending_session, w->session_id) != 0)
        return err_set(err, ERR_CONFLICT, "Nothing is ready to be enabled: begin the set-up, and type a code of it.");
    rc = move_into_force(db, w, &row, err);
    if (rc == 0)
        rc = end_what_stood_on_the_old_one(db, w->user_id, err);
    if (rc == 0)
        rc = make_first_codes(db, w, err);
    w->audit.detail = row.enabled ? "{\"replaced\":true}" : "{\"replaced\":false}";
    return rc != 0 ? rc : audit_append(db, secrets_audit_key(w->secrets), &w->audit, err);
}

void mfa_enable(struct req *r)
{
    struct policy policy;
    struct err err = {0};
    policy_get(r->app, r->db, &policy);
    struct enable w = {
        .secrets = r->app->secrets,
        .audit = audit_of_request(r, "auth.mfa.enable", arena_printf(r->arena, "user:%s", r->principal.id)),
        .user_id = r->principal.id,
        .session_id = r->principal.session_id,
        .count = (int)policy.backup_codes,
    };
    if (db_write(r->app->writer, write_enable, &w, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, backup_codes_json(w.codes, w.count));
    wipe(w.codes, sizeof w.codes);
}
