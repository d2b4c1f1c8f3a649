#include "restore/overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "restore/place.h"

const char *const overlay_policy_names[] = {"never", "newer", "changed", "always", NULL};

/* --- what is to be done ------------------------------------------------------------------------------------------ */

struct overlay_item overlay_item_of(const struct stat *st)
{
    return (struct overlay_item){
        .type = st->st_mode & S_IFMT,
        .size = S_ISREG(st->st_mode) ? st->st_size : 0,
        .mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000,
    };
}

bool overlay_replaces(enum overlay_policy policy, const struct overlay_item *restored, const struct overlay_item *there)
{
    switch (policy) {
    case OVERLAY_NEVER: break;
    case OVERLAY_NEWER: return restored->mtime_ms > there->mtime_ms;
    case OVERLAY_CHANGED:
        return restored->type != there->type || restored->size != there->size || restored->mtime_ms != there->mtime_ms;
    case OVERLAY_ALWAYS: return true;
    }
    return false;
}

/* --- directories ------------------------------------------------------------------------------------------------- */

/* Takes away what only to_fd has, and copies the rest. security.* is the host's own business. */
static int copy_attributes(int from_fd, int to_fd)
{
    char names[4096];
    char value[4096];
    int failed = 0;
    ssize_t len = flistxattr(to_fd, names, sizeof names);
    for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1)
        if (strncmp(name, "security.", 9) != 0 && fgetxattr(from_fd, name, value, 0) < 0)
            failed += fremovexattr(to_fd, name) != 0;
    len = flistxattr(from_fd, names, sizeof names);
    for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        if (strncmp(name, "security.", 9) == 0)
            continue;
        ssize_t size = fgetxattr(from_fd, name, value, sizeof value);
        failed += size < 0 || fsetxattr(to_fd, name, value, (size_t)size, 0) != 0;
    }
    return failed;
}

void overlay_attributes(struct overlay *m, const struct stat *st, int from_fd, int to_fd, const char *path)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
    if (geteuid() == 0 && fchown(to_fd, st->st_uid, st->st_gid) != 0)
        report_problem(m->report, path, "the owner cannot be set: %s", strerror(errno));
    if (fchmod(to_fd, st->st_mode & 07777) != 0)
        report_problem(m->report, path, "the mode cannot be set: %s", strerror(errno));
    if (copy_attributes(from_fd, to_fd) > 0)
        report_problem(m->report, path, "some attributes cannot be set");
    if (futimens(to_fd, times) != 0)
        report_problem(m->report, path, "the time cannot be set: %s", strerror(errno));
}

static int open_directory(int dir_fd, const char *name)
{
    return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

struct entry {
    int from_fd, to_fd; /* the directories */
    const char *name;
    const char *path;
    struct stat from, to;
    bool there;
};

static void tell(struct overlay *m, const struct entry *e, const char *what)
{
    const char *why =
        errno == EXDEV ? "another file system is mounted here: restore to a directory on it" : strerror(errno);
    report_problem(m->report, e->path, "%s: %s", what, why);
}

/* Where nothing was a moment ago, nothing is replaced; where the file system cannot promise that, the moment is risked.
 */
static int rename_new(const struct entry *e)
{
    enum { NO_REPLACE = 1 };
    long rc = syscall(SYS_renameat2, e->from_fd, e->name, e->to_fd, e->name, NO_REPLACE);
    if (rc != 0 && (errno == EINVAL || errno == ENOSYS))
        rc = renameat(e->from_fd, e->name, e->to_fd, e->name);
    return (int)rc;
}

/* A directory that another user than root may not write in cannot be moved to another parent. */
static int move_new(const struct entry *e)
{
    int rc = rename_new(e);
    if (rc == 0 || errno != EACCES || !S_ISDIR(e->from.st_mode) || geteuid() == 0)
        return rc;
    if (fchmodat(e->from_fd, e->name, (e->from.st_mode & 07777) | 0200, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    rc = rename_new(e);
    int why = errno;
    (void)fchmodat(rc == 0 ? e->to_fd : e->from_fd, e->name, e->from.st_mode & 07777, AT_SYMLINK_NOFOLLOW);
    errno = why;
    return rc;
}

static void put_new(struct overlay *m, const struct entry *e)
{
    if (move_new(e) == 0)
        m->written++;
    else
        tell(m, e, "cannot be put in place");
}

static void put_over(struct overlay *m, const struct entry *e)
{
    if (S_ISDIR(e->to.st_mode) != S_ISDIR(e->from.st_mode) &&
        unlinkat(e->to_fd, e->name, S_ISDIR(e->to.st_mode) ? AT_REMOVEDIR : 0) != 0)
        tell(m, e, S_ISDIR(e->to.st_mode) ? "a directory is in its place" : "what is in its place cannot be removed");
    else if (renameat(e->from_fd, e->name, e->to_fd, e->name) != 0)
        tell(m, e, "cannot be put in place");
    else
        m->replaced++;
}

static bool is_way(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && (st->st_mode & 07777) == PLACE_WAY;
}

/* Both are directories. */
static int put_inside(struct overlay *m, const struct entry *e, struct err *err)
{
    const struct overlay_item from = overlay_item_of(&e->from);
    const struct overlay_item to = overlay_item_of(&e->to);
    if (geteuid() != 0 && (e->from.st_mode & 0700) != 0700) /* restored without the right for us to read it */
        (void)fchmodat(e->from_fd, e->name, (e->from.st_mode & 07777) | 0700, AT_SYMLINK_NOFOLLOW);
    int from_fd = open_directory(e->from_fd, e->name);
    int to_fd = from_fd < 0 ? -1 : open_directory(e->to_fd, e->name);
    int rc = 0;
    if (to_fd < 0) {
        tell(m, e, "cannot be entered");
    } else {
        rc = overlay_tree(m, from_fd, to_fd, e->path, err);
        if (geteuid() != 0 && (e->from.st_mode & 0700) != 0700)
            (void)fchmod(from_fd, e->from.st_mode & 07777);
        if (!is_way(&e->from) && overlay_replaces(m->policy, &from, &to)) {
            overlay_attributes(m, &e->from, from_fd, to_fd, e->path);
            m->replaced++;
        } else if (!is_way(&e->from)) {
            m->kept++;
        }
    }
    if (from_fd >= 0)
        (void)close(from_fd);
    if (to_fd >= 0)
        (void)close(to_fd);
    return rc;
}

/* A directory that the archive does not speak of, only what is in it. */
static int put_way(struct overlay *m, struct entry *e, struct err *err)
{
    if (!e->there && mkdirat(e->to_fd, e->name, 0755) != 0) {
        tell(m, e, "cannot be made");
        return 0;
    }
    if (fstatat(e->to_fd, e->name, &e->to, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(e->to.st_mode)) {
        report_problem(m->report, e->path, "something that is no directory is in its place");
        return 0;
    }
    return put_inside(m, e, err);
}

static int put(struct overlay *m, struct entry *e, struct err *err)
{
    if (fstatat(e->from_fd, e->name, &e->from, AT_SYMLINK_NOFOLLOW) != 0) {
        tell(m, e, "is gone from where it was restored");
        return 0;
    }
    e->there = fstatat(e->to_fd, e->name, &e->to, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_way(&e->from))
        return put_way(m, e, err);
    if (!e->there) {
        put_new(m, e);
        return 0;
    }
    if (S_ISDIR(e->from.st_mode) && S_ISDIR(e->to.st_mode))
        return put_inside(m, e, err);
    const struct overlay_item from = overlay_item_of(&e->from);
    const struct overlay_item to = overlay_item_of(&e->to);
    if (overlay_replaces(m->policy, &from, &to))
        put_over(m, e);
    else
        m->kept++;
    return 0;
}

static char *join(const char *path, const char *name)
{
    char *joined = malloc(strlen(path) + strlen(name) + 2);
    if (joined != NULL)
        (void)sprintf(joined, "%s%s%s", path, *path == '\0' ? "" : "/", name);
    return joined;
}

/* Directories are held open down to where we are. The system call itself: the library's function brings along what
 * tells all threads, which Linux does not need. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
    }
}

static int overlay_one(struct overlay *m, int from_fd, int to_fd, const char *path, const char *name, struct err *err)
{
    char *whole = join(path, name);
    if (whole == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct entry e = {.from_fd = from_fd, .to_fd = to_fd, .name = name, .path = whole};
    int rc = put(m, &e, err);
    free(whole);
    return rc;
}

int overlay_tree(struct overlay *m, int from_fd, int to_fd, const char *path, struct err *err)
{
    raise_limit();
    int copy = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (dir == NULL) {
        int rc = err_sys(err, ERR_IO, "read what was restored");
        if (copy >= 0)
            (void)close(copy);
        return rc;
    }
    const char *skip = m->skip;
    const struct dirent *d;
    int rc = 0;
    m->skip = NULL; /* it is for the top alone */
    while (rc == 0 && (d = readdir(dir)) != NULL) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (skip != NULL && strcmp(d->d_name, skip) == 0)
            report_problem(m->report, d->d_name, "has the name under which this restore puts things aside");
        else
            rc = overlay_one(m, from_fd, to_fd, path, d->d_name, err);
    }
    (void)closedir(dir);
    return rc;
}
