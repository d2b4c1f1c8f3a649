/* hardlinks.h: which files with several names have been stored already, and under which.
 *
 * Only files with more than one link are remembered, and each until all its links were seen. What is remembered never
 * exceeds the given number of bytes: beyond it the further names of a file are stored as files of their own, complete,
 * but no longer linked. */
#ifndef MUSTER_AGENT_SNAPSHOT_HARDLINKS_H
#define MUSTER_AGENT_SNAPSHOT_HARDLINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct hardlinks;

/* What can be said of a stored file without looking at it again. */
struct hardlink {
    const char *path; /* under which it was stored; borrowed until the next call */
    struct stat st;   /* dev, ino, mode, nlink, uid, gid, size, mtim, ctim; the rest is 0 */
};

struct hardlinks *hardlinks_new(size_t max_bytes); /* NULL when memory is out */
void hardlinks_free(struct hardlinks *h);          /* NULL does nothing */

/* Remembers that st was stored as path. False when there is no room. */
bool hardlinks_add(struct hardlinks *h, const struct stat *st, const char *path);

/* The path under which st was stored, borrowed until the next call; NULL when it was not. Each call counts as one more
 * of its names seen. */
const char *hardlinks_find(struct hardlinks *h, const struct stat *st);

/* Finds a stored file of which not all names were seen, by its inode's number and the time of its last change. Counts
 * nothing. */
bool hardlinks_like(const struct hardlinks *h, ino_t ino, const struct timespec *changed, struct hardlink *ret);

/* Bytes in use. */
size_t hardlinks_used(const struct hardlinks *h);

#endif
