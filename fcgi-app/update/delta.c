#include "update/delta.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/file.h"

enum { LEVEL = 19, WINDOW_MIN = 17, WINDOW_MAX = 27, FILE_MAX = 64 << 20 }; /* 27: decoders refuse more by default */

struct bytes {
    char *data;
    size_t len;
};

/* A window that holds the old and the new one, so that everything can be referred to. */
static int window_log(size_t len)
{
    int bits = WINDOW_MIN;
    while (bits < WINDOW_MAX && ((size_t)1 << bits) < len)
        bits++;
    return bits;
}

static bool prepare(ZSTD_CCtx *ctx, struct bytes base, size_t new_len)
{
    const struct {
        ZSTD_cParameter name;
        int value;
    } parameters[] = {{ZSTD_c_compressionLevel, LEVEL},
                      {ZSTD_c_windowLog, window_log(base.len + new_len)},
                      {ZSTD_c_enableLongDistanceMatching, 1},
                      {ZSTD_c_contentSizeFlag, 1},
                      {ZSTD_c_checksumFlag, 1}};
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++)
        if (ZSTD_isError(ZSTD_CCtx_setParameter(ctx, parameters[i].name, parameters[i].value)))
            return false;
    return !ZSTD_isError(ZSTD_CCtx_refPrefix(ctx, base.data, base.len));
}

static int compress(struct bytes base, struct bytes want, struct bytes *ret, struct err *err)
{
    ZSTD_CCtx *ctx = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(want.len);
    char *data = malloc(room);
    int rc = 0;
    if (ctx == NULL || data == NULL)
        rc = err_set(err, ERR_NOMEM, "no memory for a patch");
    else if (!prepare(ctx, base, want.len))
        rc = err_set(err, ERR_INTERNAL, "zstd takes none of our parameters");
    size_t len = rc == 0 ? ZSTD_compress2(ctx, data, room, want.data, want.len) : 0;
    if (rc == 0 && ZSTD_isError(len))
        rc = err_set(err, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(len));
    ZSTD_freeCCtx(ctx);
    if (rc != 0)
        free(data);
    else
        *ret = (struct bytes){data, len};
    return rc;
}

/* A patch that does not give what it should would only be found by every agent. */
static int verify(struct bytes base, struct bytes want, struct bytes patch, struct err *err)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    char *data = malloc(want.len);
    int rc = ctx != NULL && data != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a patch");
    if (rc == 0 && ZSTD_isError(ZSTD_DCtx_refPrefix(ctx, base.data, base.len)))
        rc = err_set(err, ERR_INTERNAL, "zstd takes no prefix");
    if (rc == 0 && (ZSTD_decompressDCtx(ctx, data, want.len, patch.data, patch.len) != want.len ||
                    memcmp(data, want.data, want.len) != 0))
        rc = err_set(err, ERR_INTERNAL, "a patch did not give the file it was made from");
    free(data);
    ZSTD_freeDCtx(ctx);
    return rc;
}

int delta_make(const char *base_path, const char *new_path, const char *patch_path, bool *ret_made, struct err *err)
{
    struct bytes base = {0}, want = {0}, patch = {0};
    int rc = file_read(base_path, FILE_MAX, &base.data, &base.len, err);
    if (rc == 0)
        rc = file_read(new_path, FILE_MAX, &want.data, &want.len, err);
    if (rc == 0)
        rc = compress(base, want, &patch, err);
    bool smaller = rc == 0 && patch.len < want.len;
    if (smaller)
        rc = verify(base, want, patch, err);
    if (rc == 0 && smaller)
        rc = file_write(patch_path, patch.data, patch.len, 0644, err);
    if (rc == 0)
        *ret_made = smaller;
    free(base.data);
    free(want.data);
    free(patch.data);
    return rc;
}
