/* otp.h: one-time passwords, and tokens with more uses. The password itself is shown once and kept by nobody: the table
 * holds its SHA-256. */
#ifndef MUSTER_FLEET_OTP_H
#define MUSTER_FLEET_OTP_H

#include <jansson.h>
#include <stdint.h>

#include "auth/audit.h"
#include "common/arena.h"
#include "common/token.h"
#include "common/uuid.h"
#include "db/db.h"

struct app;

enum {
    OTP_TTL_MIN_S = 60,
    OTP_TTL_MAX_S = 86400,
    OTP_TTL_S = 900,
    OTP_USES_MAX = 1000,
    OTP_HOST_MAX = 253,
};

struct otp_new {
    const char *owner_id;
    const char *name;          /* "" for none */
    const char *expected_host; /* NULL: any */
    const char *network;       /* CIDR; NULL: any */
    const char *labels;        /* a JSON object */
    int64_t uses;
    int64_t ttl_s;
    int64_t now_ms;
};

struct otp_minted {
    char otp[TOKEN_SIZE]; /* wipe it */
    char id[UUID_SIZE];
    int64_t expires_ms;
};

/* Mints and stores one, audited as entry's actor. ERR_INVALID when the network is none. Blocks until it is on disk. */
int otp_mint(struct app *app, const struct otp_new *otp, const struct audit_entry *entry, struct otp_minted *ret,
             struct err *err) MUSTER_NODISCARD;

/* What is shown of a fresh one: the password, its expiry and the command to paste. NULL when memory is out. */
json_t *otp_minted_json(struct app *app, const struct otp_minted *minted);

/* A row, as far as redeeming needs it. Strings live in the arena. ERR_NOT_FOUND. */
struct otp {
    const char *id;
    const char *owner_id;
    const char *name;
    const char *expected_host; /* NULL: any */
    const char *network;       /* NULL: any */
    const char *labels;
    int64_t uses, used;
    int64_t expires_ms;
    bool blocked, revoked; /* revoked too: who minted it was disabled */
};
int otp_by_hash(struct db *db, struct arena *arena, const char *hash, struct otp *ret,
                struct err *err) MUSTER_NODISCARD;

#endif
