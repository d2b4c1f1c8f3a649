/* Any bytes as the list of what is inside a run: refused, or entries in order whose paths lead nowhere else. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "restore/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct feed {
    const uint8_t *data;
    size_t left;
};

static int feed_read(void *ctx, void *buf, size_t size, size_t *ret_len, struct err *err)
{
    struct feed *f = ctx;
    (void)err;
    *ret_len = f->left < size ? f->left : size;
    memcpy(buf, f->data, *ret_len);
    f->data += *ret_len;
    f->left -= *ret_len;
    return 0;
}

struct seen {
    char path[INDEX_PATH_MAX];
    size_t len;
};

static int look(void *ctx, const struct index_entry *e, struct err *err)
{
    struct seen *before = ctx;
    (void)err;
    assert(e->len > 0 && e->len <= INDEX_PATH_MAX && strlen(e->path) == e->len && e->size >= 0 && e->seq >= -1);
    assert(e->path[0] != '/' && e->path[e->len - 1] != '/' && strstr(e->path, "//") == NULL);
    assert(strcmp(e->path, "..") != 0 && strncmp(e->path, "../", 3) != 0 && strstr(e->path, "/../") == NULL);
    assert(index_compare(before->path, before->len, e->path, e->len) < 0);
    assert(index_compare(e->path, e->len, before->path, before->len) > 0);
    memcpy(before->path, e->path, e->len);
    before->len = e->len;
    return 0;
}

static void read_as_list(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct feed feed = {data, size};
    struct seen *seen = calloc(1, sizeof *seen);
    assert(seen != NULL);
    int rc = index_read(&(struct index_source){feed_read, &feed}, &(struct index_limits){.max_bytes = 1 << 22}, look,
                        seen, &err);
    assert(rc == 0 || rc == ERR_CORRUPT || rc == ERR_TOO_BIG);
    free(seen);
}

/* As compressed bytes, and as what comes out of them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t packed[1 << 20];
    read_as_list(data, size);
    size_t len = ZSTD_compress(packed, sizeof packed, data, size, 1);
    if (!ZSTD_isError(len))
        read_as_list(packed, len);
    return 0;
}
