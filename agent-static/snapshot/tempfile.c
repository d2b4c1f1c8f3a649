#include "snapshot/tempfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int tempfile_fd(const char *dir, struct err *err)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char path[PATH_MAX]; /* not every file system has O_TMPFILE */
    if (snprintf(path, sizeof path, "%s/.spool-XXXXXX", dir) >= (int)sizeof path)
        return err_record(err, ERR_TOO_BIG, "the path of a temporary file is too long"), -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return err_record_sys(err, ERR_IO, "a temporary file in %s", dir), -1;
    (void)unlink(path);
    return fd;
}

int tempfile_read_at(int fd, void *data, size_t len, off_t at, struct err *err)
{
    char *to = data;
    while (len > 0) {
        ssize_t n = pread(fd, to, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, ERR_IO, "read a temporary file");
        if (n == 0)
            return err_set(err, ERR_CORRUPT, "a temporary file is shorter than it was");
        to += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int tempfile_write_at(int fd, const void *data, size_t len, off_t at, struct err *err)
{
    const char *from = data;
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, ERR_IO, "write a temporary file");
        from += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

void spool_init(struct spool *s, const char *dir)
{
    s->dir = dir;
    s->fd = -1;
    s->size = s->at = 0;
    s->used = s->taken = 0;
}

void spool_done(struct spool *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

static int flush(struct spool *s, struct err *err)
{
    if (s->fd < 0 && (s->fd = tempfile_fd(s->dir, err)) < 0)
        return err->code;
    int rc = tempfile_write_at(s->fd, s->buffer, s->used, s->size, err);
    if (rc == 0) {
        s->size += (off_t)s->used;
        s->used = 0;
    }
    return rc;
}

int spool_write(struct spool *s, const void *data, size_t len, struct err *err)
{
    const char *from = data;
    while (len > 0) {
        size_t n = sizeof s->buffer - s->used < len ? sizeof s->buffer - s->used : len;
        memcpy(s->buffer + s->used, from, n);
        s->used += n;
        from += n;
        len -= n;
        int rc = s->used == sizeof s->buffer ? flush(s, err) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

uint64_t spool_size(const struct spool *s)
{
    return (uint64_t)s->size + s->used;
}

int spool_rewind(struct spool *s, struct err *err)
{
    s->at = 0;
    s->taken = 0;
    return s->fd < 0 ? 0 : flush(s, err); /* what never left the buffer is read from there */
}

int spool_read(struct spool *s, void *data, size_t max, size_t *ret_len, struct err *err)
{
    if (s->taken == s->used && s->at < s->size) {
        off_t left = s->size - s->at;
        s->used = left < SPOOL_BUFFER ? (size_t)left : SPOOL_BUFFER;
        s->taken = 0;
        int rc = tempfile_read_at(s->fd, s->buffer, s->used, s->at, err);
        if (rc != 0)
            return rc;
        s->at += (off_t)s->used;
    }
    size_t n = s->used - s->taken < max ? s->used - s->taken : max;
    memcpy(data, s->buffer + s->taken, n);
    s->taken += n;
    *ret_len = n;
    return 0;
}
