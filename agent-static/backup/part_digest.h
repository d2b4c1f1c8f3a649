/* part_digest.h: what the bytes of a part are compared by: MD5 (RFC 1321), which S3 stores know (Content-MD5), or
 * XXH64, which our own store takes and which costs a tenth of it. Both find damage and protect nothing from anybody:
 * SHA-256 does. */
#ifndef MUSTER_AGENT_BACKUP_PART_DIGEST_H
#define MUSTER_AGENT_BACKUP_PART_DIGEST_H

#include <stddef.h>

#define XXH_STATIC_LINKING_ONLY       /* its state as a part of ours */
#define XXH_NAMESPACE           ZSTD_ /* the one that libzstd brings */
#include <xxhash.h>

#include "backup/md5.h"

enum part_digest_kind { PART_MD5, PART_XXH64 };

enum { PART_DIGEST_MAX = MD5_SIZE };

struct part_digest {
    enum part_digest_kind kind;
    union {
        struct md5 md5;
        XXH64_state_t xxh64;
    } state;
};

/* A digest of nothing so far. */
void part_digest_init(struct part_digest *d, enum part_digest_kind kind);
void part_digest_update(struct part_digest *d, const void *data, size_t len);

/* Nothing may follow it. How many bytes it has is part_digest_size. */
void part_digest_finish(struct part_digest *d, unsigned char ret[PART_DIGEST_MAX]);
size_t part_digest_size(enum part_digest_kind kind);

#endif
