#include "restore/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backup/remote.h"
#include "backup/roots.h"
#include "common/arena.h"
#include "restore/place.h"
#include "restore/tree.h"

enum { PATHS_MEMORY = 8 * 1024 * 1024 };

static int open_directory(int dir_fd, const char *name)
{
    return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- the target -------------------------------------------------------------------------------------------------- */

static bool is_empty_directory(int dir_fd, const char *name)
{
    int fd = open_directory(dir_fd, name);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    size_t count = 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count <= 2;
}

static int open_holder(const struct staging_options *options, struct staging *s, struct err *err)
{
    if (!options->look)
        return roots_open_target(options->agent, s->path, &s->holder_fd, &s->name, err);
    int rc = roots_find_target(options->agent, s->path, &s->holder_fd, &s->name, err);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Whether the target is there, and what that means. */
static int look_at_target(const struct staging_options *options, struct staging *s, struct err *err)
{
    struct stat st;
    bool there = s->holder_fd >= 0 && fstatat(s->holder_fd, s->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    s->merging = there && options->merge;
    if (s->merging) {
        s->target_fd = open_directory(s->holder_fd, s->name);
        return s->target_fd >= 0 ? 0 : err_sys(err, ERR_CONFLICT, "%.200s", s->path);
    }
    if (there && strcmp(s->name, ".") == 0)
        return err_set(err, ERR_CONFLICT, "%.200s is a root itself: choose a target below it or give --overwrite",
                       s->path);
    if (there && !is_empty_directory(s->holder_fd, s->name))
        return err_set(err, ERR_CONFLICT,
                       "%.200s is there already: choose another target, or give --policy or --overwrite", s->path);
    if (s->holder_fd >= 0 && snprintf(s->aside, sizeof s->aside, "%s.partial", s->name) > NAME_MAX)
        return err_set(err, ERR_TOO_BIG, "the name of the target is too long");
    return 0;
}

int staging_find(const struct staging_options *options, struct staging *ret, struct err *err)
{
    char wanted[PATH_MAX];
    char below[REMOTE_ID_SIZE + 16];
    *ret = (struct staging){.holder_fd = -1, .target_fd = -1, .fd = -1};
    (void)snprintf(below, sizeof below, "restore/%s", options->log_id);
    int rc = options->target == NULL ? agent_state_path(options->agent, below, wanted, err) : 0;
    if (rc == 0)
        rc = roots_clean_path(options->target == NULL ? wanted : options->target, ret->path, err);
    if (rc == ERR_INVALID)
        rc = ERR_DENIED; /* whatever it is, it is inside no root */
    if (rc == 0)
        rc = open_holder(options, ret, err);
    if (rc == 0)
        rc = look_at_target(options, ret, err);
    return rc;
}

static int find_root(const struct agent *agent, const char *const *paths, size_t count, struct arena *arena,
                     char ret[PATH_MAX], struct err *err)
{
    const char **clean = arena_array(arena, count, sizeof *clean);
    for (size_t i = 0; clean != NULL && i < count; i++) {
        char one[PATH_MAX];
        const char *whole = arena_printf(arena, "/%s", paths[i]);
        int rc = whole == NULL ? err_set(err, ERR_NOMEM, "too many paths") : roots_clean_path(whole, one, err);
        if (rc != 0)
            return rc == ERR_INVALID ? ERR_DENIED : rc;
        clean[i] = arena_strdup(arena, one);
        if (clean[i] == NULL)
            return err_set(err, ERR_NOMEM, "too many paths");
    }
    return clean == NULL ? err_set(err, ERR_NOMEM, "too many paths") : roots_common(agent, clean, count, ret, err);
}

int staging_find_original(const struct staging_options *options, const char *const *paths, size_t count,
                          struct staging *ret, struct err *err)
{
    *ret = (struct staging){.holder_fd = -1, .target_fd = -1, .fd = -1, .original = true};
    struct arena *arena = arena_new(PATHS_MEMORY);
    int rc = arena == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0)
        rc = find_root(options->agent, paths, count, arena, ret->path, err);
    arena_free(arena);
    if (rc == 0)
        rc = open_holder(options, ret, err);
    if (rc == 0 && ret->holder_fd < 0)
        rc = err_set(err, ERR_NOT_FOUND, "%.200s of RESTORE_ROOTS is not there", ret->path);
    struct staging_options always = *options;
    always.merge = true;
    return rc == 0 ? look_at_target(&always, ret, err) : rc;
}

/* --- aside ------------------------------------------------------------------------------------------------------- */

/* Ours, and nobody's who still lives. */
static int clear_old(struct staging *s, struct err *err)
{
    struct stat st;
    int fd = open_directory(s->target_fd, s->aside);
    bool ours = fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0;
    int rc = ours ? tree_remove(s->target_fd, s->aside, err)
                  : err_set(err, ERR_CONFLICT, "another restore of this backup is at work in %.200s", s->path);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static int make_aside(struct staging *s, struct err *err)
{
    int holder = s->merging ? s->target_fd : s->holder_fd;
    int rc = mkdirat(holder, s->aside, 0700) == 0 ? 0 : errno == EEXIST ? ERR_CONFLICT : ERR_IO;
    if (rc == ERR_CONFLICT && s->merging) {
        rc = clear_old(s, err);
        if (rc == 0 && mkdirat(holder, s->aside, 0700) != 0)
            rc = ERR_IO;
        else if (rc != 0)
            return rc;
    }
    if (rc == ERR_CONFLICT)
        return err_set(err, rc, "%.200s.partial is left from a restore that did not finish: look at it, then remove it",
                       s->path);
    if (rc != 0)
        return err_sys(err, rc, "make a directory in or beside %.200s", s->path);
    s->fd = open_directory(holder, s->aside);
    return s->fd >= 0 ? 0 : err_sys(err, ERR_IO, "open what was made in or beside %.200s", s->path);
}

int staging_make(struct staging *s, const char *log_id, struct err *err)
{
    struct stat st;
    if (s->merging)
        (void)snprintf(s->aside, sizeof s->aside, ".muster-restore-%s", log_id);
    int rc = make_aside(s, err);
    if (rc != 0)
        return rc;
    /* Whoever owns the directory it is in may have put another in its place. */
    if (fstat(s->fd, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 07777) != 0700 ||
        flock(s->fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFLICT, "somebody else is at work in or beside %.200s", s->path);
    /* What it inherited would be passed on to all that is restored. */
    (void)fremovexattr(s->fd, "system.posix_acl_default");
    (void)fremovexattr(s->fd, "system.posix_acl_access");
    return fchdir(s->fd) == 0 ? 0 : err_sys(err, ERR_IO, "%.200s", s->path);
}

static int open_below(int top_fd, const char *path, int *ret_fd, struct err *err)
{
    char name[PATH_MAX];
    int fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && *path != '\0') {
        size_t len = strcspn(path, "/");
        memcpy(name, path, len);
        name[len] = '\0';
        path += len + strspn(path + len, "/");
        int next = len == 0 ? dup(fd) : open_directory(fd, name);
        (void)close(fd);
        fd = next;
    }
    *ret_fd = fd;
    return fd >= 0 ? 0 : err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "what was restored");
}

/* The part of the tree that the target stands for. Its own attributes are part of what was restored only when the
 * archive speaks of it. */
static int overlay_part(struct staging *s, struct overlay *overlay, struct err *err)
{
    struct stat from;
    struct stat to;
    int fd = -1;
    int rc = open_below(s->fd, s->original ? s->path + 1 : "", &fd, err);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc; /* nothing of it was chosen */
    if (fstat(fd, &from) != 0 || fstat(s->target_fd, &to) != 0)
        rc = err_sys(err, ERR_IO, "look at the target");
    if (rc == 0)
        rc = overlay_tree(overlay, fd, s->target_fd, s->original ? s->path + 1 : "", err);
    const struct overlay_item restored = overlay_item_of(&from);
    const struct overlay_item there = overlay_item_of(&to);
    if (rc == 0 && s->original && strcmp(s->path, "/") != 0 && (from.st_mode & 07777) != PLACE_WAY &&
        overlay_replaces(overlay->policy, &restored, &there))
        overlay_attributes(overlay, &from, fd, s->target_fd, s->path + 1);
    (void)close(fd);
    return rc;
}

int staging_settle(struct staging *s, struct overlay *overlay, struct err *err)
{
    if (syncfs(s->fd) != 0)
        return err_sys(err, ERR_IO, "write %.200s to disk", s->path);
    if (!s->merging) {
        if (renameat(s->holder_fd, s->aside, s->holder_fd, s->name) != 0 || fsync(s->holder_fd) != 0)
            return err_sys(err, ERR_IO, "rename %.100s to %.100s", s->aside, s->name);
        s->aside[0] = '\0';
        return 0;
    }
    overlay->skip = s->aside;
    int rc = overlay_part(s, overlay, err);
    if (rc == 0 && syncfs(s->target_fd) != 0)
        rc = err_sys(err, ERR_IO, "write %.200s to disk", s->path);
    return rc;
}

void staging_remove(struct staging *s)
{
    struct err err;
    if (s->fd < 0 || s->aside[0] == '\0')
        return;
    if (tree_remove(s->merging ? s->target_fd : s->holder_fd, s->aside, &err) != 0)
        (void)fprintf(stderr, "%.200s: what was put aside cannot be removed: %s\n", s->path, err.msg);
    s->aside[0] = '\0';
}

void staging_done(struct staging *s)
{
    const int fds[] = {s->fd, s->target_fd, s->holder_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}
