#include "snapshot/index.h"

#include <inttypes.h>
#include <stdbool.h>

#include "backup/report.h"
#include "snapshot/walk.h"

enum { LEVEL = 3, GATHER = 32 * 1024, LINE_MAX_BYTES = 4 * WALK_PATH_MAX + 128 };

static void add_path(const char *path, struct buf *ret)
{
    const unsigned char *s = (const unsigned char *)path;
    while (*s != '\0') {
        size_t plain = 0;
        size_t len;
        while (s[plain] != '\0' && s[plain] != ' ' && (len = report_utf8_length(s + plain)) > 0)
            plain += len;
        buf_add(ret, s, plain);
        s += plain;
        if (*s != '\0')
            buf_addf(ret, "\\%03o", (unsigned)*s++);
    }
}

void index_line(const struct list_entry *e, struct buf *ret)
{
    static const char outcomes[LIST_OUTCOMES] = {'-', 'c', 'u', 'v', 's'};
    buf_addf(ret, "%c %c %" PRIu64 " %" PRId64 " ", e->type, outcomes[e->outcome], e->size, list_time_ms(&e->mtime));
    if (e->seq < 0)
        buf_adds(ret, "- ");
    else
        buf_addf(ret, "%" PRId64 " ", e->seq);
    if (e->path[0] == '\0')
        buf_addc(ret, '.');
    else
        add_path(e->path, ret);
    buf_addc(ret, '\n');
}

static int flush(struct compress *c, struct buf *text, struct err *err)
{
    if (!buf_ok(text))
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = compress_write(c, text->data, text->len, err);
    buf_clear(text);
    return rc;
}

static int write_lines(struct list *list, struct compress *c, struct buf *text, const atomic_bool *stop,
                       struct err *err)
{
    uint64_t count = 0;
    const struct list_entry *e = NULL;
    int rc = list_rewind(list, err);
    buf_adds(text, "muster-index 1\n");
    while (rc == 0 && (rc = list_next(list, &e, err)) == 0 && e != NULL) {
        if (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed))
            return err_set(err, ERR_CONFLICT, "stopped");
        index_line(e, text);
        count++;
        if (text->len >= GATHER || !buf_ok(text))
            rc = flush(c, text, err);
    }
    if (rc != 0)
        return rc;
    buf_addf(text, "end %" PRIu64 "\n", count);
    return flush(c, text, err);
}

int index_write(struct list *list, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    struct compress *c = NULL;
    struct buf text;
    buf_init(&text, GATHER + LINE_MAX_BYTES);
    int rc = compress_new(COMPRESS_ZSTD, LEVEL, out, &c, err);
    if (rc == 0)
        rc = write_lines(list, c, &text, stop, err);
    if (rc == 0)
        rc = compress_finish(c, err);
    compress_free(c);
    buf_done(&text);
    return rc;
}
