#include "backup/part_digest.h"

#include <string.h>

void part_digest_init(struct part_digest *d, enum part_digest_kind kind)
{
    d->kind = kind;
    if (kind == PART_XXH64)
        (void)XXH64_reset(&d->state.xxh64, 0);
    else
        md5_init(&d->state.md5);
}

void part_digest_update(struct part_digest *d, const void *data, size_t len)
{
    if (d->kind == PART_XXH64)
        (void)XXH64_update(&d->state.xxh64, data, len);
    else
        md5_update(&d->state.md5, data, len);
}

void part_digest_finish(struct part_digest *d, unsigned char ret[PART_DIGEST_MAX])
{
    if (d->kind == PART_MD5) {
        md5_finish(&d->state.md5, ret);
        return;
    }
    XXH64_canonical_t sum;
    XXH64_canonicalFromHash(&sum, XXH64_digest(&d->state.xxh64));
    memcpy(ret, sum.digest, sizeof sum.digest);
}

size_t part_digest_size(enum part_digest_kind kind)
{
    return kind == PART_XXH64 ? sizeof(XXH64_hash_t) : MD5_SIZE;
}
