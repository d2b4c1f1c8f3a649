/* walk.h: every file below a source, as the kernel has it, without being led astray.
 *
 * Works on descriptors: a directory is opened relative to its parent's descriptor and without following a symlink, so
 * that a user who swaps a directory for a symlink while we walk cannot make us read outside the source. What is told
 * about a file is fstat of the descriptor it is read from.
 *
 * Memory is bounded whatever the tree: names of a directory are read in sorted batches out of a budget shared by the
 * levels (WALK_NAMES_BUDGET), so the order is the same for the same tree unless a directory is huge. Depth is not
 * limited: descriptors of levels in between are closed and found again through "..", checked against device and inode.
 * Paths end at WALK_PATH_MAX bytes, which is what readers of the archive take.
 *
 * Not followed: mount points of the kernel's own file systems (proc, sysfs, …). Sockets are counted as skipped. */
#ifndef MUSTER_AGENT_BACKUP_WALK_H
#define MUSTER_AGENT_BACKUP_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/err.h"

enum { WALK_PATH_MAX = 256 * 1024, WALK_NAMES_BUDGET = 2 * 1024 * 1024 };

struct walk_entry {
    const char *path; /* the source's path and what is below it; raw bytes */
    int dir_fd;       /* the directory it lies in, and its name there; AT_EMPTY_PATH ("") for the source itself */
    const char *name;
    int fd;         /* open for reading: regular files and directories; else -1. Closed by the walk. */
    struct stat st; /* of fd where there is one */
};

struct walk_visitor {
    /* A directory comes before what is in it. A non-zero return ends the walk with that code. */
    int (*visit)(void *ctx, const struct walk_entry *entry, struct err *err);
    /* Something below could not be read; the walk goes on. */
    void (*problem)(void *ctx, const char *path, const struct err *err);
    /* A socket or a file system of the kernel was left out. May be NULL. */
    void (*skipped)(void *ctx, const char *path);
    /* Asked at every entry; true ends the walk with ERR_CONFLICT. May be NULL. */
    bool (*stopped)(void *ctx);
    void *ctx;
};

struct walk_options {
    /* fnmatch(3) patterns. Without a slash: matched against the name. With one in front: against the whole path. Else:
     * against the path below the source. A directory that matches is left out with all that is in it. */
    const char *const *excludes;
    size_t exclude_count;
    bool has_private; /* leave out the directory with this device and inode (STATE_DIR: it holds our keys) */
    dev_t private_dev;
    ino_t private_ino;
};

/* Walks the source open at fd (O_PATH; stays the caller's), called path. ERR_INVALID when it is neither a directory nor
 * a regular file, ERR_IO when it cannot be read at all; otherwise only what visit returns, ERR_NOMEM or ERR_CONFLICT.
 */
int walk_source(const struct walk_options *options, int fd, const char *path, const struct walk_visitor *visitor,
                struct err *err) MUSTER_NODISCARD;

/* Whether an entry of this path is excluded; source_len is the length of the source's path at its start. */
bool walk_excluded(const struct walk_options *options, const char *path, size_t source_len);

#endif
