#include "snapshot/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "snapshot/names.h"

enum {
    KEEP_SHALLOW = 8, /* levels whose descriptor stays open: these first ones, */
    KEEP_DEEP = 24,   /* and these last ones */
};

/* One directory on the way down. */
struct level {
    int fd; /* -1: closed for now */
    dev_t dev;
    ino_t ino;
    size_t path_len; /* of the directory's own path */
    struct names names;
};

struct walk {
    const struct walk_options *options;
    const struct walk_visitor *visitor;
    struct names_pool *names;
    char *path;
    size_t path_size;
    size_t source_len;
    dev_t source_dev;
    struct level *levels;
    size_t depth, levels_size;
};

/* --- what to leave out ------------------------------------------------------------------------------------------- */

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

static bool read_signature(int dir_fd, const char *name)
{
    static const char signature[] = "Signature: 8a477f597d28d172789f06886806bc55";
    char have[sizeof signature - 1];
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, have, sizeof have);
    if (fd >= 0)
        (void)close(fd);
    return len == (ssize_t)sizeof have && memcmp(have, signature, sizeof have) == 0;
}

static bool has_tag(int dir_fd, const char *name)
{
    struct stat st;
    return name[0] != '\0' && strchr(name, '/') == NULL && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode) && (strcmp(name, "CACHEDIR.TAG") != 0 || read_signature(dir_fd, name));
}

static bool is_tagged(const struct walk *w, int dir_fd)
{
    for (size_t i = 0; i < w->options->skip_tag_count; i++)
        if (has_tag(dir_fd, w->options->skip_tags[i]))
            return true;
    return false;
}

/* Why a directory that lies on another file system is not stepped into; NULL: it does not, or may be. */
static const char *foreign(const struct walk *w, const struct walk_entry *entry)
{
    if (w->depth > 0 && w->options->one_file_system && entry->st.st_dev != w->source_dev)
        return "another file system";
    if (w->depth > 0 && entry->st.st_dev != w->levels[w->depth - 1].dev && is_kernel_fs(entry->fd))
        return "a file system of the kernel's";
    return NULL;
}

/* Why what is no directory is left out; NULL: it is not. */
static const char *file_left_out(const struct walk *w, const struct stat *st)
{
    if (S_ISSOCK(st->st_mode))
        return "a socket";
    if (w->options->one_file_system && w->depth > 0 && st->st_dev != w->source_dev)
        return "on another file system";
    if (S_ISREG(st->st_mode) && w->options->max_file_size > 0 && st->st_size > w->options->max_file_size)
        return "larger than files may be";
    return NULL;
}

static bool is_private(const struct walk *w, const struct stat *st)
{
    return w->options->has_private && S_ISDIR(st->st_mode) && st->st_dev == w->options->private_dev &&
           st->st_ino == w->options->private_ino;
}

/* --- levels ------------------------------------------------------------------------------------------------------ */

static void level_close(struct level *level)
{
    if (level->fd >= 0)
        (void)close(level->fd);
    level->fd = -1;
}

static void level_pop(struct walk *w)
{
    struct level *level = &w->levels[--w->depth];
    names_free(w->names, &level->names);
    level_close(level);
}

static int tell_missed(struct walk *w, const struct stat *st, enum report_kind kind, const char *why, struct err *err)
{
    return w->visitor->missed(w->visitor->ctx, w->path, st, kind, why, err);
}

static int tell_errno(struct walk *w, const struct stat *st, const char *what, struct err *err)
{
    struct err why;
    bool gone = errno == ENOENT;
    (void)err_sys(&why, ERR_IO, "%s", what);
    return tell_missed(w, st, gone ? REPORT_VANISHED : REPORT_UNREADABLE, gone ? "vanished" : why.msg, err);
}

/* Names of a tagged directory are its tags alone. */
static int read_tags(struct walk *w, int fd, struct names *ret, struct err *err)
{
    const char *found[16];
    size_t count = 0;
    for (size_t i = 0; i < w->options->skip_tag_count && count < sizeof found / sizeof found[0]; i++)
        if (has_tag(fd, w->options->skip_tags[i]))
            found[count++] = w->options->skip_tags[i];
    return names_fixed(w->names, found, count, ret, err);
}

/* A free level; NULL when memory is out. */
static struct level *level_room(struct walk *w)
{
    if (w->depth == w->levels_size) {
        size_t size = w->levels_size == 0 ? 64 : w->levels_size * 2;
        struct level *more = realloc(w->levels, size * sizeof *more);
        if (more == NULL)
            return NULL;
        w->levels = more;
        w->levels_size = size;
    }
    return &w->levels[w->depth];
}

/* Reads what is in the directory, or what of it is not left out. */
static int read_names(struct walk *w, const struct walk_entry *entry, bool tagged, struct names *ret, struct err *err)
{
    if (w->depth > 0)
        names_rest(w->names, &w->levels[w->depth - 1].names);
    if (tagged)
        return read_tags(w, entry->fd, ret, err);
    if (entry->left_out != NULL)
        return names_fixed(w->names, NULL, 0, ret, err);
    return names_read(w->names, entry->fd, ret, err);
}

/* Steps into the directory; its descriptor and names now belong to the level. */
static int level_push(struct walk *w, const struct walk_entry *entry, const struct names *names, struct err *err)
{
    struct level *level = level_room(w);
    if (level == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->depth++;
    *level = (struct level){.fd = entry->fd,
                            .dev = entry->st.st_dev,
                            .ino = entry->st.st_ino,
                            .path_len = strlen(w->path),
                            .names = *names};
    if (w->depth > KEEP_SHALLOW + KEEP_DEEP)
        level_close(&w->levels[w->depth - 1 - KEEP_DEEP]);
    return 0;
}

/* Opens the parent again from below. A level that has moved away meanwhile is given up, and those above it up to the
 * nearest one that is still open; what was left to read there is told of each. */
static int level_reopen(struct walk *w, int child_fd, struct err *err)
{
    struct level *level = &w->levels[w->depth - 1];
    struct stat st;
    int fd = openat(child_fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == level->dev && st.st_ino == level->ino) {
        level->fd = fd;
        return 0;
    }
    if (fd >= 0)
        (void)close(fd);
    int rc = 0;
    while (rc == 0 && w->depth > 0 && w->levels[w->depth - 1].fd < 0) {
        w->path[w->levels[w->depth - 1].path_len] = '\0';
        rc = w->visitor->incomplete(w->visitor->ctx, w->path,
                                    "the directory was moved while it was read; the rest of it is missing", err);
        level_pop(w);
    }
    return rc;
}

static int level_leave(struct walk *w, struct err *err)
{
    int fd = w->levels[w->depth - 1].fd;
    w->levels[w->depth - 1].fd = -1;
    level_pop(w);
    int rc = w->depth > 0 && w->levels[w->depth - 1].fd < 0 ? level_reopen(w, fd, err) : 0;
    (void)close(fd);
    return rc;
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

/* w->path becomes the directory's path and name, which is *ret_name. *ret_name is NULL, and it is told, when that is
 * too long. */
static int path_append(struct walk *w, size_t dir_len, const char *name, const char **ret_name, struct err *err)
{
    size_t len = strlen(name);
    bool slash = dir_len > 0 && w->path[dir_len - 1] != '/';
    w->path[dir_len] = '\0';
    if (dir_len + slash + len + 1 > w->path_size) {
        size_t size = w->path_size * 2;
        if (size > WALK_PATH_MAX) {
            *ret_name = NULL;
            return w->visitor->incomplete(w->visitor->ctx, w->path, "what lies below has too long a path", err);
        }
        char *more = realloc(w->path, size);
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        w->path = more;
        w->path_size = size;
    }
    if (slash)
        w->path[dir_len++] = '/';
    memcpy(w->path + dir_len, name, len + 1);
    *ret_name = w->path + dir_len;
    return 0;
}

static int open_quietly(int dir_fd, const char *name, int extra)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | extra;
    int fd = openat(dir_fd, name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) /* only the owner may leave the access time alone */
        fd = openat(dir_fd, name, flags);
    return fd;
}

int walk_open(struct walk_entry *entry, struct err *err)
{
    char link[40];
    struct stat st;
    mode_t type = entry->st.st_mode & S_IFMT;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", entry->dir_fd);
    int fd = entry->name[0] == '\0' ? open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
                                    : open_quietly(entry->dir_fd, entry->name, type == S_IFDIR ? O_DIRECTORY : 0);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int rc = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
        (void)err_sys(err, rc, "open");
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    if ((st.st_mode & S_IFMT) != type) {
        (void)close(fd);
        return err_set(err, ERR_IO, "was replaced by something else while it was opened");
    }
    entry->fd = fd;
    entry->st = st;
    return 0;
}

static int visit_file(struct walk *w, struct walk_entry *entry, struct err *err)
{
    const char *why = file_left_out(w, &entry->st);
    if (why != NULL)
        return tell_missed(w, &entry->st, REPORT_SKIPPED, why, err);
    int rc = w->visitor->visit(w->visitor->ctx, entry, err);
    if (entry->fd >= 0)
        (void)close(entry->fd);
    return rc;
}

static int visit_directory(struct walk *w, struct walk_entry *entry, struct err *err)
{
    struct err why;
    const struct stat before = entry->st;
    int rc = walk_open(entry, &why);
    if (rc != 0)
        return tell_missed(w, &before, rc == ERR_NOT_FOUND ? REPORT_VANISHED : REPORT_UNREADABLE,
                           rc == ERR_NOT_FOUND ? "vanished" : why.msg, err);
    if (is_private(w, &entry->st)) {
        (void)close(entry->fd);
        return 0;
    }
    entry->left_out = foreign(w, entry);
    bool tagged = entry->left_out == NULL && is_tagged(w, entry->fd);
    if (tagged)
        entry->left_out = "tagged as not to be backed up";
    struct names names;
    rc = read_names(w, entry, tagged, &names, err);
    if (rc == 0) {
        errno = names.trouble;
        if (names.trouble != 0)
            (void)err_sys(&why, ERR_IO, "read directory");
        entry->incomplete = names.trouble == 0 ? NULL : why.msg;
        rc = w->visitor->visit(w->visitor->ctx, entry, err);
        if (rc == 0)
            rc = level_push(w, entry, &names, err);
        if (rc == 0)
            return 0;
        names_free(w->names, &names);
    }
    (void)close(entry->fd);
    return rc;
}

static int visit(struct walk *w, struct walk_entry *entry, struct err *err)
{
    entry->path = w->path;
    if (w->options->reserved != NULL && strcmp(w->path, w->options->reserved) == 0)
        return tell_missed(w, &entry->st, REPORT_SKIPPED, "its path is one that archives use themselves", err);
    return S_ISDIR(entry->st.st_mode) ? visit_directory(w, entry, err) : visit_file(w, entry, err);
}

/* Whether the name is that of the entry before: a directory that changes while it is read may give one twice. */
static bool is_repeated(const struct walk *w, size_t dir_len, const char *name)
{
    size_t len = strlen(name);
    const char *before = w->path + dir_len;
    if (*before == '/')
        before++;
    return strncmp(before, name, len) == 0 && (before[len] == '\0' || before[len] == '/');
}

static int visit_name(struct walk *w, const char *name, struct err *err)
{
    struct level *level = &w->levels[w->depth - 1];
    if (is_repeated(w, level->path_len, name))
        return 0;
    struct walk_entry entry = {.dir_fd = level->fd, .fd = -1};
    int rc = path_append(w, level->path_len, name, &entry.name, err);
    if (rc != 0 || entry.name == NULL)
        return rc;
    bool as_file = excludes_match(w->options->excludes, w->path, w->source_len, false);
    bool as_directory = excludes_match(w->options->excludes, w->path, w->source_len, true);
    if (as_file && as_directory) /* not even looked at: it may be a mount that hangs */
        return 0;
    if (fstatat(entry.dir_fd, entry.name, &entry.st, AT_SYMLINK_NOFOLLOW) != 0)
        return tell_errno(w, NULL, "look at", err);
    if (S_ISDIR(entry.st.st_mode) ? as_directory : as_file)
        return 0;
    return visit(w, &entry, err);
}

/* The source itself, from its O_PATH descriptor. */
static int visit_source(struct walk *w, int fd, struct err *err)
{
    struct walk_entry entry = {.dir_fd = fd, .name = "", .fd = -1};
    if (fstat(fd, &entry.st) != 0)
        return tell_errno(w, NULL, "look at", err);
    w->source_dev = entry.st.st_dev;
    if (!S_ISDIR(entry.st.st_mode) && !S_ISREG(entry.st.st_mode))
        return tell_missed(w, &entry.st, REPORT_UNREADABLE, "is neither a directory nor a file", err);
    return visit(w, &entry, err);
}

static int walk_levels(struct walk *w, struct err *err)
{
    int rc = 0;
    while (rc == 0 && w->depth > 0) {
        if (w->visitor->stopped != NULL && w->visitor->stopped(w->visitor->ctx))
            return err_set(err, ERR_CONFLICT, "stopped");
        const char *name;
        rc = names_next(w->names, &w->levels[w->depth - 1].names, &name, err);
        if (rc == 0)
            rc = name != NULL ? visit_name(w, name, err) : level_leave(w, err);
    }
    return rc;
}

int walk_source(const struct walk_options *options, int fd, const char *path, const struct walk_visitor *visitor,
                struct err *err)
{
    size_t len = strlen(path);
    struct walk w = {.options = options, .visitor = visitor, .source_len = len, .path_size = len + 4096};
    int rc = names_pool_new(options->spool_dir, &w.names, err);
    if (rc != 0)
        return rc;
    w.path = malloc(w.path_size);
    if (w.path == NULL) {
        names_pool_free(w.names);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    memcpy(w.path, path, len + 1);
    rc = visit_source(&w, fd, err);
    if (rc == 0)
        rc = walk_levels(&w, err);
    while (w.depth > 0)
        level_pop(&w);
    free(w.levels);
    names_pool_free(w.names);
    free(w.path);
    return rc;
}
