/* Finished objects: looked at, read, removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_local.h"
#include "store/store_local_private.h"

int store_local_object_delete(struct store *base, const char *path, struct err *err)
{
    int dir = -1;
    const char *name = "";
    int rc = store_local_parent(store_local_self(base), path, false, &dir, &name, err);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
        rc = err_sys(err, ERR_IO, "remove an object");
    else if (fsync(dir) != 0)
        rc = err_sys(err, ERR_IO, "fsync an objects' directory");
    close(dir);
    return rc;
}

static int open_object(const struct store_local *s, const char *path, int *ret_fd, struct stat *ret, struct err *err)
{
    int dir = -1;
    const char *name = "";
    int rc = store_local_parent(s, path, false, &dir, &name, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "there is no such object");
    if (rc != 0)
        return rc;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        rc = err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "open an object");
    else if (fstat(fd, ret) != 0)
        rc = err_sys(err, ERR_IO, "stat an object");
    else if (!S_ISREG(ret->st_mode))
        rc = err_set(err, ERR_IO, "an object is no plain file");
    close(dir);
    if (rc == 0)
        *ret_fd = fd;
    else if (fd >= 0)
        close(fd);
    return rc;
}

int store_local_object_head(struct store *base, const char *path, struct store_object *ret, struct err *err)
{
    struct stat st;
    int fd = -1;
    int rc = open_object(store_local_self(base), path, &fd, &st, err);
    if (rc != 0)
        return rc;
    close(fd);
    *ret = (struct store_object){.size = st.st_size, .thaw = STORE_ONLINE};
    return 0;
}

int store_local_object_thaw(struct store *base, const char *path, int days, struct err *err)
{
    struct store_object unused;
    (void)days;
    return store_local_object_head(base, path, &unused, err);
}

struct reader {
    struct store_reader base;
    int fd;
    int64_t left; /* the object may be removed meanwhile, but it does not change */
};

int store_local_object_open(struct store *base, const char *path, struct store_reader **ret, struct err *err)
{
    struct stat st;
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_NOMEM, "no memory to read an object");
    int rc = open_object(store_local_self(base), path, &r->fd, &st, err);
    if (rc != 0) {
        free(r);
        return rc;
    }
    r->base.store = base;
    r->left = st.st_size;
    *ret = &r->base;
    return 0;
}

int store_local_object_read(struct store_reader *reader, void *buf, size_t size, size_t *ret_len, struct err *err)
{
    struct reader *r = (struct reader *)reader;
    ssize_t got;
    do
        got = read(r->fd, buf, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_sys(err, ERR_IO, "read an object");
    if (got == 0 && size > 0 && r->left > 0)
        return err_set(err, ERR_IO, "an object ends early");
    r->left -= got;
    *ret_len = (size_t)got;
    return 0;
}

void store_local_object_close(struct store_reader *reader)
{
    struct reader *r = (struct reader *)reader;
    close(r->fd);
    free(r);
}
