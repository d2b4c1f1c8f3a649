/* totp_row.h: somebody's row of user_totp, and the sealed secrets in it. Private to mfa/. */
#ifndef MUSTER_MFA_TOTP_ROW_H
#define MUSTER_MFA_TOTP_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/secrets.h"
#include "common/uuid.h"
#include "db/db.h"
#include "mfa/totp.h"

/* A set-up nobody finishes within the hour is void: its secret may still stand on a screen. */
enum { TOTP_PENDING_MS = 60 * 60 * 1000, TOTP_SEALED_SIZE = 128 };

struct totp_row {
    bool enabled;
    int64_t enabled_ms;
    int64_t last_step;
    char secret[TOTP_SEALED_SIZE]; /* "" while none is in force */
    bool pending;                  /* set up, and not too long ago */
    bool pending_verified;
    int64_t pending_step;
    char pending_secret[TOTP_SEALED_SIZE];
    char pending_session[UUID_SIZE]; /* that set it up */
};

/* All empty when there is no row. */
int totp_row_load(struct db *db, const char *user_id, int64_t now_ms, struct totp_row *ret,
                  struct err *err) MUSTER_NODISCARD;

enum totp_place { TOTP_IN_FORCE, TOTP_PENDING };

/* Secrets are bound to their place, so that one that waits cannot be moved into force behind the server's back. */
int totp_seal(const struct secrets *secrets, const char *user_id, enum totp_place place,
              const unsigned char secret[TOTP_SECRET_SIZE], char ret[TOTP_SEALED_SIZE],
              struct err *err) MUSTER_NODISCARD;
int totp_open(const struct secrets *secrets, const char *user_id, enum totp_place place, const char *sealed,
              unsigned char ret[TOTP_SECRET_SIZE], struct err *err) MUSTER_NODISCARD;

#endif
