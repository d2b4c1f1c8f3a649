/* listing.h: the index of a run, read: what the whole tree held then, also what is stored in earlier archives.
 *
 *     muster-index 1
 *     <type> <outcome> <size> <mtime_ms> <seq> <path>
 *     …
 *     end <number of entries>
 *
 * in a zstd frame. The bytes may come from anybody: memory is bounded, and a list that is cut off or malformed is
 * ERR_CORRUPT, after some of it has been visited. */
#ifndef MUSTER_AGENT_RESTORE_LISTING_H
#define MUSTER_AGENT_RESTORE_LISTING_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct listing_entry {
    char type;    /* f file, d directory, l symlink, p fifo, c b device, s socket */
    char outcome; /* - fine, c changed while read, u unreadable, v vanished, s left out */
    int64_t size;
    int64_t mtime_ms;
    int64_t seq;      /* the archive of the chain that holds it; -1: none */
    const char *path; /* bytes, without a slash in front */
};

/* Non-zero ends the reading and is returned. */
typedef int listing_fn(void *ctx, const struct listing_entry *entry, struct err *err);

/* read as extract.h has it. */
int listing_read(void (*read)(void *ctx, const void **ret, size_t *ret_len), void *read_ctx, listing_fn *each,
                 void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
