/* behind.h: a compressor in a thread of its own, so that files are read while others are compressed.
 *
 * What is written goes through a ring (stream.h); the receiver is called from that thread. Its failure is that of the
 * next call here. */
#ifndef MUSTER_AGENT_SNAPSHOT_BEHIND_H
#define MUSTER_AGENT_SNAPSHOT_BEHIND_H

#include <stddef.h>

#include "common/err.h"
#include "snapshot/compress.h"

struct behind;

/* The compressor is borrowed, and the thread's alone until behind_free. */
int behind_new(struct compress *compress, struct behind **ret, struct err *err) MUSTER_NODISCARD;

/* Waits for the thread, which ends at the next chance when the stream was not finished. NULL does nothing. */
void behind_free(struct behind *b);

/* Where the next bytes go, for at least one; waits for room. What is put there and then given to behind_write, from the
 * room's beginning on, is not copied. */
int behind_room(struct behind *b, void **ret, size_t *ret_len, struct err *err) MUSTER_NODISCARD;

int behind_write(struct behind *b, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* Ends the compressed stream and waits until all of it has gone to the receiver. Nothing may be written after it. */
int behind_finish(struct behind *b, struct err *err) MUSTER_NODISCARD;

#endif
