#include "restore/listing.h"

#include <stdbool.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "common/buf.h"
#include "common/cursor.h"

enum { LINE_MAX_BYTES = 2 * 1024 * 1024, OUT_SIZE = 64 * 1024, WINDOW_LOG_MAX = 23 };

struct listing {
    listing_fn *each;
    void *ctx;
    struct buf line; /* as far as it has come */
    uint64_t count;
    bool begun, ended;
};

static int damaged(struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the list of what is inside is damaged");
}

/* \ooo back to the byte, in place. */
static bool decode_path(char *path)
{
    char *to = path;
    for (const char *at = path; *at != '\0';) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        unsigned value = 0;
        for (int i = 1; i <= 3; i++) {
            if (at[i] < '0' || at[i] > '7')
                return false;
            value = value * 8 + (unsigned)(at[i] - '0');
        }
        if (value == 0 || value > 255)
            return false;
        *to++ = (char)value;
        at += 4;
    }
    *to = '\0';
    return to > path;
}

static bool take_number(struct cursor *c, bool negative_allowed, int64_t *ret)
{
    bool negative = negative_allowed && cursor_char(c, '-');
    uint64_t value = 0;
    if (!cursor_uint(c, INT64_MAX, &value) || !cursor_char(c, ' '))
        return false;
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool take_letter(struct cursor *c, const char *allowed, char *ret)
{
    if (c->end - c->at < 2 || strchr(allowed, c->at[0]) == NULL || c->at[0] == '\0' || c->at[1] != ' ')
        return false;
    *ret = c->at[0];
    c->at += 2;
    return true;
}

static int take_entry(struct listing *l, char *line, struct err *err)
{
    struct listing_entry entry = {.seq = -1};
    struct cursor c;
    cursor_init(&c, span_of(line));
    if (!take_letter(&c, "fdlpcbs", &entry.type) || !take_letter(&c, "-cuvs", &entry.outcome) ||
        !take_number(&c, false, &entry.size) || !take_number(&c, true, &entry.mtime_ms))
        return damaged(err);
    char none;
    if (!take_letter(&c, "-", &none) && !take_number(&c, false, &entry.seq))
        return damaged(err);
    char *path = line + (c.at - line);
    if (!decode_path(path))
        return damaged(err);
    entry.path = path;
    l->count++;
    return l->each(l->ctx, &entry, err);
}

static int take_end(struct listing *l, const char *line, struct err *err)
{
    struct cursor c;
    uint64_t count = 0;
    cursor_init(&c, span_of(line));
    if (!cursor_uint(&c, INT64_MAX, &count) || c.at != c.end || count != l->count)
        return damaged(err);
    l->ended = true;
    return 0;
}

static int take_line(struct listing *l, struct err *err)
{
    char *line = l->line.data;
    line[l->line.len - 1] = '\0'; /* the line break */
    if (strlen(line) + 1 != l->line.len || l->ended)
        return damaged(err);
    if (!l->begun) {
        l->begun = true;
        return strcmp(line, "muster-index 1") == 0 ? 0 : damaged(err);
    }
    return strncmp(line, "end ", 4) == 0 ? take_end(l, line + 4, err) : take_entry(l, line, err);
}

static int take_text(struct listing *l, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end == NULL ? len : (size_t)(end - data) + 1;
        buf_add(&l->line, data, n);
        if (!buf_ok(&l->line))
            return damaged(err);
        if (end != NULL) {
            int rc = take_line(l, err);
            if (rc != 0)
                return rc;
            buf_clear(&l->line);
        }
        data += n;
        len -= n;
    }
    return 0;
}

static int decompress(struct listing *l, ZSTD_DCtx *zstd, ZSTD_inBuffer *in, size_t *ret_left, struct err *err)
{
    char room[OUT_SIZE];
    ZSTD_outBuffer out = {.dst = room, .size = sizeof room, .pos = sizeof room};
    while (in->pos < in->size || out.pos == out.size) { /* a full buffer may leave more behind */
        out.pos = 0;
        *ret_left = ZSTD_decompressStream(zstd, &out, in);
        if (ZSTD_isError(*ret_left))
            return damaged(err);
        int rc = take_text(l, room, out.pos, err);
        if (rc != 0)
            return rc;
        if (*ret_left == 0)
            return in->pos == in->size ? 0 : damaged(err);
    }
    return 0;
}

static int read_all(struct listing *l, ZSTD_DCtx *zstd, void (*read)(void *, const void **, size_t *), void *read_ctx,
                    struct err *err)
{
    size_t left = 1;
    for (;;) {
        ZSTD_inBuffer in = {0};
        read(read_ctx, &in.src, &in.size);
        if (in.size == 0)
            return left == 0 && l->ended && l->line.len == 0 ? 0 : damaged(err);
        if (left == 0)
            return damaged(err);
        int rc = decompress(l, zstd, &in, &left, err);
        if (rc != 0)
            return rc;
    }
}

int listing_read(void (*read)(void *ctx, const void **ret, size_t *ret_len), void *read_ctx, listing_fn *each,
                 void *ctx, struct err *err)
{
    struct listing l = {.each = each, .ctx = ctx};
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    buf_init(&l.line, LINE_MAX_BYTES);
    int rc = zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))
                 ? err_set(err, ERR_NOMEM, "out of memory")
                 : 0;
    if (rc == 0)
        rc = read_all(&l, zstd, read, read_ctx, err);
    buf_done(&l.line);
    (void)ZSTD_freeDCtx(zstd);
    return rc;
}
