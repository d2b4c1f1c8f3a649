/* reset.h: the way back in for somebody who has lost every factor: another admin's, or the host's command line. Private
 * to mfa/. */
#ifndef MUSTER_MFA_RESET_H
#define MUSTER_MFA_RESET_H

#include "auth/audit.h"
#include "db/db.h"

struct mfa_reset {
    const struct audit_key *key;
    const char *user_id;
    const char *message;      /* what the user reads: who it was */
    struct audit_entry audit; /* of the act; the target is filled in by the caller */
};

/* A write closure on a struct mfa_reset: factors, passkeys, backup codes, locks, trusted devices and every session of
 * the user end; the password stays. The user is told by an alert. ERR_NOT_FOUND: no such user, or a deleted one. */
int mfa_reset_write(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
