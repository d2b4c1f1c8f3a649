#include "restore/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 50 };

/* What lies deeper than DEPTH_MAX is moved up here first, under names of our own. */
struct removal {
    int top_fd;
    unsigned moved;
    dev_t dev;
};

static int empty(struct removal *r, int fd, int depth, struct err *err);

static int open_directory(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 || errno != EACCES)
        return fd;
    (void)fchmodat(dir_fd, name, 0700, AT_SYMLINK_NOFOLLOW);
    return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int move_up(struct removal *r, int dir_fd, const char *name, struct err *err)
{
    char up[32];
    struct stat st;
    do {
        (void)snprintf(up, sizeof up, ".muster-deep-%u", r->moved++);
    } while (fstatat(r->top_fd, up, &st, AT_SYMLINK_NOFOLLOW) == 0);
    return renameat(dir_fd, name, r->top_fd, up) == 0 ? 0 : err_sys(err, ERR_IO, "move a directory");
}

static int remove_directory(struct removal *r, int dir_fd, const char *name, int depth, struct err *err)
{
    struct stat st;
    if (depth > DEPTH_MAX)
        return move_up(r, dir_fd, name, err);
    int fd = open_directory(dir_fd, name);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int rc = err_sys(err, ERR_IO, "open a directory that is to go");
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    int rc = st.st_dev == r->dev ? empty(r, fd, depth, err)
                                 : err_set(err, ERR_DENIED, "another file system is mounted in what is to go");
    (void)close(fd);
    if (rc == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) != 0)
        rc = err_sys(err, ERR_IO, "remove a directory");
    return rc;
}

static int remove_entry(struct removal *r, int fd, const char *name, int depth, struct err *err)
{
    if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return err_sys(err, ERR_IO, "remove a file");
    return remove_directory(r, fd, name, depth + 1, err);
}

/* Again until nothing is found: names may be passed over while others go, and come up from below. */
static int empty(struct removal *r, int fd, int depth, struct err *err)
{
    (void)fchmod(fd, 0700); /* it may have been restored without our right to change it */
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (dir == NULL) {
        int rc = err_sys(err, ERR_IO, "read a directory that is to go");
        if (copy >= 0)
            (void)close(copy);
        return rc;
    }
    int rc = 0;
    for (bool again = true; rc == 0 && again;) {
        const struct dirent *d;
        again = false;
        rewinddir(dir);
        while (rc == 0 && (d = readdir(dir)) != NULL) {
            if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
                continue;
            again = true;
            rc = remove_entry(r, fd, d->d_name, depth, err);
        }
    }
    (void)closedir(dir);
    return rc;
}

int tree_remove(int dir_fd, const char *name, struct err *err)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "look at what is to go");
    if (!S_ISDIR(st.st_mode))
        return unlinkat(dir_fd, name, 0) == 0 ? 0 : err_sys(err, ERR_IO, "remove a file");
    int fd = open_directory(dir_fd, name);
    if (fd < 0)
        return err_sys(err, ERR_IO, "open a directory that is to go");
    struct removal r = {.top_fd = fd, .dev = st.st_dev};
    int rc = empty(&r, fd, 0, err);
    (void)close(fd);
    if (rc == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) != 0)
        rc = err_sys(err, ERR_IO, "remove a directory");
    return rc;
}
