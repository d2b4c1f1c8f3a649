/* stream.h: bytes from one thread to another through a ring of fixed size.
 *
 * One writes, one reads. Each side hears of the other's end. */
#ifndef MUSTER_AGENT_SNAPSHOT_STREAM_H
#define MUSTER_AGENT_SNAPSHOT_STREAM_H

#include <stddef.h>

#include "common/err.h"

struct stream;

struct stream *stream_new(size_t size); /* NULL when memory is out */
void stream_free(struct stream *s);     /* no thread may be in a call; NULL does nothing */

/* Writes all of it; waits for room. ERR_CONFLICT when the reader has gone. */
int stream_write(struct stream *s, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* The writer is done; what it wrote can still be read. */
void stream_end(struct stream *s);

/* The next bytes, valid until the next call; *ret_len 0 at the end. Waits. */
void stream_read(struct stream *s, const void **ret, size_t *ret_len);

/* The reader is done. */
void stream_leave(struct stream *s);

#endif
