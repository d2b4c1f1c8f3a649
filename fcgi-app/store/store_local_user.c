/* Removing all that a person has in the local store: their directory with everything below it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/blocking.h"
#include "common/clock.h"
#include "store/store_local.h"
#include "store/store_local_private.h"

enum { DEPTH_MAX = 8, LATE = 1 }; /* users/{id}/agents/{id}/configs/{id}/{file} */

static int remove_below(int parent_fd, const char *name, int depth, int64_t deadline_ms, struct err *err);

static bool is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* A file, a link or a directory: links are removed, not followed. */
static int remove_entry(int fd, const char *name, int depth, int64_t deadline_ms, struct err *err)
{
    struct stat st;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "look at an object");
    if (S_ISDIR(st.st_mode))
        return remove_below(fd, name, depth + 1, deadline_ms, err);
    if (unlinkat(fd, name, 0) != 0 && errno != ENOENT)
        return err_sys(err, ERR_IO, "remove an object");
    return 0;
}

/* 0: gone; LATE: there was no time for all of it. The depth is bounded, so it may call itself. */
static int remove_below(int parent_fd, const char *name, int depth, int64_t deadline_ms, struct err *err)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "open a directory of objects");
    if (depth > DEPTH_MAX) {
        close(fd);
        return err_set(err, ERR_IO, "the store's directories are deeper than any of ours");
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        int rc = err_sys(err, ERR_IO, "read a directory of objects");
        close(fd);
        return rc;
    }
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(dir)) != NULL) {
        if (clock_monotonic_ms(clock_system()) >= deadline_ms)
            rc = LATE;
        else if (!is_dot(entry->d_name))
            rc = remove_entry(fd, entry->d_name, depth, deadline_ms, err);
    }
    closedir(dir);
    if (rc == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        rc = errno == ENOTEMPTY || errno == EEXIST ? LATE : err_sys(err, ERR_IO, "remove a directory of objects");
    return rc;
}

int store_local_user_remove(struct store *base, const char *user_id, int64_t deadline_ms, bool *ret_gone,
                            struct err *err)
{
    const struct store_local *s = store_local_self(base);
    int users_fd = openat(s->objects_fd, "users", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (users_fd < 0 && errno == ENOENT) {
        *ret_gone = true;
        return 0;
    }
    if (users_fd < 0)
        return err_sys(err, ERR_IO, "open the users' directory");
    blocking_begin();
    int rc = remove_below(users_fd, user_id, 0, deadline_ms, err);
    if (rc == 0 && fsync(users_fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync the users' directory");
    blocking_end();
    close(users_fd);
    *ret_gone = rc == 0;
    return rc == LATE ? 0 : rc;
}
