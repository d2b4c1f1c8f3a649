/* digest.h: SHA-256 and what is made of it, in one call each. A failure of the library is a failure of the caller's
 * act: nothing here falls back to anything weaker. */
#ifndef MUSTER_AUTH_DIGEST_H
#define MUSTER_AUTH_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 };

/* SHA-256 of len bytes, as bytes or as lower-case hex. Never fails. */
void digest_sha256(const void *data, size_t len, unsigned char ret[DIGEST_SIZE]);
void digest_sha256_hex(const void *data, size_t len, char ret[DIGEST_HEX_SIZE]);

/* How tokens are stored: digest_sha256_hex of the string. */
void digest_token(const char *token, char ret[DIGEST_HEX_SIZE]);

/* HMAC-SHA-256 (RFC 2104). False when the library is out of memory. */
bool digest_hmac(const void *key, size_t key_len, const void *data, size_t len, unsigned char ret[DIGEST_SIZE]);

/* HKDF-SHA-256 (RFC 5869): len bytes from a secret that has enough entropy of its own. info tells uses apart. */
bool digest_hkdf(const void *secret, size_t secret_len, const char *info, unsigned char *ret, size_t len);

#endif
