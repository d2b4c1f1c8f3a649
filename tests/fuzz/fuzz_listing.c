/* Indexes that nobody honest wrote: read to their end or refused, and every entry is one that can be shown.
 *
 * The first byte chooses: raw bytes, or text that is compressed first. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "restore/listing.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    const uint8_t *data;
    size_t len, step;
};

static void give_bytes(void *ctx, const void **ret, size_t *ret_len)
{
    struct bytes *b = ctx;
    size_t n = b->len < b->step ? b->len : b->step;
    *ret = b->data;
    *ret_len = n;
    b->data += n;
    b->len -= n;
}

static int look(void *ctx, const struct listing_entry *e, struct err *err)
{
    size_t *count = ctx;
    (void)err;
    (*count)++;
    assert(e->path[0] != '\0' && e->size >= 0 && e->seq >= -1);
    assert(strchr("fdlpcbs", e->type) != NULL && strchr("-cuvs", e->outcome) != NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t packed[64 * 1024];
    struct err err = {0};
    size_t count = 0;
    if (size == 0 || ZSTD_compressBound(size) > sizeof packed)
        return 0;
    struct bytes b = {.data = data + 1, .len = size - 1, .step = 1 + (data[0] >> 1)};
    if ((data[0] & 1) != 0) {
        b.len = ZSTD_compress(packed, sizeof packed, data + 1, size - 1, 1);
        b.data = packed;
    }
    int rc = listing_read(give_bytes, &b, look, &count, &err);
    assert(rc == 0 || (rc == ERR_CORRUPT && err.msg[0] != '\0'));
    return 0;
}
