/* buf.h: a growing byte buffer with a hard maximum.
 *
 * Appends either succeed whole or set the sticky `failed` mark and leave the content as it was; so a writer appends
 * freely and asks buf_ok() once at the end. The bytes are always followed by a NUL that does not count. */
#ifndef MUSTER_COMMON_BUF_H
#define MUSTER_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct buf {
    char *data; /* NULL until the first append */
    size_t len;
    size_t size; /* allocated */
    size_t max;  /* len never exceeds this */
    bool failed;
};

/* An empty buffer in the caller's storage that will hold at most max bytes. */
void buf_init(struct buf *b, size_t max);

/* Frees the bytes; the buffer may be used again. buf_done_secret wipes them first. */
void buf_done(struct buf *b);
void buf_done_secret(struct buf *b);

/* Forgets the content and the mark, keeps the memory. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) MUSTER_PRINTF(2, 3);

/* True while every append has fitted. */
bool buf_ok(const struct buf *b);

/* The content as a string, "" when empty. Borrowed until the next append. */
const char *buf_str(const struct buf *b);

/* Hands the bytes over to the caller (free()); the buffer is empty afterwards. NULL when a mark is set or empty. */
char *buf_take(struct buf *b);

#endif
