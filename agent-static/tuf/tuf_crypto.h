/* tuf_crypto.h: the hashes and signatures that TUF metadata is held to, and all that the TUF client wants of a
 * cryptographic library: who links another one, or none, replaces tuf_crypto.c.
 *
 * Known are ECDSA on P-256 with SHA-256 and on P-384 with SHA-384, and RSASSA-PSS of 2048 to 4096 bits with SHA-256,
 * SHA-384 and SHA-512. mbedTLS 3.6 has no Ed25519. */
#ifndef MUSTER_AGENT_TUF_CRYPTO_H
#define MUSTER_AGENT_TUF_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tuf_hash { TUF_SHA256, TUF_SHA384, TUF_SHA512, TUF_HASHES };

enum { TUF_DIGEST_MAX = 64, TUF_HEX_MAX = 2 * TUF_DIGEST_MAX + 1 };

size_t tuf_hash_size(enum tuf_hash hash);

/* "sha256", "sha384", "sha512", as metadata names them. */
bool tuf_hash_named(const char *name, enum tuf_hash *ret);

struct tuf_hasher;

/* NULL when memory is out. */
struct tuf_hasher *tuf_hasher_new(enum tuf_hash hash);
void tuf_hasher_add(void *hasher, const void *data, size_t len); /* a canonjson_sink_fn */

/* The digest of what was added; frees the hasher. False when hashing has failed. */
bool tuf_hasher_end(struct tuf_hasher *hasher, uint8_t ret[TUF_DIGEST_MAX]);

/* A signature scheme; which hash it signs. False when we do not know it or cannot have it. */
struct tuf_scheme {
    const char *keytype;
    const char *scheme;
    enum tuf_hash hash;
    int curve; /* the library's number; 0: RSA */
};
const struct tuf_scheme *tuf_scheme_find(const char *keytype, const char *scheme);

/* Whether signature is one over the digest (of scheme->hash) by the key in public_pem, and the key one of the scheme.
 */
bool tuf_verify(const struct tuf_scheme *scheme, const char *public_pem, const uint8_t *digest,
                const uint8_t *signature, size_t signature_len);

#endif
