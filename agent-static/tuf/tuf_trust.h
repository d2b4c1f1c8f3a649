/* tuf_trust.h: the client workflow of the TUF specification 1.0, §5.3 to §5.6, as pure steps: bytes in, trust or a
 * reason out. metadata.c brings the bytes and keeps what is trusted.
 *
 * The order of calls is the order below; each step that fails leaves the trust as it was. The *_stored steps take what
 * an earlier run trusted: its signatures are verified again, but neither age nor promises, since it serves to notice a
 * rollback even when it no longer does to go on with. Errors are those of metadata.h; the message names the file. */
#ifndef MUSTER_AGENT_TUF_TRUST_H
#define MUSTER_AGENT_TUF_TRUST_H

#include "tuf/tuf_meta.h"
#include "tuf/tuf_path.h"
#include "tuf/tuf_role.h"

enum {
    TUF_ROOT_SIZE_MAX = 128 * 1024,
    TUF_TIMESTAMP_SIZE_MAX = 16 * 1024,
    TUF_SNAPSHOT_SIZE_MAX = 256 * 1024,
    TUF_TARGETS_SIZE_MAX = 512 * 1024,
    TUF_ROOTS_MAX = 256,                                               /* new ones in one refresh */
    TUF_FILE_NAME_SIZE = 21 + TUF_ENCODED_SIZE(TUF_ROLE_NAME_MAX) + 5, /* "<version>.<role>.json" */
};

struct tuf_trust {
    int64_t now_ms;
    struct tuf_meta *root;
    struct tuf_meta *timestamp;
    struct tuf_meta *snapshot;
    struct tuf_meta *targets;
    bool snapshot_promised; /* snapshot is, byte for byte, the one that timestamp names */
};

/* The root that everything rests on: its own signatures are all that is asked of it. */
int tuf_trust_init(struct tuf_trust *t, struct span root, int64_t now_ms, struct err *err) MUSTER_NODISCARD;
void tuf_trust_done(struct tuf_trust *t); /* after a failed init too */

/* The root of the next version. *ret_rotated: a key of timestamp or snapshot was taken away, and what is stored of both
 * must be gone before this root is stored (§5.3.11: recovery from a fast-forward attack). */
int tuf_trust_next_root(struct tuf_trust *t, struct span text, bool *ret_rotated, struct err *err) MUSTER_NODISCARD;

/* No newer root is to be had: the last must not have expired. */
int tuf_trust_last_root(const struct tuf_trust *t, struct err *err) MUSTER_NODISCARD;

int tuf_trust_stored_timestamp(struct tuf_trust *t, struct span text, struct err *err) MUSTER_NODISCARD;

/* *ret_new: it is a newer one and must be stored. One of the same version is passed over. */
int tuf_trust_timestamp(struct tuf_trust *t, struct span text, bool *ret_new, struct err *err) MUSTER_NODISCARD;

/* Whether the timestamp that is trusted, stored or new, may be gone on with. */
int tuf_trust_last_timestamp(const struct tuf_trust *t, struct err *err) MUSTER_NODISCARD;

int tuf_trust_stored_snapshot(struct tuf_trust *t, struct span text, struct err *err) MUSTER_NODISCARD;
int tuf_trust_snapshot(struct tuf_trust *t, struct span text, struct err *err) MUSTER_NODISCARD;
int tuf_trust_last_snapshot(const struct tuf_trust *t, struct err *err) MUSTER_NODISCARD;

int tuf_trust_targets(struct tuf_trust *t, struct span text, struct err *err) MUSTER_NODISCARD;

/* Metadata of a delegated role, which role must have signed. Needs what all of the above have brought. */
int tuf_trust_delegated(const struct tuf_trust *t, const char *name, const struct tuf_role *role, struct span text,
                        struct tuf_meta **ret, struct err *err) MUSTER_NODISCARD;

/* What a file is called in the repository, and how large it may be. The role is "snapshot", "targets" or a delegated
 * one. ERR_NOT_FOUND when the snapshot does not list it, ERR_TOO_BIG when it is promised larger than we take. */
struct tuf_wanted {
    char name[TUF_FILE_NAME_SIZE];
    size_t max_bytes;
};
void tuf_trust_want_root(const struct tuf_trust *t, struct tuf_wanted *ret);
int tuf_trust_want(const struct tuf_trust *t, const char *role, struct tuf_wanted *ret,
                   struct err *err) MUSTER_NODISCARD;

/* "<role>.json" with the role percent-encoded: a file name, whatever the role is called. */
void tuf_trust_file_name(const char *role, char ret[TUF_FILE_NAME_SIZE]);

#endif
