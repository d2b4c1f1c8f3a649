/* Patches on a small base: any bytes behind the magic number, or a good patch with one byte changed, which gets
 * further. Never more comes out than was promised, and success means that all of it did. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "update/patch_decode.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE_LEN = 64, RESULT_MAX = 1024 * 1024, PATCH_MAX = 64 * 1024 };

struct made {
    int64_t len;
    unsigned sum; /* so that bytes nobody wrote would be seen */
};

static int take(void *ctx, const void *data, size_t len, struct err *err)
{
    const unsigned char *bytes = data;
    struct made *made = ctx;
    (void)err;
    for (size_t i = 0; i < len; i++)
        made->sum = made->sum * 31 + bytes[i];
    made->len += (int64_t)len;
    return 0;
}

/* A good patch from base to data. */
static size_t make_patch(const uint8_t *base, const uint8_t *data, size_t size, uint8_t *ret)
{
    static ZSTD_CCtx *cctx;
    if (cctx == NULL)
        cctx = ZSTD_createCCtx();
    (void)ZSTD_CCtx_refPrefix(cctx, base, BASE_LEN);
    size_t len = ZSTD_compress2(cctx, ret, PATCH_MAX, data, size);
    assert(!ZSTD_isError(len));
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t patch[PATCH_MAX];
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    struct err err = {0};
    struct made made = {.len = 0};
    if (size < BASE_LEN + 4 || size > PATCH_MAX / 2)
        return 0;
    const uint8_t *base = data + 4, *rest = base + BASE_LEN;
    size_t rest_len = size - BASE_LEN - 4, len;
    if (data[0] & 1) {
        len = make_patch(base, rest, rest_len, patch);
        patch[((size_t)data[1] << 8 | data[2]) % len] ^= data[3];
    } else {
        memcpy(patch, magic, sizeof magic);
        memcpy(patch + sizeof magic, rest, rest_len);
        len = sizeof magic + rest_len;
    }
    unsigned long long says = ZSTD_getFrameContentSize(patch, len);
    int64_t result_size = says <= RESULT_MAX ? (int64_t)says : 100;
    int rc = patch_decode(base, BASE_LEN, patch, len, result_size, take, &made, &err);
    assert(made.len <= result_size);
    assert(rc == 0 ? made.len == result_size : err.code == rc);
    if ((data[0] & 1) && data[3] == 0) { /* nothing was changed */
        struct made whole = {.len = 0};
        assert(rc == 0 && take(&whole, rest, rest_len, &err) == 0);
        assert(whole.len == made.len && whole.sum == made.sum);
    }
    return 0;
}
