/* redeem.h: the rules of enrolment, as one write: who may have an identity for a one-time password, once.
 *
 *   revoked, expired             refused; nothing changes
 *   other host, other network    refused; the password is not burnt by it
 *   blocked                      refused
 *   same key as before           the same answer again, until the password expires
 *   another key, one use         both lose: the password is blocked, the first agent quarantined, an alert raised
 *   another key, uses left       a new agent
 *
 * Everything is prepared before (identity, certificate, sealed answer), so that the writer only compares and stores.
 * Two that redeem at once are put in an order by the writer, across processes by the transaction: exactly one wins. */
#ifndef MUSTER_FLEET_REDEEM_H
#define MUSTER_FLEET_REDEEM_H

#include "auth/audit.h"
#include "fleet/agents.h"
#include "fleet/otp.h"

enum redeem_outcome {
    REDEEM_NEW,
    REDEEM_AGAIN,
    REDEEM_UNKNOWN,
    REDEEM_EXPIRED,
    REDEEM_REVOKED,
    REDEEM_USED_UP,
    REDEEM_GONE,      /* the agent that had it was deleted */
    REDEEM_NOT_BOUND, /* not from the host or network it is bound to */
    REDEEM_TAKEN_NOW, /* by another key; both are stopped now */
    REDEEM_TAKEN,     /* by another key, and blocked since */
    REDEEM_KEY_DENIED,
};

struct redemption {
    const char *otp_hash;
    struct agent_new agent;    /* who it will be; owner and labels come from the password */
    const char *sealed_answer; /* for a retry */
    struct arena *arena;
    const struct audit_key *key;
    struct audit_entry audit; /* of the request */
    bool hushed;              /* AGAIN writes no row: there were enough of them in this minute */
    /* results: */
    enum redeem_outcome outcome;
    const char *sealed_before; /* AGAIN: what was sealed at the first time */
};

/* A write closure; ctx: struct redemption. */
int redeem(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
