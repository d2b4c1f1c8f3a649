#include "restore/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cursor.h"

enum { WAY_NEW = -1 }; /* the mode that mkdir gave it */

struct step {
    dev_t dev;
    ino_t ino;
    size_t path_len; /* of the path up to here */
    void *kept;
    bool way;              /* nothing is kept for it: it is left as it was found … */
    int mode;              /* … with this mode */
    struct timespec mtime; /* … and this time; nsec UTIME_OMIT: it is new */
};

struct place {
    int root_fd;
    int fd; /* where we stand; root_fd at depth 1 */
    place_leave_fn *leave;
    void *ctx;
    struct step *steps; /* [0] is the tree itself */
    size_t depth, size;
    char *path; /* of where we stand, "a/b" */
    size_t path_size;
    char *wanted; /* the cleaned path of the last place_go */
    bool mark_ways;
};

int place_new(place_leave_fn *leave, void *ctx, struct place **ret, struct err *err)
{
    struct stat st;
    struct place *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->size = 64;
    p->path_size = 4096;
    p->steps = malloc(p->size * sizeof *p->steps);
    p->path = malloc(p->path_size);
    p->root_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->steps == NULL || p->path == NULL || p->root_fd < 0 || fstat(p->root_fd, &st) != 0) {
        int rc = err_sys(err, ERR_IO, "open the target");
        if (p->root_fd >= 0)
            (void)close(p->root_fd);
        free(p->path);
        free(p->steps);
        free(p);
        return rc;
    }
    p->fd = p->root_fd;
    p->leave = leave;
    p->ctx = ctx;
    p->path[0] = '\0';
    p->steps[0] = (struct step){.dev = st.st_dev, .ino = st.st_ino};
    p->depth = 1;
    *ret = p;
    return 0;
}

int place_fd(const struct place *p)
{
    return p->fd;
}

void place_mark_ways(struct place *p)
{
    p->mark_ways = true;
}

/* --- paths ------------------------------------------------------------------------------------------------------- */

static bool next_component(const char **at, struct span *ret)
{
    while (**at == '/')
        (*at)++;
    if (**at == '\0')
        return false;
    size_t len = strcspn(*at, "/");
    *ret = (struct span){*at, len};
    *at += len;
    return true;
}

/* A copy of path without "." and superfluous slashes. */
static int clean_path(const char *path, char **ret, struct err *err)
{
    if (path[0] == '/')
        return err_set(err, ERR_DENIED, "has an absolute path");
    char *clean = malloc(strlen(path) + 1);
    if (clean == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t len = 0;
    struct span part;
    while (next_component(&path, &part)) {
        if (span_equal(part, "."))
            continue;
        if (span_equal(part, "..") || part.len > NAME_MAX) {
            free(clean);
            return err_set(err, ERR_DENIED,
                           part.len > NAME_MAX ? "has a name that is too long" : "has \"..\" in its path");
        }
        if (len > 0)
            clean[len++] = '/';
        memcpy(clean + len, part.ptr, part.len);
        len += part.len;
    }
    clean[len] = '\0';
    *ret = clean;
    return 0;
}

static void copy_name(struct span part, char ret[NAME_MAX + 1])
{
    memcpy(ret, part.ptr, part.len);
    ret[part.len] = '\0';
}

/* --- up and down ------------------------------------------------------------------------------------------------- */

static int stand_in(struct place *p, int fd, struct err *err)
{
    if (fchdir(fd) != 0)
        return err_sys(err, ERR_CORRUPT, "enter a directory of the target");
    if (p->fd != p->root_fd)
        (void)close(p->fd);
    p->fd = fd;
    return 0;
}

static void leave_as_found(int fd, const struct step *step)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, step->mtime};
    if (step->mode != WAY_NEW)
        (void)fchmod(fd, (mode_t)step->mode);
    (void)futimens(fd, times);
}

static void leave_step(struct place *p, bool lost)
{
    struct step *step = &p->steps[p->depth - 1];
    if (step->kept != NULL)
        p->leave(p->ctx, p->path, step->kept, lost);
    else if (step->way && !lost)
        leave_as_found(p->fd, step);
    step->kept = NULL;
}

static int open_directory(int dir_fd, const char *name, int flags, int *ret_fd, struct err *err)
{
    int fd = openat(dir_fd, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return err_set(err, ERR_DENIED, "leads through something that is no directory");
    if (fd < 0)
        return err_sys(err, ERR_IO, "open a directory on the way");
    *ret_fd = fd;
    return 0;
}

/* The parent of where we stand, if it still is the one we came from. */
static int open_parent(struct place *p, int *ret_fd, struct err *err)
{
    const struct step *parent = &p->steps[p->depth - 2];
    if (p->depth == 2) {
        *ret_fd = p->root_fd;
        return 0;
    }
    struct stat st;
    int fd = openat(p->fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == parent->dev && st.st_ino == parent->ino) {
        *ret_fd = fd;
        return 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return err_set(err, ERR_CORRUPT, "a directory was moved away while it was being restored");
}

static int go_up(struct place *p, struct err *err)
{
    int fd = -1;
    int rc = open_parent(p, &fd, err);
    if (rc != 0)
        return rc;
    leave_step(p, false); /* after opening the parent: it may take away our right to */
    rc = stand_in(p, fd, err);
    if (rc != 0) {
        if (fd != p->root_fd)
            (void)close(fd);
        return rc;
    }
    p->depth--;
    p->path[p->steps[p->depth - 1].path_len] = '\0';
    return 0;
}

static int grow(struct place *p, size_t name_len, struct err *err)
{
    size_t need = p->steps[p->depth - 1].path_len + name_len + 2;
    if (need > p->path_size) {
        char *more = realloc(p->path, need * 2);
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        p->path = more;
        p->path_size = need * 2;
    }
    if (p->depth == p->size) {
        struct step *more = realloc(p->steps, p->size * 2 * sizeof *more);
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        p->steps = more;
        p->size *= 2;
    }
    return 0;
}

/* Takes fd, the directory name of where we stand, over. */
static int step_into(struct place *p, int fd, const char *name, void *kept, struct err *err)
{
    struct stat st;
    size_t len = strlen(name);
    int rc = fstat(fd, &st) == 0 ? grow(p, len, err) : err_sys(err, ERR_IO, "look at a directory");
    if (rc == 0)
        rc = stand_in(p, fd, err);
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    size_t at = p->steps[p->depth - 1].path_len;
    if (at > 0)
        p->path[at++] = '/';
    memcpy(p->path + at, name, len + 1);
    p->steps[p->depth++] = (struct step){.dev = st.st_dev, .ino = st.st_ino, .path_len = at + len, .kept = kept};
    return 0;
}

/* --- what is asked for ------------------------------------------------------------------------------------------- */

/* How many bytes of where we stand are also the way to the file; the rest has to be left. */
static bool on_the_way(const struct place *p, const char *way, size_t way_len)
{
    size_t len = p->steps[p->depth - 1].path_len;
    return len == 0 || (len <= way_len && memcmp(p->path, way, len) == 0 && (len == way_len || way[len] == '/'));
}

/* Enters the directory name on the way to something else. Another user than root may need rights first. */
static int enter_way(struct place *p, const char *name, bool make, struct err *err)
{
    struct step way = {.way = true, .mode = p->mark_ways ? PLACE_WAY : WAY_NEW, .mtime = {.tv_nsec = UTIME_OMIT}};
    struct stat st;
    int fd = -1;
    if (fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISDIR(st.st_mode))
            return err_set(err, make ? ERR_DENIED : ERR_NOT_FOUND, "leads through something that is no directory");
        way.mode = (int)(st.st_mode & 07777);
        way.mtime = st.st_mtim;
        if (geteuid() != 0 && (st.st_mode & 0700) != 0700)
            (void)fchmodat(p->fd, name, (mode_t)way.mode | 0700, 0);
    } else if (!make || mkdirat(p->fd, name, 0755) != 0) {
        return make ? err_sys(err, ERR_IO, "make a directory on the way") : err_set(err, ERR_NOT_FOUND, "is not there");
    }
    int rc = open_directory(p->fd, name, O_RDONLY, &fd, err);
    if (rc == 0)
        rc = step_into(p, fd, name, NULL, err);
    if (rc != 0)
        return rc;
    struct step *step = &p->steps[p->depth - 1];
    step->way = true;
    step->mode = way.mode;
    step->mtime = way.mtime;
    return 0;
}

static int go(struct place *p, const char *path, bool make, const char **ret_name, struct err *err)
{
    char *wanted = NULL;
    int rc = clean_path(path, &wanted, err);
    if (rc != 0)
        return rc;
    free(p->wanted);
    p->wanted = wanted;
    const char *slash = strrchr(wanted, '/');
    size_t way_len = slash == NULL ? 0 : (size_t)(slash - wanted);
    while (rc == 0 && !on_the_way(p, wanted, way_len))
        rc = go_up(p, err);
    if (rc != 0)
        return rc;
    const char *at = wanted + p->steps[p->depth - 1].path_len;
    struct span part;
    while (at < wanted + way_len && next_component(&at, &part)) {
        char name[NAME_MAX + 1];
        copy_name(part, name);
        rc = enter_way(p, name, make, err);
        if (rc != 0)
            return rc;
    }
    *ret_name = slash == NULL ? wanted : slash + 1;
    return 0;
}

int place_go(struct place *p, const char *path, const char **ret_name, struct err *err)
{
    return go(p, path, true, ret_name, err);
}

int place_visit(struct place *p, const char *path, const char **ret_name, struct err *err)
{
    return go(p, path, false, ret_name, err);
}

/* Attributes and ACLs that a directory has from before, or has inherited: the ones of the archive replace them, and the
 * latter would be inherited by all that is made in it. */
static void strip_attributes(int fd)
{
    char names[4096];
    ssize_t len = flistxattr(fd, names, sizeof names);
    for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1)
        if (strncmp(name, "security.", 9) != 0)
            (void)fremovexattr(fd, name);
    (void)fremovexattr(fd, "system.posix_acl_default");
    (void)fremovexattr(fd, "system.posix_acl_access");
}

int place_enter(struct place *p, const char *name, void *kept, struct err *err)
{
    if (*name == '\0') { /* the tree itself, where we stand */
        leave_step(p, false);
        p->steps[0].kept = kept;
        return 0;
    }
    struct stat st;
    bool there = fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !S_ISDIR(st.st_mode))
        (void)unlinkat(p->fd, name, 0);
    else if (there && geteuid() != 0)
        (void)fchmodat(p->fd, name, 0700, 0);
    if (mkdirat(p->fd, name, 0700) != 0 && errno != EEXIST)
        return err_sys(err, ERR_IO, "make directory");
    int fd = -1;
    int rc = open_directory(p->fd, name, O_RDONLY, &fd, err);
    if (rc != 0)
        return rc;
    strip_attributes(fd);
    return step_into(p, fd, name, kept, err);
}

int place_find(const struct place *p, const char *path, int *ret_fd, char **ret_name, struct err *err)
{
    char *clean = NULL;
    char name[NAME_MAX + 1] = "";
    struct span part;
    int fd = -1;
    int rc = clean_path(path, &clean, err);
    if (rc == 0)
        rc = open_directory(p->root_fd, ".", O_PATH, &fd, err);
    const char *at = clean;
    while (rc == 0 && next_component(&at, &part)) {
        if (*name != '\0') {
            int next = -1;
            rc = open_directory(fd, name, O_PATH, &next, err);
            (void)close(fd);
            fd = next;
        }
        copy_name(part, name);
    }
    free(clean);
    char *copy = rc == 0 ? strdup(name) : NULL;
    if (rc == 0 && copy == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0) {
        *ret_fd = fd;
        *ret_name = copy;
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

void place_free(struct place *p)
{
    if (p == NULL)
        return;
    struct err err;
    while (p->depth > 1 && go_up(p, &err) == 0)
        ;
    for (; p->depth > 1; p->depth--) /* only when go_up failed */
        leave_step(p, true);
    leave_step(p, fchdir(p->root_fd) != 0);
    if (p->fd != p->root_fd)
        (void)close(p->fd);
    (void)close(p->root_fd);
    free(p->wanted);
    free(p->path);
    free(p->steps);
    free(p);
}
