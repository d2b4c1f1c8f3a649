/* binary.h: the agent's own binary as a file (A), and the new one beside it (A.new).
 *
 * A itself is never written here: what puts A.new in its place is the launcher. Every failure leaves A and A.new as
 * they were. */
#ifndef MUSTER_AGENT_UPDATE_BINARY_H
#define MUSTER_AGENT_UPDATE_BINARY_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* A, A.part, A.new, and the directory they are in. */
struct binary {
    char path[PATH_MAX];
    char part[PATH_MAX];
    char fresh[PATH_MAX];
    char directory[PATH_MAX];
    int64_t size; /* of A */
};

/* path NULL: the file we were started from. Refuses what could not be updated in place, so that nobody downloads in
 * vain, and with words for the operator: ERR_CONFLICT: A has been replaced or removed since we were started, is no
 * regular file, or is set-user-id or set-group-id, which an update must not hand on. ERR_DENIED: the filesystem is
 * read-only or noexec, or the directory is not ours to write. ERR_IO. */
int binary_open(const char *path, struct binary *ret, struct err *err) MUSTER_NODISCARD;

/* SHA-256 of A in hex. */
enum { BINARY_SHA256_SIZE = 65 };
int binary_sha256(const struct binary *b, char ret[BINARY_SHA256_SIZE], struct err *err) MUSTER_NODISCARD;

/* Makes A.new of A.part, which must be complete and verified: gives it A's owner, mode, ACL and extended attributes
 * (SELinux label and capabilities included; IMA and EVM digests are of the old content and stay behind), syncs it,
 * renames it, syncs the directory. ERR_CONFLICT: A.part is not a file of its own. ERR_IO, ERR_DENIED: something could
 * not be set; A.part is removed then. */
int binary_finish(const struct binary *b, struct err *err) MUSTER_NODISCARD;

/* Removes A.part and A.new. */
int binary_discard(const struct binary *b, struct err *err) MUSTER_NODISCARD;

#endif
