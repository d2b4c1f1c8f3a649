#include "snapshot/compress.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* for the estimate of memory, and the splitter */
#include <zstd.h>

struct compress {
    enum compress_method method;
    struct compress_receiver receiver;
    ZSTD_CCtx *zstd;
    z_stream gzip;
    bool gzip_open;
};

const char *compress_suffix(enum compress_method method)
{
    return method == COMPRESS_ZSTD ? ".tar.zst" : method == COMPRESS_GZIP ? ".tar.gz" : ".tar";
}

static int clamp(int level, int fallback, int max)
{
    return level == 0 ? fallback : level < 1 ? 1 : level > max ? max : level;
}

/* The level's parameters, with the largest table made smaller until all fits COMPRESS_MEMORY. The levels beyond LAST
 * owe their results to strategies that are not built in (deps/README.md) and to more memory than there is. */
static ZSTD_compressionParameters bounded_parameters(int level)
{
    enum { LAST = 3 };
    ZSTD_compressionParameters p = ZSTD_getCParams(level < LAST ? level : LAST, 0, 0);
    while (ZSTD_estimateCStreamSize_usingCParams(p) > COMPRESS_MEMORY) {
        unsigned window = p.windowLog;
        unsigned hash = p.hashLog + 2; /* in bytes: four a slot */
        unsigned chain = p.chainLog + 2;
        if (window >= hash && window >= chain)
            p.windowLog--;
        else if (chain >= hash)
            p.chainLog--;
        else
            p.hashLog--;
    }
    return p;
}

static int open_zstd(struct compress *c, int level, struct err *err)
{
    enum { NO_SPLITTER = 1 }; /* it takes up to a tenth of the time, for less than half a percent of size */
    c->zstd = ZSTD_createCCtx();
    if (c->zstd == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    level = clamp(level, 3, 19);
    ZSTD_compressionParameters p = bounded_parameters(level);
    const struct {
        ZSTD_cParameter name;
        int value;
    } settings[] = {
        {ZSTD_c_compressionLevel, level},     {ZSTD_c_checksumFlag, 1},
        {ZSTD_c_windowLog, (int)p.windowLog}, {ZSTD_c_chainLog, (int)p.chainLog},
        {ZSTD_c_hashLog, (int)p.hashLog},     {ZSTD_c_searchLog, (int)p.searchLog},
        {ZSTD_c_minMatch, (int)p.minMatch},   {ZSTD_c_targetLength, (int)p.targetLength},
        {ZSTD_c_strategy, (int)p.strategy},   {ZSTD_c_blockSplitterLevel, NO_SPLITTER},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        size_t rc = ZSTD_CCtx_setParameter(c->zstd, settings[i].name, settings[i].value);
        if (ZSTD_isError(rc))
            return err_set(err, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(rc));
    }
    return 0;
}

static int open_gzip(struct compress *c, int level, struct err *err)
{
    enum { GZIP_WRAPPER = 16 };
    if (deflateInit2(&c->gzip, clamp(level, 6, 9), Z_DEFLATED, MAX_WBITS + GZIP_WRAPPER, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(err, ERR_NOMEM, "gzip: out of memory");
    c->gzip_open = true;
    return 0;
}

int compress_new(enum compress_method method, int level, const struct compress_receiver *receiver,
                 struct compress **ret, struct err *err)
{
    struct compress *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->method = method;
    c->receiver = *receiver;
    int rc = method == COMPRESS_ZSTD   ? open_zstd(c, level, err)
             : method == COMPRESS_GZIP ? open_gzip(c, level, err)
                                       : 0;
    if (rc != 0) {
        compress_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void compress_free(struct compress *c)
{
    if (c == NULL)
        return;
    (void)ZSTD_freeCCtx(c->zstd);
    if (c->gzip_open)
        (void)deflateEnd(&c->gzip);
    free(c);
}

static int pass(struct compress *c, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        void *room;
        size_t size;
        int rc = c->receiver.room(c->receiver.ctx, &room, &size, err);
        if (rc != 0)
            return rc;
        size_t n = len < size ? len : size;
        memcpy(room, data, n);
        c->receiver.filled(c->receiver.ctx, n);
        data += n;
        len -= n;
    }
    return 0;
}

static int run_zstd(struct compress *c, const void *data, size_t len, ZSTD_EndDirective end, struct err *err)
{
    ZSTD_inBuffer in = {.src = data, .size = len};
    for (;;) {
        void *room;
        ZSTD_outBuffer out = {0};
        int rc = c->receiver.room(c->receiver.ctx, &room, &out.size, err);
        if (rc != 0)
            return rc;
        out.dst = room;
        size_t left = ZSTD_compressStream2(c->zstd, &out, &in, end);
        if (ZSTD_isError(left))
            return err_set(err, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        c->receiver.filled(c->receiver.ctx, out.pos);
        if (end == ZSTD_e_end ? left == 0 : in.pos == in.size)
            return 0;
    }
}

static int run_gzip(struct compress *c, const void *data, size_t len, int flush, struct err *err)
{
    for (size_t done = 0;;) {
        void *room;
        size_t size;
        int rc = c->receiver.room(c->receiver.ctx, &room, &size, err);
        if (rc != 0)
            return rc;
        size_t piece = len - done < UINT_MAX / 2 ? len - done : UINT_MAX / 2;
        c->gzip.next_in = (const Bytef *)data + done;
        c->gzip.avail_in = (uInt)piece;
        c->gzip.next_out = room;
        c->gzip.avail_out = size < UINT_MAX ? (uInt)size : UINT_MAX;
        uInt offered = c->gzip.avail_out;
        int z = deflate(&c->gzip, flush);
        if (z == Z_STREAM_ERROR)
            return err_set(err, ERR_INTERNAL, "gzip: inconsistent state");
        c->receiver.filled(c->receiver.ctx, offered - c->gzip.avail_out);
        done += piece - c->gzip.avail_in;
        if (flush == Z_FINISH ? z == Z_STREAM_END : done == len && c->gzip.avail_out > 0)
            return 0;
    }
}

int compress_write(struct compress *c, const void *data, size_t len, struct err *err)
{
    if (len == 0)
        return 0;
    switch (c->method) {
    case COMPRESS_ZSTD: return run_zstd(c, data, len, ZSTD_e_continue, err);
    case COMPRESS_GZIP: return run_gzip(c, data, len, Z_NO_FLUSH, err);
    default: return pass(c, data, len, err);
    }
}

int compress_finish(struct compress *c, struct err *err)
{
    switch (c->method) {
    case COMPRESS_ZSTD: return run_zstd(c, NULL, 0, ZSTD_e_end, err);
    case COMPRESS_GZIP: return run_gzip(c, "", 0, Z_FINISH, err);
    default: return 0;
    }
}
