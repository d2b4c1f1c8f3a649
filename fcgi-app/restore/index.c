#include "restore/index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "restore/pathtext.h"

#define HEADER "muster-index 1"

enum {
    LINE_MAX_BYTES = 4 * INDEX_PATH_MAX + 128, /* a path of escapes alone, and what stands before it */
    CHUNK_BYTES = 128 * 1024,
};

struct path {
    size_t len;
    char bytes[INDEX_PATH_MAX + 1];
};

struct index_reader {
    const struct index_source *source;
    const struct index_limits *limits;
    index_entry_fn *fn;
    void *ctx;
    ZSTD_DCtx *zstd;
    bool begun;      /* the header was read */
    bool ended;      /* the last line was read */
    bool frame_open; /* zstd expects more */
    bool enough;
    int64_t entries;
    uint64_t bytes;
    struct path paths[2];
    unsigned current; /* of paths; the other one is the entry's before */
    size_t held;      /* bytes of a line whose end has not come yet */
    char line[LINE_MAX_BYTES];
    char in[CHUNK_BYTES];
    char out[CHUNK_BYTES];
};

int index_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t shorter = a_len < b_len ? a_len : b_len;
    size_t i = 0;
    while (i < shorter && a[i] == b[i])
        i++;
    if (i == shorter)
        return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
    unsigned char x = a[i] == '/' ? 0 : (unsigned char)a[i];
    unsigned char y = b[i] == '/' ? 0 : (unsigned char)b[i];
    return x < y ? -1 : 1;
}

/* --- a line ---------------------------------------------------------------------------------------------------------
 */

static int corrupt(const struct index_reader *r, struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "The list of what is inside is damaged: %s after %lld entries.", what,
                   (long long)r->entries);
}

/* Digits up to a space. */
static bool take_number(const char **at, const char *end, int64_t *ret)
{
    const char *p = *at;
    int64_t value = 0;
    bool negative = p < end && *p == '-';
    if (negative)
        p++;
    const char *first = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value))
            return false;
    if (p == first || p == end || *p != ' ')
        return false;
    *at = p + 1;
    *ret = negative ? -value : value;
    return true;
}

static bool take_letter(const char **at, const char *end, const char *letters, char *ret)
{
    const char *p = *at;
    if (end - p < 2 || p[1] != ' ' || p[0] == '\0' || strchr(letters, p[0]) == NULL)
        return false;
    *ret = p[0];
    *at = p + 2;
    return true;
}

static bool take_seq(const char **at, const char *end, int64_t *ret)
{
    const char *p = *at;
    if (end - p >= 2 && p[0] == '-' && p[1] == ' ') {
        *ret = -1;
        *at = p + 2;
        return true;
    }
    return take_number(at, end, ret) && *ret >= 0;
}

/* A component may be anything but nothing and the two that walk. */
static bool component_ok(const char *from, const char *to)
{
    ptrdiff_t len = to - from;
    return len > 0 && !(len == 1 && from[0] == '.') && !(len == 2 && from[0] == '.' && from[1] == '.');
}

static bool decode_path(const char *p, const char *end, struct path *ret)
{
    char *out = ret->bytes;
    const char *component = out;
    while (p < end) {
        char c = *p;
        if (out == ret->bytes + INDEX_PATH_MAX || (unsigned char)c < 0x21 || c == 0x7f)
            return false;
        if (c == '/' && !component_ok(component, out))
            return false;
        if (c == '\\') {
            c = pathtext_escaped(p, end);
            if (c == '\0' || c == '/')
                return false;
            p += 3;
        }
        p++;
        *out++ = c;
        if (c == '/')
            component = out;
    }
    *out = '\0';
    ret->len = (size_t)(out - ret->bytes);
    return component_ok(component, out);
}

static int take_entry(struct index_reader *r, const char *p, const char *end, struct err *err)
{
    struct index_entry e = {0};
    struct path *path = &r->paths[r->current];
    const struct path *before = &r->paths[1 - r->current];
    if (!take_letter(&p, end, "fdlpcbs", &e.type) || !take_letter(&p, end, "-cuvs", &e.outcome) ||
        !take_number(&p, end, &e.size) || e.size < 0 || !take_number(&p, end, &e.mtime_ms) ||
        !take_seq(&p, end, &e.seq))
        return corrupt(r, err, "a line that is none");
    if (!decode_path(p, end, path))
        return corrupt(r, err, "a path that is none");
    if (index_compare(before->bytes, before->len, path->bytes, path->len) >= 0)
        return corrupt(r, err, "a path out of order");
    e.path = path->bytes;
    e.len = path->len;
    int rc = r->fn(r->ctx, &e, err);
    if (rc < 0)
        return rc;
    r->enough = rc == INDEX_ENOUGH;
    r->current = 1 - r->current;
    r->entries++;
    return 0;
}

static int take_line(struct index_reader *r, const char *p, size_t len, struct err *err)
{
    static const char header[] = HEADER;
    static const char last[] = "end ";
    int64_t count = 0;
    if (r->ended)
        return corrupt(r, err, "more behind the last line");
    if (!r->begun) {
        r->begun = len == sizeof header - 1 && memcmp(p, header, len) == 0;
        return r->begun ? 0 : corrupt(r, err, "not a list of this kind");
    }
    if (len < sizeof last || memcmp(p, last, sizeof last - 1) != 0)
        return take_entry(r, p, p + len, err);
    /* take_number wants the space behind it, which a line's own end stands in for. */
    char digits[24] = {0};
    const char *at = digits;
    len -= sizeof last - 1;
    if (len + 2 > sizeof digits)
        return corrupt(r, err, "a last line that is none");
    memcpy(digits, p + sizeof last - 1, len);
    digits[len] = ' ';
    r->ended = take_number(&at, digits + len + 1, &count) && at == digits + len + 1 && count == r->entries;
    return r->ended ? 0 : corrupt(r, err, "another number of entries than it says");
}

/* --- the stream -----------------------------------------------------------------------------------------------------
 */

/* Lines that lie whole in a chunk are read where they are; only those across two are put together. */
static int take_text(struct index_reader *r, const char *p, size_t len, struct err *err)
{
    const char *end = p + len;
    int rc = 0;
    while (rc == 0 && p < end && !r->enough) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((eol != NULL ? eol : end) - p);
        if (r->held + n > sizeof r->line)
            return corrupt(r, err, "a line without an end");
        if (eol != NULL && r->held == 0) {
            rc = take_line(r, p, n, err);
        } else {
            memcpy(r->line + r->held, p, n);
            r->held += n;
            if (eol != NULL) {
                rc = take_line(r, r->line, r->held, err);
                r->held = 0;
            }
        }
        p += n + (eol != NULL ? 1 : 0);
    }
    return rc;
}

static int check_limits(const struct index_reader *r, struct err *err)
{
    const struct index_limits *l = r->limits;
    if (r->bytes > l->max_bytes)
        return err_set(err, ERR_TOO_BIG, "The list of what is inside is longer than can be read here.");
    if (l->clock != NULL && clock_monotonic_ms(l->clock) > l->deadline_ms)
        return err_set(err, ERR_TIMEOUT, "The list of what is inside could not be read in time.");
    return 0;
}

static int decompress(struct index_reader *r, size_t len, struct err *err)
{
    ZSTD_inBuffer in = {r->in, len, 0};
    int rc = 0;
    /* A full output may leave more within. */
    for (bool more = true; rc == 0 && !r->enough && (in.pos < in.size || more);) {
        ZSTD_outBuffer out = {r->out, sizeof r->out, 0};
        size_t before = in.pos;
        size_t left = ZSTD_decompressStream(r->zstd, &out, &in);
        if (ZSTD_isError(left))
            return corrupt(r, err, "compressed bytes that are none");
        r->frame_open = left != 0;
        r->bytes += out.pos;
        more = out.pos == out.size && left != 0;
        rc = take_text(r, r->out, out.pos, err);
        if (rc == 0)
            rc = check_limits(r, err);
        if (rc == 0 && in.pos == before && out.pos == 0)
            break; /* a whole frame ends where the input does */
    }
    return rc;
}

static int read_all(struct index_reader *r, struct err *err)
{
    for (;;) {
        size_t len = 0;
        int rc = r->source->read(r->source->ctx, r->in, sizeof r->in, &len, err);
        if (rc == 0 && len > 0)
            rc = decompress(r, len, err);
        if (rc != 0 || r->enough)
            return rc;
        if (len == 0)
            return r->ended && !r->frame_open && r->held == 0 ? 0 : corrupt(r, err, "its end is missing");
    }
}

int index_read(const struct index_source *source, const struct index_limits *limits, index_entry_fn *fn, void *ctx,
               struct err *err)
{
    struct index_reader *r = calloc(1, sizeof *r);
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    int rc = ERR_NOMEM;
    if (r == NULL || zstd == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, INDEX_WINDOW_LOG))) {
        (void)err_set(err, ERR_NOMEM, "no memory for reading a list");
    } else {
        r->source = source;
        r->limits = limits;
        r->fn = fn;
        r->ctx = ctx;
        r->zstd = zstd;
        rc = read_all(r, err);
    }
    (void)ZSTD_freeDCtx(zstd);
    free(r);
    return rc;
}
