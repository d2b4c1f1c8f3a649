/* age_crypto.h: the cryptography of age and nothing of its format: X25519 (RFC 7748), HKDF-SHA256 (RFC 5869),
 * HMAC-SHA256, ChaCha20-Poly1305 (RFC 8439). The one file of age that knows mbedTLS.
 *
 * Functions return 0 or -1, for the caller to say what that means. */
#ifndef MUSTER_AGENT_AGE_AGE_CRYPTO_H
#define MUSTER_AGENT_AGE_AGE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { AGE_KEY_SIZE = 32, AGE_TAG_SIZE = 16, AGE_NONCE_SIZE = 12 };

/* One side of an agreement. secret NULL: a fresh one is drawn. ret_public (may be NULL) is its public key; ret_shared
 * is what it shares with the holder of their public key (both or neither NULL). Fails when that is a point of low
 * order. */
int age_x25519(const uint8_t *secret, const uint8_t *theirs, uint8_t *ret_public, uint8_t *ret_shared) MUSTER_NODISCARD;

int age_derive(const uint8_t *secret, size_t secret_len, const uint8_t *salt, size_t salt_len, const char *info,
               uint8_t ret[AGE_KEY_SIZE]) MUSTER_NODISCARD;

int age_mac(const uint8_t key[AGE_KEY_SIZE], const void *data, size_t len, uint8_t ret[32]) MUSTER_NODISCARD;

/* In place; the tag goes behind, or is there. */
int age_seal(const uint8_t key[AGE_KEY_SIZE], const uint8_t nonce[AGE_NONCE_SIZE], uint8_t *data,
             size_t len) MUSTER_NODISCARD;
int age_open(const uint8_t key[AGE_KEY_SIZE], const uint8_t nonce[AGE_NONCE_SIZE], uint8_t *data,
             size_t len) MUSTER_NODISCARD;

int age_random(void *ret, size_t len) MUSTER_NODISCARD;

#endif
