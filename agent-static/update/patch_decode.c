#include <zstd.h>

#include "update/patch.h"

enum {
    OUT_SIZE = 16 * 1024,
    WINDOW_LOG_MAX = 27, /* memory is bounded by the size of the result, which is checked; this is zstd's own default */
};

/* The frame says how much comes out before any memory is taken for it. Skippable frames say 0. */
static int check_frame(const void *patch, size_t len, int64_t result_size, struct err *err)
{
    unsigned long long size = ZSTD_getFrameContentSize(patch, len);
    if (size == ZSTD_CONTENTSIZE_ERROR)
        return err_set(err, ERR_CORRUPT, "not a zstd patch");
    if (size == ZSTD_CONTENTSIZE_UNKNOWN)
        return err_set(err, ERR_CORRUPT, "the patch does not say how large its result is");
    if (result_size < 0 || result_size > PATCH_RESULT_MAX || size != (unsigned long long)result_size)
        return err_set(err, ERR_TOO_BIG, "the patch makes %llu bytes, not %lld", size, (long long)result_size);
    return 0;
}

static int explain(size_t code, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the patch is damaged: %.100s", ZSTD_getErrorName(code));
}

/* One frame and nothing after it. */
static int decode(ZSTD_DCtx *dctx, ZSTD_inBuffer *in, int64_t result_size, patch_sink_fn *sink, void *ctx,
                  struct err *err)
{
    char data[OUT_SIZE];
    int64_t made = 0;
    size_t left = 1;
    while (left != 0) {
        ZSTD_outBuffer out = {.dst = data, .size = sizeof data};
        size_t before = in->pos;
        left = ZSTD_decompressStream(dctx, &out, in);
        if (ZSTD_isError(left))
            return explain(left, err);
        if (out.pos == 0 && in->pos == before)
            return err_set(err, ERR_CORRUPT, "the patch ends too early");
        made += (int64_t)out.pos;
        if (made > result_size)
            return err_set(err, ERR_TOO_BIG, "the patch makes more than it says");
        int rc = sink(ctx, data, out.pos, err);
        if (rc != 0)
            return rc;
    }
    if (in->pos != in->size || made != result_size)
        return err_set(err, ERR_CORRUPT, "the patch has something behind its end");
    return 0;
}

int patch_decode(const void *base, size_t base_len, const void *patch, size_t patch_len, int64_t result_size,
                 patch_sink_fn *sink, void *ctx, struct err *err)
{
    ZSTD_inBuffer in = {.src = patch, .size = patch_len};
    int rc = check_frame(patch, patch_len, result_size, err);
    if (rc != 0)
        return rc;
    ZSTD_DCtx *dctx = ZSTD_createDCtx();
    if (dctx == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t code = ZSTD_DCtx_setParameter(dctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    if (!ZSTD_isError(code))
        code = ZSTD_DCtx_refPrefix(dctx, base, base_len);
    rc = ZSTD_isError(code) ? explain(code, err) : decode(dctx, &in, result_size, sink, ctx, err);
    (void)ZSTD_freeDCtx(dctx);
    return rc;
}
