#include "restore/deleted.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

struct deleted {
    deleted_fn *each;
    void *ctx;
    struct buf path; /* as far as it has come */
    int64_t at;
};

int deleted_new(deleted_fn *each, void *ctx, struct deleted **ret, struct err *err)
{
    struct deleted *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->each = each;
    d->ctx = ctx;
    buf_init(&d->path, DELETED_PATH_MAX);
    *ret = d;
    return 0;
}

void deleted_free(struct deleted *d)
{
    if (d == NULL)
        return;
    buf_done(&d->path);
    free(d);
}

int deleted_push(struct deleted *d, const char *data, size_t len, int64_t offset, struct err *err)
{
    if (offset != d->at)
        return err_set(err, ERR_CORRUPT, "the list of deletions has a hole");
    d->at += (int64_t)len;
    while (len > 0) {
        const char *end = memchr(data, '\0', len);
        size_t n = end == NULL ? len : (size_t)(end - data) + 1;
        buf_add(&d->path, data, n);
        if (d->path.failed)
            return err_set(err, ERR_CORRUPT, "the list of deletions has a path that is too long");
        if (end != NULL) {
            int rc = d->each(d->ctx, d->path.data, err);
            if (rc != 0)
                return rc;
            buf_clear(&d->path);
        }
        data += n;
        len -= n;
    }
    return 0;
}

int deleted_finish(struct deleted *d, struct err *err)
{
    return d->path.len == 0 ? 0 : err_set(err, ERR_CORRUPT, "the list of deletions is cut off");
}
