#include "fleet/otp.h"

#include <stdio.h>

#include "app.h"
#include "auth/digest.h"
#include "auth/secrets.h"
#include "common/blocking.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "fleet/ca.h"
#include "fleet/network.h"
#include "update/update.h"

struct mint {
    const struct otp_new *otp;
    const struct audit_key *key;
    struct audit_entry audit;
    const char *id;
    const char *hash;
    int64_t expires_ms;
};

static int write_mint(struct db *db, void *ctx, struct err *err)
{
    const struct mint *w = ctx;
    const struct otp_new *otp = w->otp;
    int rc = db_exec(db, DB_OTP_INSERT,
                     DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("otp_hash", w->hash), DB_TEXT("user", otp->owner_id),
                             DB_TEXT("name", otp->name), DB_TEXT("expected_host", otp->expected_host),
                             DB_TEXT("network", otp->network), DB_TEXT("labels", otp->labels),
                             DB_INT("uses", otp->uses), DB_INT("expires", w->expires_ms), DB_INT("now", otp->now_ms)),
                     NULL, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

int otp_mint(struct app *app, const struct otp_new *otp, const struct audit_entry *entry, struct otp_minted *ret,
             struct err *err)
{
    struct network ignored;
    struct otp_minted minted = {.expires_ms = otp->now_ms + otp->ttl_s * 1000};
    char hash[DIGEST_HEX_SIZE], target[4 + UUID_SIZE], detail[48];
    if (otp->network != NULL && !network_parse(otp->network, &ignored))
        return err_set(err, ERR_INVALID, "not a network such as 192.0.2.0/24 or 2001:db8::/32");
    if (!uuid_v7(otp->now_ms, token_random, minted.id) || !token_new(TOKEN_OTP, token_random, minted.otp))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    digest_token(minted.otp, hash);
    (void)snprintf(target, sizeof target, "otp:%s", minted.id);
    (void)snprintf(detail, sizeof detail, "{\"uses\":%lld}", (long long)otp->uses);
    struct mint w = {otp, secrets_audit_key(app->secrets), *entry, minted.id, hash, minted.expires_ms};
    w.audit.action = "otp.mint";
    w.audit.target = target;
    w.audit.detail = detail;
    int rc = db_write(app->writer, write_mint, &w, err);
    if (rc == 0)
        *ret = minted;
    wipe(&minted, sizeof minted);
    return rc;
}

json_t *otp_minted_json(struct app *app, const struct otp_minted *minted)
{
    char expires[CLOCK_RFC3339_SIZE], command[1024], tuf[UPDATE_FINGERPRINT_SIZE];
    struct err ignored = {0};
    blocking_begin();
    bool updates = update_root_fingerprint(app->settings, tuf, &ignored) == 0;
    blocking_end();
    clock_format_rfc3339(minted->expires_ms, expires);
    (void)snprintf(command, sizeof command, "muster-agent enroll --server %s --ca-fingerprint %s%s%s --otp %s",
                   app->settings->agent_url, ca_fingerprint(app->ca), updates ? " --tuf-fingerprint " : "",
                   updates ? tuf : "", minted->otp);
    json_t *json = json_pack("{s:b,s:s,s:s,s:s,s:s,s:s*,s:s}", "success", 1, "otp", minted->otp, "id", minted->id,
                             "expiresAt", expires, "caFingerprint", ca_fingerprint(app->ca), "tufFingerprint",
                             updates ? tuf : NULL, "command", command);
    wipe(command, sizeof command);
    return json;
}

int otp_by_hash(struct db *db, struct arena *arena, const char *hash, struct otp *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_OTP_BY_HASH, DB_ARGS(DB_TEXT("hash", hash)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such one-time password");
    if (rc < 0)
        return rc;
    struct otp otp = {
        .id = arena_strdup(arena, db_rows_text(&rows, 0)),
        .owner_id = arena_strdup(arena, db_rows_text(&rows, 1)),
        .name = arena_strdup(arena, db_rows_text(&rows, 2)),
        .expected_host = arena_strdup(arena, db_rows_text(&rows, 3)),
        .network = arena_strdup(arena, db_rows_text(&rows, 4)),
        .labels = arena_strdup(arena, db_rows_text(&rows, 5)),
        .uses = db_rows_int(&rows, 6, 0),
        .expires_ms = db_rows_int(&rows, 7, 0),
        .blocked = !db_rows_null(&rows, 8),
        .revoked = !db_rows_null(&rows, 9) || !db_rows_null(&rows, 11),
        .used = db_rows_int(&rows, 10, 0),
    };
    bool copied = otp.id != NULL && otp.owner_id != NULL && otp.name != NULL && otp.labels != NULL &&
                  (otp.expected_host != NULL || db_rows_null(&rows, 3)) &&
                  (otp.network != NULL || db_rows_null(&rows, 4)); /* a bound that was lost is no bound */
    db_rows_done(&rows);
    if (!copied)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = otp;
    return 0;
}
