/* tuf_key.h: the keys of the update repository: ECDSA on P-256, OpenSSL 3.
 *
 * A private key is a PEM file (PKCS #8) that only its owner can read, without a pass phrase. In metadata a key is
 * {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": PEM}} and its id the SHA-256 of that
 * object's canonical JSON, as securesystemslib has it. Signatures are DER over SHA-256, in hex. */
#ifndef MUSTER_UPDATE_TUF_KEY_H
#define MUSTER_UPDATE_TUF_KEY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "auth/digest.h"
#include "common/err.h"

/* Of a role; and of a directory, where those lie too that are used no more. */
enum { TUF_KEYS_MAX = 32, TUF_KEYRING_MAX = 256 };
enum { TUF_SIGNATURE_SIZE = 2 * 80 + 1 };

struct tuf_key;

int tuf_key_generate(struct tuf_key **ret, struct err *err) MUSTER_NODISCARD;

/* A private key's file. ERR_NOT_FOUND; ERR_DENIED when others can read it; ERR_INVALID when it is no such key. */
int tuf_key_read(const char *path, struct tuf_key **ret, struct err *err) MUSTER_NODISCARD;

/* A file with the public half alone, in PEM. */
int tuf_key_read_public(const char *path, struct tuf_key **ret, struct err *err) MUSTER_NODISCARD;

/* The public half, from metadata. ERR_INVALID: another kind of key. */
int tuf_key_from_json(const json_t *json, struct tuf_key **ret, struct err *err) MUSTER_NODISCARD;

void tuf_key_free(struct tuf_key *key); /* NULL does nothing */

/* Writes "dir/<name>-<first 8 of the id>.pem", 0600, and where public is set ".pub" beside it. The directory is made.
 * The PEM file's path goes into ret_path. */
int tuf_key_write(const struct tuf_key *key, const char *dir, const char *name, bool with_public, char *ret_path,
                  size_t size, struct err *err) MUSTER_NODISCARD;

const char *tuf_key_id(const struct tuf_key *key);   /* 64 hex digits */
json_t *tuf_key_json(const struct tuf_key *key);     /* a new reference; NULL when memory is out */
const char *tuf_key_path(const struct tuf_key *key); /* the file it was read from; "" when from none */

/* ERR_INTERNAL when only the public half is there. */
int tuf_key_sign(const struct tuf_key *key, const void *data, size_t len, char ret[TUF_SIGNATURE_SIZE],
                 struct err *err) MUSTER_NODISCARD;
bool tuf_key_verify(const struct tuf_key *key, const void *data, size_t len, const char *signature_hex);

/* The private keys of a directory: files "<prefix>….pem". A directory that is not there has none; a file that is no
 * key, or that others can read, is an error that names it. */
struct tuf_keyring {
    struct tuf_key *keys[TUF_KEYRING_MAX];
    size_t count;
};
int tuf_keyring_load(const char *dir, const char *prefix, struct tuf_keyring *ring, struct err *err) MUSTER_NODISCARD;
int tuf_keyring_take(struct tuf_keyring *ring, struct tuf_key *take, struct err *err) MUSTER_NODISCARD;
const struct tuf_key *tuf_keyring_find(const struct tuf_keyring *ring, const char *id);
void tuf_keyring_done(struct tuf_keyring *ring);

#endif
