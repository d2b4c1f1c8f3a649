#include "fleet/redeem.h"

#include <stdio.h>
#include <strings.h>

#include "fleet/network.h"
#include "ops/alert.h"

static bool bound_elsewhere(const struct otp *otp, const struct redemption *r)
{
    struct network network;
    if (otp->expected_host != NULL && strcasecmp(otp->expected_host, r->agent.hostname) != 0)
        return true;
    return otp->network != NULL &&
           (!network_parse(otp->network, &network) || !network_contains(&network, r->agent.address));
}

/* What this key did with the password before. *ret_outcome: AGAIN, GONE, or NEW when it did nothing. */
static int find_use(struct db *db, const struct otp *otp, struct redemption *r, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query_one(db, DB_OTP_USE_GET, DB_ARGS(DB_TEXT("otp", otp->id), DB_TEXT("spki", r->agent.spki)), &rows, err);
    if (rc < 0)
        return rc;
    r->outcome = REDEEM_NEW;
    if (rc == DB_DONE)
        return 0;
    bool gone = db_rows_null(&rows, 0) || db_rows_null(&rows, 1);
    r->outcome = gone ? REDEEM_GONE : REDEEM_AGAIN;
    r->sealed_before = arena_strdup(r->arena, db_rows_text(&rows, 1));
    db_rows_done(&rows);
    return gone || r->sealed_before != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int key_denied(struct db *db, const char *spki, bool *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_DENIED_KEY_GET, DB_ARGS(DB_TEXT("spki", spki)), &rows, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW;
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return 0;
}

static int judge(struct db *db, const struct otp *otp, struct redemption *r, struct err *err)
{
    bool denied = false;
    if (otp->revoked || otp->expires_ms <= r->agent.now_ms) {
        r->outcome = otp->revoked ? REDEEM_REVOKED : REDEEM_EXPIRED;
        return 0;
    }
    if (bound_elsewhere(otp, r) || otp->blocked) {
        r->outcome = otp->blocked ? REDEEM_TAKEN : REDEEM_NOT_BOUND;
        return 0;
    }
    int rc = find_use(db, otp, r, err);
    if (rc != 0 || r->outcome != REDEEM_NEW)
        return rc;
    rc = key_denied(db, r->agent.spki, &denied, err);
    if (rc == 0 && denied)
        r->outcome = REDEEM_KEY_DENIED;
    else if (rc == 0 && otp->used >= otp->uses)
        r->outcome = otp->uses == 1 ? REDEEM_TAKEN_NOW : REDEEM_USED_UP;
    return rc;
}

static int append_audit(struct db *db, const struct redemption *r, const char *action, const char *kind, const char *id,
                        enum audit_result result, const char *detail, struct err *err)
{
    struct audit_entry entry = r->audit;
    char target[8 + UUID_SIZE];
    (void)snprintf(target, sizeof target, "%s:%s", kind, id);
    entry.action = action;
    entry.target = target;
    entry.result = result;
    entry.detail = detail;
    return audit_append(db, r->key, &entry, err);
}

static int store_agent(struct db *db, const struct otp *otp, struct redemption *r, struct err *err)
{
    char detail[16 + UUID_SIZE];
    r->agent.owner_id = otp->owner_id;
    r->agent.labels = otp->labels;
    int rc = agent_insert(db, &r->agent, err);
    if (rc == 0)
        rc = db_exec(db, DB_OTP_USE_INSERT,
                     DB_ARGS(DB_TEXT("otp", otp->id), DB_TEXT("spki", r->agent.spki), DB_TEXT("agent", r->agent.id),
                             DB_TEXT("sealed_answer", r->sealed_answer), DB_TEXT("address", r->agent.address),
                             DB_INT("now", r->agent.now_ms)),
                     NULL, err);
    (void)snprintf(detail, sizeof detail, "{\"otp\":\"%s\"}", otp->id);
    return rc != 0 ? rc : append_audit(db, r, "agent.enroll", "agent", r->agent.id, AUDIT_OK, detail, err);
}

/* The agent that redeemed first; "" when it is gone. */
static int first_agent(struct db *db, const char *otp_id, char ret_id[UUID_SIZE], char *ret_name, size_t name_size,
                       struct err *err)
{
    struct db_rows rows;
    ret_id[0] = ret_name[0] = '\0';
    int rc = db_query_one(db, DB_OTP_FIRST_AGENT, DB_ARGS(DB_TEXT("otp", otp_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(ret_id, UUID_SIZE, "%s", db_rows_text(&rows, 0));
    (void)snprintf(ret_name, name_size, "%s", db_rows_text(&rows, 1));
    db_rows_done(&rows);
    return 0;
}

static int quarantine(struct db *db, const struct redemption *r, const char *id, struct err *err)
{
    int rc = db_exec(db, DB_AGENT_QUARANTINE, DB_ARGS(DB_TEXT("id", id), DB_INT("now", r->agent.now_ms)), NULL, err);
    if (rc == 0)
        rc = append_audit(db, r, "agent.quarantine", "agent", id, AUDIT_OK, NULL, err);
    return rc != 0 ? rc : db_changed(db, "agents", err);
}

/* Somebody else has the password too. Who was first is not who is right: neither gets anything until a human looked. */
static int stop_both(struct db *db, const struct otp *otp, struct redemption *r, struct err *err)
{
    char id[UUID_SIZE], name[AGENT_NAME_MAX + 1], message[400];
    int rc = first_agent(db, otp->id, id, name, sizeof name, err);
    if (rc == 0)
        rc = db_exec(db, DB_OTP_BLOCK, DB_ARGS(DB_TEXT("id", otp->id), DB_INT("now", r->agent.now_ms)), NULL, err);
    if (rc == 0)
        rc = append_audit(db, r, "agent.enroll", "otp", otp->id, AUDIT_DENIED, "{\"reason\":\"taken\"}", err);
    if (rc == 0 && id[0] != '\0')
        rc = quarantine(db, r, id, err);
    (void)snprintf(message, sizeof message,
                   "A one-time password was used by a second host, from %s. The first one, %s, is quarantined: approve "
                   "it if it is the right one, delete it if not.",
                   r->agent.address, name[0] != '\0' ? name : "which is deleted");
    struct alert alert = {
        .kind = "otp.taken",
        .message = message,
        .user_id = otp->owner_id,
        .agent_id = id[0] != '\0' ? id : NULL,
        .time_ms = r->agent.now_ms,
    };
    return rc != 0 ? rc : alert_raise(db, &alert, err);
}

int redeem(struct db *db, void *ctx, struct err *err)
{
    struct redemption *r = ctx;
    struct otp otp;
    int rc = otp_by_hash(db, r->arena, r->otp_hash, &otp, err);
    if (rc == ERR_NOT_FOUND) {
        r->outcome = REDEEM_UNKNOWN;
        return 0;
    }
    if (rc == 0)
        rc = judge(db, &otp, r, err);
    if (rc != 0)
        return rc;
    switch (r->outcome) {
    case REDEEM_NEW: return store_agent(db, &otp, r, err);
    case REDEEM_AGAIN:
        return r->hushed ? 0 : append_audit(db, r, "agent.enroll.again", "otp", otp.id, AUDIT_OK, NULL, err);
    case REDEEM_TAKEN_NOW: return stop_both(db, &otp, r, err);
    case REDEEM_NOT_BOUND:
    case REDEEM_KEY_DENIED:
    case REDEEM_UNKNOWN:
    case REDEEM_EXPIRED:
    case REDEEM_REVOKED:
    case REDEEM_USED_UP:
    case REDEEM_GONE:
    case REDEEM_TAKEN: break; /* counted per source and minute by the handler */
    }
    return 0;
}
