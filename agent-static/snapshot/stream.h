/* stream.h: bytes from one thread to another through a ring of fixed size.
 *
 * One writes, one reads. Each side hears of the other's end. What is written is handed over in pieces, the last by
 * stream_end. */
#ifndef MUSTER_AGENT_SNAPSHOT_STREAM_H
#define MUSTER_AGENT_SNAPSHOT_STREAM_H

#include <stddef.h>

#include "common/err.h"

struct stream;

struct stream *stream_new(size_t size); /* NULL when memory is out */
void stream_free(struct stream *s);     /* no thread may be in a call; NULL does nothing */

/* Where the next bytes go, for at least one; waits for room. ERR_CONFLICT when the reader has gone. */
int stream_room(struct stream *s, void **ret, size_t *ret_len, struct err *err) MUSTER_NODISCARD;

/* Writes all of it; waits for room. What lies in the room given last, from its beginning on, is not copied: the writer
 * put it there itself. ERR_CONFLICT when the reader has gone. */
int stream_write(struct stream *s, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* Called by the writer when it is done; what it wrote can still be read. */
void stream_end(struct stream *s);

/* The next bytes, valid until the next call; *ret_len 0 at the end. Waits. */
void stream_read(struct stream *s, const void **ret, size_t *ret_len);

/* The reader is done. */
void stream_leave(struct stream *s);

#endif
