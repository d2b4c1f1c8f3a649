/* refresh.h: refresh tokens: a chain of single-use secrets to each session of kind token.
 *
 * Redeeming token n makes token n+1, and the schema takes no two of one generation, so a chain never forks. What may go
 * wrong, and what then happens:
 *
 * - The reply is lost, or two threads of one program refresh at once. Whoever redeems n again within REFRESH_GRACE_MS
 * of its first use, and before n+1 was used, gets the SAME n+1: it lies in n's row, sealed under a key that is made of
 * n itself (the server does not know n), until the grace is over. So any number of parallel or repeated redemptions end
 * in one lineage, every one of those programs holds the live token of it, and nobody is locked out.
 * - n is redeemed later than that, or after n+1 was used: somebody has a copy. Nobody can tell who is right, so the
 *   session ends with all its tokens, the owner gets an alert, and the trail a row.
 * - A thief who redeems n within the grace shares n+1 with its owner. Each of them will redeem n+1 when they need it,
 *   and unless that is within the same half minute, every time, the second one ends the session as above.
 * - An unknown token, or one of a session that has ended, is refused and counted, and changes nothing.
 *
 * All of it is one write, and there is one writer at a time: of two requests one is second. A family keeps its last
 * REFRESH_FAMILY_MAX tokens; older ones are unknown, so that a program in a loop fills no disk. */
#ifndef MUSTER_TOKEN_REFRESH_H
#define MUSTER_TOKEN_REFRESH_H

#include "auth/audit.h"
#include "auth/digest.h"
#include "common/token.h"
#include "common/uuid.h"
#include "db/db.h"
#include "token/access.h"

enum {
    REFRESH_TTL_S = 7 * 24 * 3600,
    REFRESH_GRACE_MS = 30 * 1000,
    REFRESH_FAMILY_MAX = 2000, /* an ordinary week has 336 */
    REFRESH_SEALED_SIZE = 128,
    REFRESH_TOKEN_FIELD_MAX = 200,
};

/* Inside a write closure: the first token of a family. */
int refresh_insert_first(struct db *db, const char *session_id, const char *token, int64_t now_ms, int64_t expires_ms,
                         struct err *err) MUSTER_NODISCARD;

enum refresh_outcome {
    REFRESH_UNKNOWN, /* also: of a session that is over, of somebody who is disabled */
    REFRESH_EXPIRED,
    REFRESH_REUSED, /* the family has ended */
    REFRESH_NEXT,   /* next is the family's token now */
    REFRESH_AGAIN,  /* next lies sealed in sealed_before; refresh_open */
};

struct redemption {
    const char *token;
    int64_t now_ms;
    const struct audit_key *audit_key;
    struct audit_entry audit; /* of who asks; for a reuse */

    /* Made beforehand by refresh_prepare. */
    char next[TOKEN_SIZE];
    unsigned char key[DIGEST_SIZE];
    char hash[DIGEST_HEX_SIZE], next_hash[DIGEST_HEX_SIZE];
    char sealed[REFRESH_SEALED_SIZE];

    /* What came of it. */
    enum refresh_outcome outcome;
    char sealed_before[REFRESH_SEALED_SIZE];
    char user_id[UUID_SIZE];
    char session_id[UUID_SIZE];
    int64_t expires_ms; /* of next, and of the session */
};

/* Whether the token is one of a session that is in force: what is not costs no write. */
int refresh_known(struct db *db, const char *token, int64_t now_ms, bool *ret, struct err *err) MUSTER_NODISCARD;

/* With token, now_ms, audit_key and audit set: draws the next token and what belongs to it. */
int refresh_prepare(struct redemption *w, struct err *err) MUSTER_NODISCARD;

/* A db_write_fn; ctx is a struct redemption. 0 whatever the outcome is, unless the database fails. */
int refresh_redeem(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

/* After AGAIN: puts the successor into next. */
int refresh_open(struct redemption *w, struct err *err) MUSTER_NODISCARD;

/* Wipes what is secret in it. */
void refresh_done(struct redemption *w);

#endif
