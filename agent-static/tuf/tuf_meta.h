/* tuf_meta.h: one piece of TUF metadata (specification 1.0, §4), read and checked in form, without I/O.
 *
 * Everything is hostile until tuf_verify_role (tuf_role.h) has said who signed it; what parsed here has every field
 * that the functions below give, within limits: depth, number of values, of keys, roles and signatures. Form is checked
 * once, at the parse; nothing later fails for it. Messages do not name the file: the caller does. */
#ifndef MUSTER_AGENT_TUF_META_H
#define MUSTER_AGENT_TUF_META_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"
#include "common/err.h"
#include "tuf/tuf_crypto.h"

enum tuf_kind { TUF_ROOT, TUF_TIMESTAMP, TUF_SNAPSHOT, TUF_TARGETS, TUF_KINDS };

enum {
    TUF_SIGNATURES_MAX = 64,
    TUF_KEYS_MAX = 256,
    TUF_KEYIDS_MAX = 64, /* of one role */
    TUF_KEYID_MAX = 128,
    TUF_SNAPSHOT_FILES_MAX = 1024,
    TUF_DELEGATIONS_MAX = 64,
    TUF_ROLE_NAME_MAX = 64,
    TUF_PATH_MAX = 512,
};

struct tuf_meta {
    enum tuf_kind kind;
    int64_t version;
    int64_t expires_ms;
    bool consistent_snapshot; /* of a root */
    json_t *json;             /* the whole file */
    json_t *body;             /* its "signed", borrowed from json */
    /* Digests of the canonical form of body, made when a signature asks for them. */
    bool hashed[TUF_HASHES];
    uint8_t digest[TUF_HASHES][TUF_DIGEST_MAX];
};

/* "root", "timestamp", "snapshot", "targets". */
const char *tuf_kind_name(enum tuf_kind kind);

/* ERR_INVALID, ERR_NOMEM. */
int tuf_meta_parse(enum tuf_kind kind, struct span text, struct tuf_meta **ret, struct err *err) MUSTER_NODISCARD;
void tuf_meta_free(struct tuf_meta *m); /* NULL does nothing */

/* What one piece of metadata says about another file. */
struct tuf_file {
    int64_t version;
    int64_t length;       /* -1: not said */
    const json_t *hashes; /* name to lower-case hex; NULL: none */
};

/* "snapshot.json" of a timestamp, "<role>.json" of a snapshot. False: not listed. */
bool tuf_meta_file(const struct tuf_meta *m, const char *name, struct tuf_file *ret);

/* Whether the bytes are those promised: length, and every hash we know. ERR_DENIED. */
int tuf_file_check(const struct tuf_file *f, struct span bytes, struct err *err) MUSTER_NODISCARD;

/* The lower-case hex digest of bytes. ERR_NOMEM. */
int tuf_digest_hex(enum tuf_hash hash, struct span bytes, char ret[TUF_HEX_MAX], struct err *err) MUSTER_NODISCARD;

#endif
