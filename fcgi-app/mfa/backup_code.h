/* backup_code.h: what a person keeps on paper for the day the phone is gone: "07-K3M9Q-2XW4T".
 *
 * Fifty random bits in Crockford's base32, which has no I, L, O and U; what stands before them is only the number on
 * the list. Stored is an HMAC under a key that is outside the database: fifty bits alone would not stand an attack on a
 * copy of it. */
#ifndef MUSTER_MFA_BACKUP_CODE_H
#define MUSTER_MFA_BACKUP_CODE_H

#include <stdbool.h>

#include "auth/secrets.h"
#include "db/db.h"

enum { BACKUP_CODE_LETTERS = 10, BACKUP_CODE_SIZE = 3 + BACKUP_CODE_LETTERS + 1 + 1, BACKUP_CODES_MAX = 20 };

/* A fresh code with its number, 1 to 99. False when the system gives no random bytes. */
bool backup_code_new(int number, char ret[BACKUP_CODE_SIZE]);

/* The ten letters of what somebody typed: in any case, with or without number, blanks and dashes; O is 0, I and L are
 * 1. False when that is no code. */
bool backup_code_parse(const char *typed, char ret[BACKUP_CODE_LETTERS + 1]);

/* Inside a write closure. _use: *ret_used when there was such a code, which is gone now. _replace: count new codes
 * (at most BACKUP_CODES_MAX) instead of all that were; wipe ret. */
int backup_code_use(struct db *db, const struct secrets *secrets, const char *user_id,
                    const char letters[BACKUP_CODE_LETTERS + 1], int64_t now_ms, bool *ret_used,
                    struct err *err) MUSTER_NODISCARD;
int backup_code_replace(struct db *db, const struct secrets *secrets, const char *user_id, int count, int64_t now_ms,
                        char ret[][BACKUP_CODE_SIZE], struct err *err) MUSTER_NODISCARD;

/* How many of somebody's are left, and how many there were. */
int backup_code_count(struct db *db, const char *user_id, int *ret_left, int *ret_total,
                      struct err *err) MUSTER_NODISCARD;

#endif
