/* segment.h: one file of the event log: a header and records after it, each with its own CRC-32.
 *
 *   header  "MUSTEREV" | epoch 16 | boot id 36 | first seq u64 | inode u64 | crc u32      little endian
 *   record  length u32 | crc u32 | seq u64 | level u8 | 0 0 0 | JSON of that length       crc covers all but itself
 *
 * Records grow in seq; gaps are events that were dropped. A file is only ever appended to or replaced whole. The header
 * says under which boot and as which inode the file was made: a file that was put back from a copy shows by that. */
#ifndef MUSTER_AGENT_POLL_SEGMENT_H
#define MUSTER_AGENT_POLL_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

enum {
    SEGMENT_EPOCH_LEN = 16,
    SEGMENT_BOOT_LEN = 36,
    SEGMENT_HEADER_SIZE = 8 + SEGMENT_EPOCH_LEN + SEGMENT_BOOT_LEN + 8 + 8 + 4,
    RECORD_HEADER_SIZE = 20,
    RECORD_JSON_MAX = 32 * 1024,
};

struct segment_header {
    char epoch[SEGMENT_EPOCH_LEN + 1];
    char boot_id[SEGMENT_BOOT_LEN + 1];
    uint64_t first_seq;
    uint64_t inode;
};

struct record {
    uint64_t seq;
    int level;        /* enum log_level */
    const char *json; /* borrowed, not NUL-terminated */
    size_t json_len;
    const char *raw; /* the whole record, for copying */
    size_t raw_len;
};

/* A segment in memory. */
struct segment {
    struct segment_header header;
    const char *data;
    char *owned; /* data, when segment_done frees it */
    size_t len;
    size_t at;         /* the next record; after the last one, where the whole records end */
    uint64_t last_seq; /* of the record taken last; first_seq - 1 before */
    uint64_t inode;    /* of the file that was read */
};

/* Reads the file at path. ERR_NOT_FOUND; ERR_CORRUPT when the header is damaged; segment_done in any case of success.
 */
int segment_load(const char *path, size_t max, struct segment *ret, struct err *err) MUSTER_NODISCARD;
void segment_done(struct segment *s);

/* The same over bytes in memory, which must outlive it: for the fuzzer. */
int segment_parse(const char *data, size_t len, struct segment *ret, struct err *err) MUSTER_NODISCARD;

enum segment_step {
    SEGMENT_RECORD,  /* *ret is one */
    SEGMENT_END,     /* no more */
    SEGMENT_TORN,    /* the file ends within a record: a writer was cut off */
    SEGMENT_DAMAGED, /* what follows is no record */
};
enum segment_step segment_next(struct segment *s, struct record *ret);

/* Makes the file: header and, if any, records (raw) after it. Durable and all or nothing; replaces one that is there.
 * The header's inode is filled in. */
int segment_create(const char *path, const struct segment_header *header, const struct buf *records,
                   struct err *err) MUSTER_NODISCARD;

/* Appends the record to b. */
void segment_encode(struct buf *b, uint64_t seq, int level, const char *json, size_t json_len);

#endif
