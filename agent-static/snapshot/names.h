/* names.h: the names in a directory, sorted, however many there are.
 *
 * What fits into a share of NAMES_BUDGET stays in memory; a larger directory goes through sorted runs in a temporary
 * file, which are merged into one. Memory is the same for a hundred names and for a hundred million. Names are bytes
 * and are compared as such.
 *
 * Directories are read on the way down a tree and forgotten on the way up: the last one read is the first one freed. */
#ifndef MUSTER_AGENT_SNAPSHOT_NAMES_H
#define MUSTER_AGENT_SNAPSHOT_NAMES_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

enum {
    NAMES_BUDGET = 1024 * 1024,  /* in memory, of all directories together */
    NAMES_WORK = 128 * 1024,     /* read and sorted at a time: bytes */
    NAMES_WORK_COUNT = 8 * 1024, /* and names */
};

/* What the directories of one walk share. */
struct names_pool;

/* dir: where a temporary file may be made, if need be; borrowed. */
int names_pool_new(const char *dir, struct names_pool **ret, struct err *err) MUSTER_NODISCARD;
void names_pool_free(struct names_pool *p); /* NULL does nothing */

struct names {
    char *text;      /* names with their NULs after each other: all, or a window of the file; NULL: none left */
    size_t len, at;  /* of text */
    off_t next, end; /* what comes from the file after it */
    off_t start;     /* of what the file holds for this directory; -1: nothing */
    size_t cost;     /* out of the budget */
    int trouble;     /* errno, when the directory could not be read to its end */
};

/* Reads the directory open at fd, but for "." and "..". What could not be read is missing and ret->trouble says so;
 * failures are those of memory and of the temporary file alone. */
int names_read(struct names_pool *p, int fd, struct names *ret, struct err *err) MUSTER_NODISCARD;

/* The names there are, in this order, instead of a directory's. */
int names_fixed(struct names_pool *p, const char *const *list, size_t count, struct names *ret,
                struct err *err) MUSTER_NODISCARD;

/* The next name, borrowed until the next call for this directory; NULL at the end. */
int names_next(struct names_pool *p, struct names *n, const char **ret, struct err *err) MUSTER_NODISCARD;

/* Gives back what memory can be had again from the file; for a directory whose turn comes later. */
void names_rest(struct names_pool *p, struct names *n);

void names_free(struct names_pool *p, struct names *n);

#endif
