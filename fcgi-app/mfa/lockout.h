/* lockout.h: the limits of trying codes, as a calculation on the counters that the table user_lockouts keeps. */
#ifndef MUSTER_MFA_LOCKOUT_H
#define MUSTER_MFA_LOCKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"

enum {
    LOCKOUT_TRIES = 5, /* in … */
    LOCKOUT_WINDOW_MS = 60 * 1000,
    LOCKOUT_FAILURES = 5, /* lock for … */
    LOCKOUT_MS = 15 * 60 * 1000,
    LOCKOUT_IN_ROW = 20,
};

struct lockout {
    int64_t failures;        /* since the last right code or the last lock */
    int64_t failures_in_row; /* since the last right code */
    int64_t window_ms;       /* when the minute began … */
    int64_t window_tries;    /* … and tries in it */
    int64_t locked_until_ms;
};

/* What a code is tried for. Backup codes wait for no lock, only for the minute: they cannot be guessed, and they are
 * the way back in. A set-up that is not in force yet can be no way in either, so that it never leads to needing a
 * backup code, which its owner may not have. */
enum lockout_kind { LOCKOUT_TOTP, LOCKOUT_BACKUP_CODE, LOCKOUT_SETUP };

enum lockout_gate { LOCKOUT_OPEN, LOCKOUT_CLOSED, LOCKOUT_TOO_FAST, LOCKOUT_FOR_GOOD };

/* Whether a code may be judged now; *ret_wait_s: when else, or 0. */
enum lockout_gate lockout_ask(const struct lockout *l, enum lockout_kind kind, int64_t now_ms, int *ret_wait_s);

/* Counts a code that was judged. _failed: true when this one locks. _repeated: neither right nor wrong. */
bool lockout_failed(struct lockout *l, enum lockout_kind kind, int64_t now_ms);
void lockout_repeated(struct lockout *l, int64_t now_ms);
void lockout_passed(struct lockout *l, enum lockout_kind kind);

/* Inside a write closure: the counters of a user; all zero when there are none yet. */
int lockout_load(struct db *db, const char *user_id, struct lockout *ret, struct err *err) MUSTER_NODISCARD;
int lockout_store(struct db *db, const char *user_id, const struct lockout *l, struct err *err) MUSTER_NODISCARD;

#endif
