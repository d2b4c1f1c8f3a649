#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "common/file.h"
#include "snapshot/list.h"
#include "snapshot/list_format.h"
#include "snapshot/walk.h"

struct list_writer {
    int fd;
    ZSTD_CCtx *zstd;
    struct list_totals totals;
    char *path; /* of the entry before */
    size_t path_size;
    size_t used; /* of raw */
    unsigned char raw[LIST_BUFFER];
    unsigned char packed[LIST_BUFFER];
};

static int pack(struct list_writer *w, ZSTD_EndDirective end, struct err *err)
{
    ZSTD_inBuffer in = {.src = w->raw, .size = w->used};
    size_t left;
    do {
        ZSTD_outBuffer out = {.dst = w->packed, .size = sizeof w->packed};
        left = ZSTD_compressStream2(w->zstd, &out, &in, end);
        if (ZSTD_isError(left))
            return err_set(err, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        if (file_write_all(w->fd, w->packed, out.pos, err) != 0)
            return err_prefix(err, "the list of files");
    } while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
    w->used = 0;
    return 0;
}

static int put(struct list_writer *w, const void *data, size_t len, struct err *err)
{
    const char *from = data;
    while (len > 0) {
        size_t n = sizeof w->raw - w->used < len ? sizeof w->raw - w->used : len;
        memcpy(w->raw + w->used, from, n);
        w->used += n;
        from += n;
        len -= n;
        int rc = w->used == sizeof w->raw ? pack(w, ZSTD_e_continue, err) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Puts a number at *at, which moves on. */
static void number(unsigned char **at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *(*at)++ = (unsigned char)(value | 0x80);
    *(*at)++ = (unsigned char)value;
}

static void signed_number(unsigned char **at, int64_t value)
{
    number(at, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static int put_string(struct list_writer *w, const char *s, size_t len, struct err *err)
{
    unsigned char room[LIST_NUMBER_MAX], *at = room;
    number(&at, len);
    int rc = put(w, room, (size_t)(at - room), err);
    return rc == 0 ? put(w, s, len, err) : rc;
}

static int put_head(struct list_writer *w, const struct list_head *head, struct err *err)
{
    unsigned char room[2 * LIST_NUMBER_MAX], *at = room;
    number(&at, head->chain_seq);
    signed_number(&at, head->start_ms);
    int rc = put(w, LIST_MAGIC, sizeof LIST_MAGIC - 1, err);
    if (rc == 0)
        rc = put_string(w, head->config_id, strlen(head->config_id), err);
    if (rc == 0)
        rc = put_string(w, head->run_id, strlen(head->run_id), err);
    return rc == 0 ? put(w, room, (size_t)(at - room), err) : rc;
}

static int open_zstd(struct list_writer *w, struct err *err)
{
    w->zstd = ZSTD_createCCtx();
    if (w->zstd == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, 1)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_windowLog, LIST_WINDOW_LOG)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1)))
        return err_set(err, ERR_INTERNAL, "zstd: parameters");
    return 0;
}

int list_create(const char *path, const struct list_head *head, struct list_writer **ret, struct err *err)
{
    struct list_writer *w = malloc(sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->zstd = NULL;
    w->totals = (struct list_totals){0};
    w->used = 0;
    w->path_size = 512;
    w->path = calloc(1, w->path_size);
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int rc = w->fd < 0         ? err_sys(err, ERR_IO, "%s", path)
             : w->path == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                               : open_zstd(w, err);
    if (rc == 0)
        rc = put_head(w, head, err);
    if (rc != 0) {
        list_writer_free(w);
        return rc;
    }
    *ret = w;
    return 0;
}

/* Makes path the one before, and says how much they share. */
static int take_path(struct list_writer *w, const char *path, size_t len, size_t *ret_shared, struct err *err)
{
    if (w->totals.entries > 0 && path_compare(w->path, path) >= 0)
        return err_set(err, ERR_INVALID, "the walk is not in the order of paths");
    if (len >= w->path_size) {
        char *more = realloc(w->path, len * 2);
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        w->path = more;
        w->path_size = len * 2;
    }
    size_t shared = 0;
    while (path[shared] != '\0' && path[shared] == w->path[shared])
        shared++;
    memcpy(w->path + shared, path + shared, len + 1 - shared);
    *ret_shared = shared;
    return 0;
}

int list_add(struct list_writer *w, const struct list_entry *e, struct err *err)
{
    size_t len = strlen(e->path);
    size_t shared = 0;
    if (len >= WALK_PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "a path is too long");
    int rc = take_path(w, e->path, len, &shared, err);
    if (rc != 0)
        return rc;
    const char *type = strchr(LIST_TYPES, e->type);
    unsigned char before[1 + 2 * LIST_NUMBER_MAX], after[7 * LIST_NUMBER_MAX], *at = before;
    *at++ = (unsigned char)((unsigned)(type - LIST_TYPES) | (unsigned)e->outcome << LIST_OUTCOME_SHIFT |
                            (e->doubt ? LIST_DOUBT : 0U));
    number(&at, shared);
    number(&at, len - shared);
    rc = put(w, before, (size_t)(at - before), err);
    if (rc == 0)
        rc = put(w, e->path + shared, len - shared, err);
    at = after;
    number(&at, e->size);
    signed_number(&at, e->mtime.tv_sec);
    number(&at, (uint64_t)e->mtime.tv_nsec);
    signed_number(&at, e->ctime.tv_sec);
    number(&at, (uint64_t)e->ctime.tv_nsec);
    number(&at, e->ino);
    number(&at, (uint64_t)(e->seq + 1));
    w->totals.entries++;
    if (list_entry_counts(e)) {
        w->totals.files++;
        w->totals.bytes += e->size;
    }
    return rc == 0 ? put(w, after, (size_t)(at - after), err) : rc;
}

int list_finish(struct list_writer *w, struct err *err)
{
    unsigned char room[1 + 3 * LIST_NUMBER_MAX], *at = room;
    *at++ = LIST_END;
    number(&at, w->totals.entries);
    number(&at, w->totals.files);
    number(&at, w->totals.bytes);
    int rc = put(w, room, (size_t)(at - room), err);
    if (rc == 0)
        rc = pack(w, ZSTD_e_end, err);
    if (rc == 0 && fsync(w->fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync of the list of files");
    return rc;
}

void list_writer_free(struct list_writer *w)
{
    if (w == NULL)
        return;
    if (w->fd >= 0)
        (void)close(w->fd);
    (void)ZSTD_freeCCtx(w->zstd);
    free(w->path);
    free(w);
}
