/* metadata.h: what the update repository says, as far as it can be trusted: a client of The Update Framework (TUF
 * specification 1.0, the workflow of §5), with the network behind a callback.
 *
 * options.dir holds what is trusted: root.json, timestamp.json, snapshot.json, targets.json and a file for each
 * delegated role that was needed, byte for byte as they came. Each is written durably and only after it was verified,
 * so an interrupted refresh leaves a directory from which the next one goes on. What is read from there is verified
 * again. One process at a time uses a directory. It belongs to one repository: whoever pins the root of another removes
 * it.
 *
 * Errors, here and below:
 *   ERR_DENIED       not signed as what is trusted asks, older than what is trusted (rollback), or not the file that
 *                    was promised (mix and match): the repository, or somebody between, is not to be trusted
 *   ERR_TIMEOUT      metadata has expired (freeze), or our clock is wrong
 *   ERR_INVALID      not metadata of the specification's form
 *   ERR_TOO_BIG      larger than it may be
 *   ERR_NOT_FOUND    no such target; or the repository, for metadata_load the directory, lacks a file
 *   ERR_CORRUPT      there is no trusted root, or it is not valid: only pinning one again helps
 *   ERR_IO           the directory cannot be read or written
 * and whatever the callback returns. The message names the file and says what is wrong with it. */
#ifndef MUSTER_AGENT_TUF_METADATA_H
#define MUSTER_AGENT_TUF_METADATA_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct metadata;

enum { METADATA_SHA256_SIZE = 65, METADATA_SHA512_SIZE = 129 };

/* Brings <metadata base URL>/name, of at most max_bytes, into the empty ret, whose own maximum is max_bytes too. name
 * is percent-encoded and has no slash. ERR_NOT_FOUND when the repository does not have it (404), ERR_TOO_BIG as soon as
 * more than max_bytes come; any other error ends the refresh with it. */
typedef int metadata_fetch_fn(void *ctx, const char *name, size_t max_bytes, struct buf *ret, struct err *err);

struct metadata_options {
    const char *dir;         /* made when it is missing */
    const char *pinned_root; /* file of the root to trust as long as dir has none; NULL: none */
    int64_t now_ms;          /* the time by which expiry is judged, from beginning to end */
    metadata_fetch_fn *fetch;
    void *fetch_ctx; /* must outlive the struct metadata */
};

/* Brings the trusted metadata up to date. Two requests when there is nothing new. */
int metadata_refresh(const struct metadata_options *options, struct metadata **ret, struct err *err) MUSTER_NODISCARD;

/* What is trusted already, fully verified, without the network: options->fetch is not used, not even later. */
int metadata_load(const struct metadata_options *options, struct metadata **ret, struct err *err) MUSTER_NODISCARD;

void metadata_free(struct metadata *m); /* NULL does nothing */

struct metadata_target {
    const char *path;
    int64_t length;
    char sha256[METADATA_SHA256_SIZE]; /* lower-case hex; "" when the metadata does not have it */
    char sha512[METADATA_SHA512_SIZE]; /* likewise; one of both is there */
    const json_t *custom;              /* an object, or NULL */
};

/* Looks for a target, in delegated roles too (up to 32 of them), which may fetch. What ret points to is borrowed until
 * the next metadata_target or metadata_free. */
int metadata_target(struct metadata *m, const char *path, struct metadata_target *ret,
                    struct err *err) MUSTER_NODISCARD;

/* Calls visit for each target of the top-level targets.json; those without a hash we know are left out. Non-zero from
 * visit ends it and is returned. */
typedef int metadata_visit_fn(void *ctx, const struct metadata_target *target);
int metadata_each(const struct metadata *m, metadata_visit_fn *visit, void *ctx);

/* A field of the signed part of targets.json beside the specification's own, "x_muster" say; NULL when it is not there.
 * Borrowed. */
const json_t *metadata_extra(const struct metadata *m, const char *key);

/* Where the target's bytes are, relative to the base URL of targets and percent-encoded: "0.2.0/<hash>.agent" with
 * consistent snapshots. ERR_NOMEM. */
int metadata_target_name(const struct metadata *m, const struct metadata_target *target, struct buf *ret,
                         struct err *err) MUSTER_NODISCARD;

/* Whether data is a root that is signed as it asks itself; *ret_sha256 is its fingerprint (of the bytes as they are).
 * For pinning. */
int metadata_root_check(const void *data, size_t len, char ret_sha256[METADATA_SHA256_SIZE],
                        struct err *err) MUSTER_NODISCARD;

#endif
