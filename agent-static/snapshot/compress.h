/* compress.h: a stream compressed straight into the buffers it is sent from.
 *
 * The receiver hands out room and is told how much of it was used; nothing is copied between. Memory is bounded by
 * COMPRESS_MEMORY whatever the level: what zstd wants beyond it is not given, and its levels above 3 do as 3 does. */
#ifndef MUSTER_AGENT_SNAPSHOT_COMPRESS_H
#define MUSTER_AGENT_SNAPSHOT_COMPRESS_H

#include <stddef.h>

#include "common/err.h"

enum compress_method { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD };

enum { COMPRESS_MEMORY = 2560 * 1024 };

struct compress_receiver {
    /* Room for at least one byte; may block. An error ends the stream. */
    int (*room)(void *ctx, void **ret, size_t *ret_len, struct err *err);
    /* len bytes of the room last given are filled. */
    void (*filled)(void *ctx, size_t len);
    void *ctx;
};

struct compress;

/* level: 1 to 9 for gzip, 1 to 19 for zstd; what lies outside is moved to the nearest, 0 is the default. */
int compress_new(enum compress_method method, int level, const struct compress_receiver *receiver,
                 struct compress **ret, struct err *err) MUSTER_NODISCARD;
void compress_free(struct compress *c); /* NULL does nothing */

int compress_write(struct compress *c, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* Ends the stream; nothing may be written after it. */
int compress_finish(struct compress *c, struct err *err) MUSTER_NODISCARD;

/* ".tar.zst", ".tar.gz", ".tar" */
const char *compress_suffix(enum compress_method method);

#endif
