#include "backup/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    BATCH_BYTES = 256 * 1024, /* of names read from one directory at a time, while the budget lasts */
    KEEP_SHALLOW = 8,         /* levels whose descriptor stays open: these first ones, */
    KEEP_DEEP = 24,           /* and these last ones */
    OPEN_MAX_LEVELS = 400,    /* half-read huge directories inside each other */
};

/* One directory on the way down. */
struct level {
    DIR *dir; /* NULL: descriptor closed for now */
    dev_t dev;
    ino_t ino;
    size_t path_len;    /* of the directory's own path */
    bool complete;      /* every name has been read */
    char *names;        /* the batch: NUL-terminated names after each other */
    const char **order; /* sorted */
    size_t cost;        /* of both, out of WALK_NAMES_BUDGET */
    size_t count, next;
};

struct walk {
    const struct walk_options *options;
    const struct walk_visitor *visitor;
    char *path;
    size_t path_size;
    size_t source_len;
    struct level *levels;
    size_t depth, levels_size;
    size_t open_levels;
    size_t names_used; /* of WALK_NAMES_BUDGET */
};

/* --- what to leave out ------------------------------------------------------------------------------------------- */

static bool pattern_matches(const char *pattern, const char *path, size_t source_len)
{
    const char *slash = strrchr(path, '/');
    if (strchr(pattern, '/') == NULL)
        return fnmatch(pattern, slash == NULL ? path : slash + 1, 0) == 0;
    if (pattern[0] == '/')
        return fnmatch(pattern, path, FNM_PATHNAME) == 0;
    const char *below = path + source_len;
    return fnmatch(pattern, below[0] == '/' ? below + 1 : below, FNM_PATHNAME) == 0;
}

bool walk_excluded(const struct walk_options *options, const char *path, size_t source_len)
{
    for (size_t i = 0; i < options->exclude_count; i++)
        if (pattern_matches(options->excludes[i], path, source_len))
            return true;
    return false;
}

/* File systems that the kernel makes up: reading them is pointless at best. */
static bool is_kernel_fs(int fd)
{
    static const unsigned long magics[] = {
        PROC_SUPER_MAGIC,        SYSFS_MAGIC,       CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC,
        DEBUGFS_MAGIC,           TRACEFS_MAGIC,     SECURITYFS_MAGIC,   BPF_FS_MAGIC,        PSTOREFS_MAGIC,
        EFIVARFS_MAGIC,          SELINUX_MAGIC,     NSFS_MAGIC,         BINFMTFS_MAGIC,      0x62656570 /* configfs */,
        0x19800202 /* mqueue */, AUTOFS_SUPER_MAGIC};
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if ((unsigned long)fs.f_type == magics[i])
            return true;
    return false;
}

/* --- names of a directory ---------------------------------------------------------------------------------------- */

static void batch_free(struct walk *w, struct level *level)
{
    w->names_used -= level->cost;
    free(level->names);
    free(level->order);
    level->names = NULL;
    level->order = NULL;
    level->cost = level->count = level->next = 0;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static int batch_sort(struct level *level, size_t count, struct err *err)
{
    level->order = malloc((count == 0 ? 1 : count) * sizeof *level->order);
    if (level->order == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    const char *name = level->names;
    for (size_t i = 0; i < count; i++) {
        level->order[i] = name;
        name += strlen(name) + 1;
    }
    qsort(level->order, count, sizeof *level->order, compare_names);
    level->count = count;
    return 0;
}

/* Reads the next names of the directory, as many as the batch and the budget allow, but at least one. */
static int batch_read(struct walk *w, struct level *level, const char *path, struct err *err)
{
    size_t left = w->names_used < WALK_NAMES_BUDGET ? WALK_NAMES_BUDGET - w->names_used : 0;
    size_t limit = left < BATCH_BYTES ? left : BATCH_BYTES;
    size_t used = 0, size = 0, count = 0;
    while (count == 0 || used + count * sizeof *level->order + NAME_MAX + 1 <= limit) {
        errno = 0;
        const struct dirent *d = readdir(level->dir);
        if (d == NULL) {
            if (errno != 0) {
                struct err why;
                (void)err_sys(&why, ERR_IO, "read directory");
                w->visitor->problem(w->visitor->ctx, path, &why);
            }
            level->complete = true;
            break;
        }
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        size_t len = strlen(d->d_name) + 1;
        if (used + len > size) {
            size = size == 0 ? 512 : size * 2;
            char *more = realloc(level->names, size);
            if (more == NULL)
                return err_set(err, ERR_NOMEM, "out of memory");
            level->names = more;
        }
        memcpy(level->names + used, d->d_name, len);
        used += len;
        count++;
    }
    char *exact = realloc(level->names, used == 0 ? 1 : used); /* small directories are many */
    if (exact != NULL)
        level->names = exact;
    level->cost = used + count * sizeof *level->order;
    w->names_used += level->cost;
    return batch_sort(level, count, err);
}

/* --- levels ------------------------------------------------------------------------------------------------------ */

static void level_close(struct walk *w, struct level *level)
{
    if (level->dir != NULL) {
        (void)closedir(level->dir);
        level->dir = NULL;
        w->open_levels--;
    }
}

static void level_pop(struct walk *w)
{
    struct level *level = &w->levels[--w->depth];
    batch_free(w, level);
    level_close(w, level);
}

static void tell_problem(struct walk *w, const char *fmt, ...) MUSTER_PRINTF(2, 3);
static void tell_problem(struct walk *w, const char *fmt, ...)
{
    char text[120];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct err why;
    (void)err_set(&why, ERR_IO, "%s", text);
    w->visitor->problem(w->visitor->ctx, w->path, &why);
}

static void tell_errno(struct walk *w, const char *what)
{
    struct err why;
    (void)err_sys(&why, ERR_IO, "%s", what);
    w->visitor->problem(w->visitor->ctx, w->path, &why);
}

/* Takes fd over and steps into it. */
static int level_push(struct walk *w, int fd, const struct stat *st, struct err *err)
{
    if (w->depth == w->levels_size) {
        size_t size = w->levels_size == 0 ? 64 : w->levels_size * 2;
        struct level *more = realloc(w->levels, size * sizeof *more);
        if (more == NULL) {
            (void)close(fd);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        w->levels = more;
        w->levels_size = size;
    }
    DIR *dir = w->open_levels < OPEN_MAX_LEVELS ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        tell_problem(w, "too many large directories inside each other");
        (void)close(fd);
        return 0;
    }
    w->levels[w->depth] = (struct level){.dir = dir, .dev = st->st_dev, .ino = st->st_ino, .path_len = strlen(w->path)};
    w->open_levels++;
    struct level *level = &w->levels[w->depth++];
    int rc = batch_read(w, level, w->path, err);
    if (w->depth > KEEP_SHALLOW + KEEP_DEEP) {
        struct level *middle = &w->levels[w->depth - 1 - KEEP_DEEP];
        if (middle->complete)
            level_close(w, middle);
    }
    return rc;
}

/* Opens the parent again from below. A level that has moved away meanwhile is given up, and those above it up to the
 * nearest one that is still open; what was left to read there is a problem each. */
static void level_reopen(struct walk *w, int child_fd)
{
    struct level *level = &w->levels[w->depth - 1];
    struct stat st;
    int fd = openat(child_fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == level->dev && st.st_ino == level->ino) {
        level->dir = fdopendir(fd);
        if (level->dir != NULL) {
            w->open_levels++;
            return;
        }
    }
    if (fd >= 0)
        (void)close(fd);
    while (w->depth > 0 && w->levels[w->depth - 1].dir == NULL) {
        level = &w->levels[w->depth - 1];
        w->path[level->path_len] = '\0';
        if (level->next < level->count)
            tell_problem(w, "the directory was moved while it was read; the rest of it is missing");
        level_pop(w);
    }
}

static void level_leave(struct walk *w)
{
    struct level *level = &w->levels[w->depth - 1];
    int keep = -1;
    if (w->depth >= 2 && w->levels[w->depth - 2].dir == NULL)
        keep = fcntl(dirfd(level->dir), F_DUPFD_CLOEXEC, 0);
    level_pop(w);
    if (w->depth > 0 && w->levels[w->depth - 1].dir == NULL)
        level_reopen(w, keep);
    if (keep >= 0)
        (void)close(keep);
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

/* w->path becomes the directory's path and name. False, and told, when that is too long. */
static bool path_append(struct walk *w, size_t dir_len, const char *name)
{
    size_t len = strlen(name);
    bool slash = dir_len > 0 && w->path[dir_len - 1] != '/';
    w->path[dir_len] = '\0';
    if (dir_len + slash + len + 1 > w->path_size) {
        size_t size = w->path_size * 2;
        char *more = size <= WALK_PATH_MAX ? realloc(w->path, size) : NULL;
        if (more == NULL) {
            tell_problem(w, "what lies below has too long a path");
            return false;
        }
        w->path = more;
        w->path_size = size;
    }
    if (slash)
        w->path[dir_len++] = '/';
    memcpy(w->path + dir_len, name, len + 1);
    return true;
}

static int open_quietly(int dir_fd, const char *name, int extra)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | extra;
    int fd = openat(dir_fd, name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) /* only the owner may leave the access time alone */
        fd = openat(dir_fd, name, flags);
    return fd;
}

/* Visits what entry names; a directory is then stepped into. entry->st is of fstatat or, with fd, of fstat. */
static int visit(struct walk *w, struct walk_entry *entry, struct err *err)
{
    bool directory = S_ISDIR(entry->st.st_mode);
    if (directory && w->options->has_private && entry->st.st_dev == w->options->private_dev &&
        entry->st.st_ino == w->options->private_ino) {
        (void)close(entry->fd);
        return 0;
    }
    bool crossing = directory && w->depth > 0 && entry->st.st_dev != w->levels[w->depth - 1].dev;
    if (crossing && is_kernel_fs(entry->fd)) {
        if (w->visitor->skipped != NULL)
            w->visitor->skipped(w->visitor->ctx, w->path);
        (void)close(entry->fd);
        return 0;
    }
    entry->path = w->path;
    int rc = w->visitor->visit(w->visitor->ctx, entry, err);
    if (rc == 0 && directory)
        return level_push(w, entry->fd, &entry->st, err);
    if (entry->fd >= 0)
        (void)close(entry->fd);
    return rc;
}

static int visit_name(struct walk *w, const char *name, struct err *err)
{
    struct level *level = &w->levels[w->depth - 1];
    struct walk_entry entry = {.dir_fd = dirfd(level->dir), .name = name, .fd = -1};
    if (!path_append(w, level->path_len, name) || walk_excluded(w->options, w->path, w->source_len))
        return 0;
    if (fstatat(entry.dir_fd, name, &entry.st, AT_SYMLINK_NOFOLLOW) != 0) {
        tell_errno(w, errno == ENOENT ? "vanished" : "look at");
        return 0;
    }
    if (S_ISSOCK(entry.st.st_mode)) {
        if (w->visitor->skipped != NULL)
            w->visitor->skipped(w->visitor->ctx, w->path);
        return 0;
    }
    mode_t type = entry.st.st_mode & S_IFMT;
    if (type == S_IFREG || type == S_IFDIR) {
        entry.fd = open_quietly(entry.dir_fd, name, type == S_IFDIR ? O_DIRECTORY : 0);
        if (entry.fd < 0 || fstat(entry.fd, &entry.st) != 0) {
            tell_errno(w, errno == ENOENT ? "vanished" : "open");
            if (entry.fd >= 0)
                (void)close(entry.fd);
            return 0;
        }
        if ((entry.st.st_mode & S_IFMT) != type) {
            tell_problem(w, "was replaced by something else while it was opened");
            (void)close(entry.fd);
            return 0;
        }
    }
    return visit(w, &entry, err);
}

/* The source itself, from its O_PATH descriptor. */
static int visit_source(struct walk *w, int fd, struct err *err)
{
    struct walk_entry entry = {.dir_fd = fd, .name = "", .fd = -1};
    char link[40];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (fstat(fd, &entry.st) != 0)
        return err_sys(err, ERR_IO, "look at");
    if (S_ISDIR(entry.st.st_mode))
        entry.fd = open_quietly(fd, ".", O_DIRECTORY);
    else if (S_ISREG(entry.st.st_mode))
        entry.fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    else
        return err_set(err, ERR_INVALID, "is neither a directory nor a file");
    if (entry.fd < 0)
        return err_sys(err, ERR_IO, "open");
    return visit(w, &entry, err);
}

static int walk_levels(struct walk *w, struct err *err)
{
    int rc = 0;
    while (rc == 0 && w->depth > 0) {
        if (w->visitor->stopped != NULL && w->visitor->stopped(w->visitor->ctx))
            return err_set(err, ERR_CONFLICT, "stopped");
        struct level *level = &w->levels[w->depth - 1];
        if (level->next < level->count) {
            rc = visit_name(w, level->order[level->next++], err);
        } else if (!level->complete) {
            batch_free(w, level);
            w->path[level->path_len] = '\0';
            rc = batch_read(w, level, w->path, err);
        } else {
            level_leave(w);
        }
    }
    return rc;
}

int walk_source(const struct walk_options *options, int fd, const char *path, const struct walk_visitor *visitor,
                struct err *err)
{
    size_t len = strlen(path);
    struct walk w = {.options = options, .visitor = visitor, .source_len = len};
    w.path_size = len + 4096;
    w.path = malloc(w.path_size);
    if (w.path == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(w.path, path, len + 1);
    int rc = visit_source(&w, fd, err);
    if (rc == 0)
        rc = walk_levels(&w, err);
    while (w.depth > 0)
        level_pop(&w);
    free(w.levels);
    free(w.path);
    return rc;
}
