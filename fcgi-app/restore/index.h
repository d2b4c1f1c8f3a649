/* index.h: the list of what is inside a run (its object 0), read as a stream.
 *
 *     muster-index 1
 *     <type> <outcome> <size> <mtime_ms> <seq> <path>
 *     …
 *     end <number of entries>
 *
 * in one zstd frame. The path has no leading slash; bytes below 0x21, 0x7f, the backslash and what is not UTF-8 stand
 * as \ooo. Entries ascend by path, compared component by component, so that a directory stands before what is in it and
 * all of that stands together. An agent wrote it, so nothing in it is believed: each line is checked as it comes, and
 * what it may cost is bounded whatever it says. Memory does not grow with the list. Private to restore/. */
#ifndef MUSTER_RESTORE_INDEX_H
#define MUSTER_RESTORE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

enum {
    INDEX_PATH_MAX = 32 * 1024, /* bytes of a path, decoded */
    INDEX_WINDOW_LOG = 23,      /* 8 MiB: what zstd needs up to its level 19 */
};

struct index_entry {
    char type;    /* f d l p c b s */
    char outcome; /* - c u v s */
    int64_t size;
    int64_t mtime_ms;
    int64_t seq;      /* which archive of the chain holds it; -1: none */
    const char *path; /* its bytes, without a NUL among them and with one behind */
    size_t len;
};

/* Where the compressed bytes come from. *ret_len 0: the end. */
struct index_source {
    int (*read)(void *ctx, void *buf, size_t size, size_t *ret_len, struct err *err);
    void *ctx;
};

struct index_limits {
    uint64_t max_bytes;        /* decompressed */
    const struct clock *clock; /* NULL: no deadline */
    int64_t deadline_ms;       /* monotonic */
};

/* 0: go on; INDEX_ENOUGH: read no further; negative: fail. */
enum { INDEX_ENOUGH = 1 };
typedef int index_entry_fn(void *ctx, const struct index_entry *entry, struct err *err);

/* Calls fn with each entry. 0 when fn had enough, or when the list was read to its end and is whole. ERR_CORRUPT when
 * it is not what it should be; ERR_TOO_BIG, ERR_TIMEOUT: beyond a limit. Blocks on the source. */
int index_read(const struct index_source *source, const struct index_limits *limits, index_entry_fn *fn, void *ctx,
               struct err *err) MUSTER_NODISCARD;

/* Whether a comes before (-1), is (0) or comes after (1) b in the order of the list. */
int index_compare(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
