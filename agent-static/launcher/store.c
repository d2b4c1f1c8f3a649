#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"

/* Tests compile this file with a STORE_STEP that kills the process at one of the steps. */
#ifndef STORE_STEP
#define STORE_STEP(step) ((void)0)
#endif

__attribute__((format(printf, 2, 3))) static void because(struct store_why *why, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why->text, sizeof why->text, fmt, args);
    va_end(args);
}

/* The last part of a path is what differs; the rest of it may be longer than a reason. */
static void because_errno(struct store_why *why, const char *doing, const char *path)
{
    int number = errno;
    const char *slash = strrchr(path, '/');
    because(why, "%s %.80s: %s", doing, slash != NULL ? slash + 1 : path, strerror(number));
}

static bool make_path(char ret[PATH_MAX], const char *agent, const char *suffix)
{
    return snprintf(ret, PATH_MAX, "%s%s", agent, suffix) < PATH_MAX;
}

bool store_init(struct store *s, const char *agent)
{
    s->agent = agent;
    if (!make_path(s->made_new, agent, ".new") || !make_path(s->backup, agent, ".backup") ||
        !make_path(s->trial, agent, ".trial") || !make_path(s->trial_temp, agent, ".trial.tmp") ||
        !make_path(s->put_temp, agent, ".put.tmp") || !make_path(s->dir, agent, ""))
        return false;
    char *slash = strrchr(s->dir, '/');
    if (slash == NULL)
        (void)snprintf(s->dir, sizeof s->dir, ".");
    else
        slash[slash == s->dir ? 1 : 0] = '\0';
    return true;
}

static bool sync_dir(const struct store *s)
{
    int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fsync(fd) == 0;
    int why = errno;
    (void)close(fd);
    errno = why;
    return good;
}

/* Renames temp, which is on disk, and has the name on disk too. */
static bool move_over(const struct store *s, const char *temp, const char *path, enum store_step renamed,
                      enum store_step synced)
{
    if (rename(temp, path) != 0)
        return false;
    STORE_STEP(renamed);
    if (!sync_dir(s))
        return false;
    STORE_STEP(synced);
    (void)renamed;
    (void)synced;
    return true;
}

static bool remove_left(const char *temp)
{
    return unlink(temp) == 0 || errno == ENOENT;
}

/* --- the state file --- */

/* Root's or ours, and nobody else's to write. */
static bool is_trusted(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid()) && (st->st_mode & 022) == 0;
}

static enum store_found read_state(int fd, struct state *ret, struct store_why *ret_why)
{
    char text[STATE_TEXT_MAX + 1];
    size_t len = 0;
    ssize_t n = 1;
    struct stat st;
    if (fstat(fd, &st) != 0 || !is_trusted(&st)) {
        because(ret_why, "it is not a file that only root or we can write");
        return STORE_REFUSED;
    }
    while (len < sizeof text && n > 0) {
        n = read(fd, text + len, sizeof text - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        because(ret_why, "%s", strerror(errno));
        return STORE_REFUSED;
    }
    if (!state_parse(text, len, ret)) {
        because(ret_why, "it is damaged, or not a trial's state of a kind we know");
        return STORE_REFUSED;
    }
    return STORE_STATE;
}

enum store_found store_load(const struct store *s, struct state *ret, struct store_why *ret_why)
{
    /* O_NONBLOCK: a named pipe must not hold us up. */
    int fd = open(s->trial, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT)
            return STORE_NOTHING;
        because(ret_why, "%s", errno == ELOOP ? "it is a symbolic link" : strerror(errno));
        return STORE_REFUSED;
    }
    enum store_found found = read_state(fd, ret, ret_why);
    (void)close(fd);
    return found;
}

static bool write_temp(const struct store *s, const char *text, size_t len)
{
    if (!remove_left(s->trial_temp))
        return false;
    int fd = open(s->trial_temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool good = copy_write(fd, text, len) && fsync(fd) == 0;
    int why = errno;
    (void)close(fd);
    if (!good)
        (void)unlink(s->trial_temp);
    errno = why;
    return good;
}

bool store_save(const struct store *s, const struct state *state, struct store_why *ret_why)
{
    char text[STATE_TEXT_MAX];
    size_t len = state_format(state, text);
    if (len == 0) {
        because(ret_why, "the state cannot be written as text");
        return false;
    }
    if (!write_temp(s, text, len)) {
        because_errno(ret_why, "write", s->trial_temp);
        return false;
    }
    STORE_STEP(STORE_STEP_save_written);
    if (!move_over(s, s->trial_temp, s->trial, STORE_STEP_save_renamed, STORE_STEP_save_synced)) {
        because_errno(ret_why, "replace", s->trial);
        return false;
    }
    return true;
}

/* --- the binary --- */

/* Opens a binary that may take A's place. */
static int open_binary(const struct store *s, const char *path, struct store_why *ret_why)
{
    struct stat st;
    struct stat agent;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        int number = errno;
        because_errno(ret_why, "open", path);
        errno = number;
        return -1;
    }
    bool has_agent = lstat(s->agent, &agent) == 0;
    bool fits = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (st.st_mode & S_IXUSR) != 0 &&
                (st.st_uid == 0 || st.st_uid == geteuid() || (has_agent && st.st_uid == agent.st_uid));
    if (!fits) {
        (void)close(fd);
        because(ret_why, "%.80s is not a program of root's, ours or the agent's owner", strrchr(path, '/') + 1);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

/* A link where one was made, a copy where not: both are the same content. */
static bool is_in_place(const struct store *s, int source)
{
    int agent = open(s->agent, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat x;
    struct stat y;
    if (agent < 0)
        return false;
    bool same = fstat(agent, &x) == 0 && fstat(source, &y) == 0 && S_ISREG(x.st_mode) && x.st_size == y.st_size &&
                ((x.st_dev == y.st_dev && x.st_ino == y.st_ino) || copy_is_same(agent, source));
    (void)close(agent);
    return same;
}

static bool is_file(const char *path, int fd)
{
    struct stat x;
    struct stat y;
    return lstat(path, &x) == 0 && fstat(fd, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Makes put_temp the same as source. */
static bool make_temp(const struct store *s, const char *path, int source)
{
    if (!remove_left(s->put_temp))
        return false;
    if (link(path, s->put_temp) == 0 && is_file(s->put_temp, source))
        return true;
    return remove_left(s->put_temp) && copy_file(source, s->put_temp);
}

enum store_put store_put(const struct store *s, const char *source, struct store_why *ret_why)
{
    int fd = open_binary(s, source, ret_why);
    if (fd < 0)
        return errno == ENOENT ? STORE_MISSING : STORE_FAILED;
    enum store_put result = STORE_PUT;
    if (is_in_place(s, fd)) {
        if (!sync_dir(s)) { /* we may have been killed right after the rename */
            because_errno(ret_why, "sync", s->dir);
            result = STORE_FAILED;
        }
        (void)remove_left(s->put_temp);
    } else if (!make_temp(s, source, fd)) {
        because_errno(ret_why, "copy", source);
        result = STORE_FAILED;
    } else {
        STORE_STEP(STORE_STEP_put_linked);
        if (!move_over(s, s->put_temp, s->agent, STORE_STEP_put_renamed, STORE_STEP_put_synced)) {
            because_errno(ret_why, "replace", s->agent);
            result = STORE_FAILED;
        }
    }
    (void)close(fd);
    return result;
}

void store_boot_id(char ret[STATE_BOOT_SIZE])
{
    char id[STATE_BOOT_SIZE] = "unknown";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, id, sizeof id - 1) != (ssize_t)sizeof id - 1)
        (void)snprintf(id, sizeof id, "unknown");
    if (fd >= 0)
        (void)close(fd);
    memcpy(ret, id, sizeof id);
}
