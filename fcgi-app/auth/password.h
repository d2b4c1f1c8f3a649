/* password.h: people's passwords as Argon2id (RFC 9106) in PHC strings. */
#ifndef MUSTER_AUTH_PASSWORD_H
#define MUSTER_AUTH_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum { PASSWORD_MIN = 15, PASSWORD_MAX = 1024, PASSWORD_HASH_SIZE = 160 };

/* Whether a person may set it: PASSWORD_MIN characters (not bytes) of UTF-8, at most PASSWORD_MAX bytes, and none of
 * those that are tried first (guessable.h). There are no other rules. */
int password_check_new(const char *password, size_t len, struct err *err) MUSTER_NODISCARD;

/* The same, where it is known whose it will be: the e-mail address and its two parts count as words that are tried, as
 * the names of this program and of this machine always do. */
int password_check_new_of(const char *email, const char *password, size_t len, struct err *err) MUSTER_NODISCARD;

/* "$argon2id$v=19$m=19456,t=2,p=1$…" with a fresh salt. Takes about 30 ms and 19 MiB. */
int password_hash(const char *password, size_t len, char ret[PASSWORD_HASH_SIZE], struct err *err) MUSTER_NODISCARD;

/* Whether the password is that of hash. hash NULL (no such user) costs the same and is always false. */
bool password_verify(const char *password, size_t len, const char *hash);

/* Whether hash has the parameters that new ones have. One that came from elsewhere may cost more or less. */
bool password_hash_current(const char *hash);

/* Whether hash is an Argon2id string we can verify within our own limits of memory and time. */
bool password_hash_valid(const char *hash);

#endif
