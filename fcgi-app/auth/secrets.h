/* secrets.h: the keys that live in files outside the database, and sealing what the database holds.
 *
 * The directory (MUSTER_SECRETS_DIR, or systemd's credentials) is 0700, its files 0600:
 *   master.key  one line "<key id> <64 hex>" per key; the last one seals, all of them open, so that keys rotate
 *   audit.key   64 hex: the HMAC key of the audit trail
 *   store.key   64 hex: the signing secret of the local object store
 * A sealed text is "<key id>.<base64url of nonce, ciphertext, tag>" by AES-256-GCM. Its AAD is "table:column:row id",
 * so that a ciphertext moved to another row or column does not open. */
#ifndef MUSTER_AUTH_SECRETS_H
#define MUSTER_AUTH_SECRETS_H

#include <stddef.h>

#include "auth/audit.h"
#include "common/buf.h"
#include "common/err.h"

struct secrets;

/* Makes the directory and whatever file is missing in it; what is there stays. */
int secrets_init(const char *dir, struct err *err) MUSTER_NODISCARD;

/* Reads the files, refusing ones that others can read. secrets_free wipes; NULL does nothing. */
int secrets_load(const char *dir, struct secrets **ret, struct err *err) MUSTER_NODISCARD;
void secrets_free(struct secrets *s);

const struct audit_key *secrets_audit_key(const struct secrets *s);

/* The local store's SigV4 pair: a public key id ("MUSTER" and 14 hex digits) and its secret (64 hex digits). */
const char *secrets_store_key_id(const struct secrets *s);
const char *secrets_store_secret(const struct secrets *s);

/* Seals len bytes under the newest master key; ret is appended to. */
int secrets_seal(const struct secrets *s, const char *aad, const void *plain, size_t len, struct buf *ret,
                 struct err *err) MUSTER_NODISCARD;

/* Opens what secrets_seal made with the same aad. ERR_CORRUPT when it is not that, whatever the reason. Use
 * buf_done_secret on ret. */
int secrets_open(const struct secrets *s, const char *aad, const char *sealed, struct buf *ret,
                 struct err *err) MUSTER_NODISCARD;

/* HMAC-SHA-256 in hex under a key that is derived from a master key for one use, so that a copy of the database is no
 * help in guessing what was hashed. age 0 is the newest key, which makes new ones; the older ones, until ERR_NOT_FOUND,
 * find those from before a rotation. */
enum { SECRETS_MAC_SIZE = 65 };
int secrets_mac(const struct secrets *s, size_t age, const char *use, const void *data, size_t len,
                char ret[SECRETS_MAC_SIZE], struct err *err) MUSTER_NODISCARD;

/* The primitive below both: base64url(nonce, ciphertext, tag) under a key of 32 bytes. A key derived from a one-time
 * password seals an enrolment's answer with it. */
enum { SECRETS_KEY_SIZE = 32 };
int secrets_seal_with(const unsigned char key[SECRETS_KEY_SIZE], const char *aad, const void *plain, size_t len,
                      struct buf *ret, struct err *err) MUSTER_NODISCARD;
int secrets_open_with(const unsigned char key[SECRETS_KEY_SIZE], const char *aad, const char *sealed, struct buf *ret,
                      struct err *err) MUSTER_NODISCARD;

#endif
