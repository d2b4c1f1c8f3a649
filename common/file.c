#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_write_all(int fd, const void *data, size_t len, struct err *err)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, ERR_IO, "write");
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int file_read_all(int fd, void *data, size_t len, size_t *ret_len, struct err *err)
{
    size_t have = 0;
    while (have < len) {
        ssize_t n = read(fd, (char *)data + have, len - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, ERR_IO, "read");
        if (n == 0)
            break;
        have += (size_t)n;
    }
    *ret_len = have;
    return 0;
}

/* Reads until the end rather than trusting st_size: files in /proc and pipes say 0. */
static int read_growing(int fd, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
    size_t size = 4096;
    size_t len = 0;
    char *data = malloc(size);
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (;;) {
        size_t got = 0;
        int rc = file_read_all(fd, data + len, size - len - 1, &got, err);
        if (rc == 0 && len + got > max)
            rc = err_set(err, ERR_TOO_BIG, "larger than %zu bytes", max);
        if (rc != 0) {
            free(data);
            return rc;
        }
        len += got;
        if (len < size - 1)
            break;
        char *more = realloc(data, size * 2);
        if (more == NULL) {
            free(data);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        data = more;
        size *= 2;
    }
    data[len] = '\0';
    *ret_data = data;
    *ret_len = len;
    return 0;
}

int file_read(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", path);
    size_t len = 0;
    int rc = read_growing(fd, max, ret_data, &len, err);
    (void)close(fd);
    if (rc != 0) {
        (void)err_prefix(err, "%s", path);
        return rc;
    }
    if (ret_len != NULL)
        *ret_len = len;
    return 0;
}

/* The directory part of path into ret: "." for a bare name. */
static int dir_of(const char *path, char ret[PATH_MAX], struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (len >= PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "path too long");
    memcpy(ret, slash == NULL ? "." : path, len);
    ret[len] = '\0';
    return 0;
}

int file_sync_dir_of(const char *path, struct err *err)
{
    char dir[PATH_MAX];
    int rc = dir_of(path, dir, err);
    if (rc != 0)
        return rc;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, ERR_IO, "open directory %s", dir);
    if (fsync(fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync directory %s", dir);
    (void)close(fd);
    return rc;
}

/* Makes "<path>.XXXXXX" with the bytes in it, synced. Unlinked again on failure. */
static int write_temporary(const char *path, const void *data, size_t len, mode_t mode, char ret_temp[PATH_MAX],
                           struct err *err)
{
    if (snprintf(ret_temp, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "path too long");
    int fd = mkostemp(ret_temp, O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, ERR_IO, "create %s", ret_temp);
    int rc = file_write_all(fd, data, len, err);
    if (rc == 0 && fchmod(fd, mode) != 0)
        rc = err_sys(err, ERR_IO, "chmod");
    if (rc == 0 && fsync(fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync");
    if (close(fd) != 0 && rc == 0)
        rc = err_sys(err, ERR_IO, "close");
    if (rc != 0) {
        (void)unlink(ret_temp);
        (void)err_prefix(err, "%s", path);
    }
    return rc;
}

int file_rename(const char *from, const char *to, struct err *err)
{
    if (rename(from, to) != 0)
        return err_sys(err, ERR_IO, "rename %s to %s", from, to);
    return file_sync_dir_of(to, err);
}

int file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
    char temp[PATH_MAX];
    int rc = write_temporary(path, data, len, mode, temp, err);
    if (rc != 0)
        return rc;
    if (rename(temp, path) != 0) {
        rc = err_sys(err, ERR_IO, "rename to %s", path);
        (void)unlink(temp);
        return rc;
    }
    return file_sync_dir_of(path, err);
}

int file_create(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
    char temp[PATH_MAX];
    int rc = write_temporary(path, data, len, mode, temp, err);
    if (rc != 0)
        return rc;
    if (link(temp, path) != 0) /* unlike rename, refuses to replace */
        rc = err_sys(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "create %s", path);
    (void)unlink(temp);
    return rc != 0 ? rc : file_sync_dir_of(path, err);
}

int file_remove(const char *path, struct err *err)
{
    if (unlink(path) != 0) {
        if (errno == ENOENT)
            return 0;
        return err_sys(err, ERR_IO, "remove %s", path);
    }
    return file_sync_dir_of(path, err);
}

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return err_set(err, ERR_INVALID, "bad directory name");
    memcpy(part, path, len + 1);
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return err_sys(err, ERR_IO, "make directory %s", part);
        if (kept == '\0')
            break;
        *p = kept;
    }
    struct stat st;
    if (stat(path, &st) != 0)
        return err_sys(err, ERR_IO, "%s", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFLICT, "%.200s is not a directory", path);
    return 0;
}

int file_check_private(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", path);
    if ((st.st_mode & 077) != 0)
        return err_set(err, ERR_DENIED, "%.200s can be read or written by others: run chmod 600 on it", path);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return err_set(err, ERR_DENIED, "%.200s belongs to another user", path);
    return 0;
}
