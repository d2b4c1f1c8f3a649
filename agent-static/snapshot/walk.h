/* walk.h: every file below a source, in the order of paths, as the kernel has it, without being led astray.
 *
 * Works on descriptors: a directory is opened relative to its parent's descriptor and without following a symlink, so
 * that a user who swaps a directory for a symlink while we walk cannot make us read outside the source. Files are only
 * looked at; whoever wants their content opens them through walk_open.
 *
 * The names of a directory are sorted (names.h), a directory comes before what is in it and all of that before its next
 * neighbour: the order of path_compare. Memory is bounded whatever the tree. Depth is not limited: descriptors of
 * levels in between are closed and found again through "..", checked against device and inode. Paths end at
 * WALK_PATH_MAX bytes, which is what readers of the archive take. */
#ifndef MUSTER_AGENT_SNAPSHOT_WALK_H
#define MUSTER_AGENT_SNAPSHOT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "backup/report.h"
#include "common/err.h"
#include "snapshot/exclude.h"

enum { WALK_PATH_MAX = 256 * 1024 };

struct walk_entry {
    const char *path; /* the source's path and what is below it; raw bytes */
    int dir_fd;       /* the directory it lies in, and its name there; AT_EMPTY_PATH ("") for the source itself */
    const char *name;
    int fd;                 /* of a directory: open for reading; of a file: -1 until walk_open. Closed by the walk. */
    struct stat st;         /* of fd where there is one */
    const char *left_out;   /* of a directory whose content is left out: why; else NULL */
    const char *incomplete; /* of one whose names could not all be read: why; else NULL */
};

struct walk_visitor {
    /* A non-zero return of any of these ends the walk with that code. */
    int (*visit)(void *ctx, struct walk_entry *entry, struct err *err);
    /* What is at path is not visited, neither is what is below: REPORT_UNREADABLE, _VANISHED or _SKIPPED. st is NULL
     * when nobody could look at it. In its place in the order. */
    int (*missed)(void *ctx, const char *path, const struct stat *st, enum report_kind kind, const char *why,
                  struct err *err);
    /* Of a directory that was visited: there may be more in it than the walk comes to from here on. */
    int (*incomplete)(void *ctx, const char *path, const char *why, struct err *err);
    /* Asked at every entry; true ends the walk with ERR_CONFLICT. May be NULL. */
    bool (*stopped)(void *ctx);
    void *ctx;
};

struct walk_options {
    const char *spool_dir;           /* for temporary files; NULL: there must be no large directories */
    const struct excludes *excludes; /* NULL: none */
    bool one_file_system;
    int64_t max_file_size; /* larger files are left out; 0 or less: none is */
    /* A directory that holds a regular file of such a name is left out but for itself and that file. CACHEDIR.TAG must
     * have its signature, as in the Cache Directory Tagging Specification. */
    const char *const *skip_tags;
    size_t skip_tag_count;
    const char *reserved; /* left out: this very path; NULL: none */
    bool has_private;     /* not even mentioned: the directory with this device and inode (STATE_DIR, with our keys) */
    dev_t private_dev;
    ino_t private_ino;
};

/* Walks the source open at fd (O_PATH; stays the caller's), called path. Fails with ERR_NOMEM, ERR_CONFLICT, what the
 * visitor returns, and for temporary files. Not followed: mount points of the kernel's own file systems. Sockets are
 * left out. */
int walk_source(const struct walk_options *options, int fd, const char *path, const struct walk_visitor *visitor,
                struct err *err) MUSTER_NODISCARD;

/* Opens the regular file for reading and takes entry->st anew. ERR_NOT_FOUND: it is gone. ERR_IO: it cannot be read, or
 * is something else by now. */
int walk_open(struct walk_entry *entry, struct err *err) MUSTER_NODISCARD;

#endif
