/* tuf_document.h: the four kinds of metadata of The Update Framework (specification 1.0) as documents: a signed part
 * and signatures over its canonical JSON. Without I/O.
 *
 * A document is the JSON object {"signatures": [{"keyid", "sig"}], "signed": {…}}. Who may sign what, and how many
 * must, stands in the root document. */
#ifndef MUSTER_UPDATE_TUF_DOCUMENT_H
#define MUSTER_UPDATE_TUF_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cursor.h"
#include "common/err.h"
#include "update/tuf_key.h"

enum tuf_role { TUF_ROOT, TUF_TARGETS, TUF_SNAPSHOT, TUF_TIMESTAMP, TUF_ROLES };
extern const char *const tuf_role_names[TUF_ROLES + 1]; /* ended by NULL */

enum { TUF_DOCUMENT_MAX = 4 << 20 };

/* "root" and so on; false when it is none. */
bool tuf_role_parse(const char *name, enum tuf_role *ret);

/* A signed part with _type, spec_version, version and expires; the caller adds the rest. NULL when memory is out. */
json_t *tuf_signed_new(enum tuf_role role, int64_t version, int64_t expires_ms);

/* The next version of a signed part: a copy that is one higher and expires then. NULL when memory is out. */
json_t *tuf_signed_next(const json_t *document, int64_t expires_ms);

/* A document without signatures; takes signed_part. NULL when memory is out or signed_part is NULL. */
json_t *tuf_document_new(json_t *take_signed);

/* Reads a document and checks its form; the signatures are not judged. ERR_INVALID says what is wrong. */
int tuf_document_parse(struct span text, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* As the bytes of a file. */
int tuf_document_encode(const json_t *document, struct buf *ret, struct err *err) MUSTER_NODISCARD;

/* Of a document that was parsed or made here. */
enum tuf_role tuf_document_role(const json_t *document);
int64_t tuf_document_version(const json_t *document);
int64_t tuf_document_expires_ms(const json_t *document);
json_t *tuf_document_signed(const json_t *document); /* borrowed */

/* Adds the key's signature, in place of one that it made before. */
int tuf_document_sign(json_t *document, const struct tuf_key *key, struct err *err) MUSTER_NODISCARD;

/* Signs with every key of the ring that root gives the document's role. root NULL does nothing. */
int tuf_document_sign_all(json_t *document, const json_t *root, const struct tuf_keyring *ring,
                          struct err *err) MUSTER_NODISCARD;

/* How many keys of the role have signed, and how many must. */
struct tuf_verdict {
    int64_t valid;
    int64_t threshold;
};
int tuf_document_judge(const json_t *document, const json_t *root, struct tuf_verdict *ret,
                       struct err *err) MUSTER_NODISCARD;

/* 0 when enough have; ERR_DENIED says how many are missing. */
int tuf_document_verify(const json_t *document, const json_t *root, struct err *err) MUSTER_NODISCARD;

/* --- root --- */

/* Gives a role of a root's signed part these keys, an object of id to key; keys no role has are dropped. ERR_INVALID
 * when the threshold is not 1 to the number of keys. */
int tuf_root_set_role(json_t *root_signed, enum tuf_role role, json_t *keys, int64_t threshold,
                      struct err *err) MUSTER_NODISCARD;

/* The role's keys as such an object, a new reference; NULL when memory is out. */
json_t *tuf_root_keys(const json_t *root, enum tuf_role role);
bool tuf_root_has_key(const json_t *root, enum tuf_role role, const char *id);
int64_t tuf_root_threshold(const json_t *root, enum tuf_role role);

/* --- what one document says of another --- */

/* Puts {version, length, hashes} of a document's bytes under meta.name of a snapshot or timestamp. */
int tuf_meta_set(json_t *signed_part, const char *name, const json_t *document, const struct buf *bytes,
                 struct err *err) MUSTER_NODISCARD;

/* Whether the bytes and their version are what meta.name says. ERR_CORRUPT. */
int tuf_meta_check(const json_t *document, const char *name, struct span bytes, int64_t version,
                   struct err *err) MUSTER_NODISCARD;
int64_t tuf_meta_version(const json_t *document, const char *name); /* 0 when it is not there */

#endif
