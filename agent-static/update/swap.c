#include "update/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "update/likeness.h"
#include "update/swap_text.h"

/* Tests compile this file with a SWAP_STEP that kills the process at one of the steps. */
#ifndef SWAP_STEP
#define SWAP_STEP(step) ((void)0)
#endif

/* --- places --- */

int swap_running_path(char ret[PATH_MAX], struct err *err)
{
    static const char gone[] = " (deleted)"; /* how the kernel marks a file that was replaced */
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return err_sys(err, ERR_NOT_FOUND, "/proc/self/exe");
    path[n] = '\0';
    size_t len = (size_t)n;
    size_t tail = sizeof gone - 1;
    if (access(path, F_OK) != 0 && len > tail && strcmp(path + len - tail, gone) == 0)
        path[len - tail] = '\0';
    if (path[0] != '/')
        return err_set(err, ERR_NOT_FOUND, "the binary of this process is nowhere: %.200s", path);
    memcpy(ret, path, strlen(path) + 1);
    return 0;
}

int swap_path(const char *agent, const char *suffix, char ret[PATH_MAX], struct err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", agent, suffix) >= (int)sizeof path)
        return err_set(err, ERR_TOO_BIG, "path too long");
    memcpy(ret, path, strlen(path) + 1);
    return 0;
}

/* --- the state file --- */

int swap_state_read(const char *agent, struct swap_state *ret, struct err *err)
{
    char path[PATH_MAX];
    char text[SWAP_FILE_MAX + 1];
    size_t len = 0;
    struct stat st;
    int rc = swap_path(agent, ".trial", path, err);
    if (rc != 0)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        *ret = (struct swap_state){.phase = SWAP_NONE};
        return 0;
    }
    if (fd < 0)
        return err_sys(err, errno == ELOOP ? ERR_CORRUPT : ERR_IO, "%s", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = err_set(err, ERR_CORRUPT, "%.200s is not a file", path);
    else
        rc = file_read_all(fd, text, sizeof text, &len, err);
    (void)close(fd);
    if (rc == 0)
        rc = swap_text_parse(text, len, ret, err);
    return rc == 0 ? 0 : err_prefix(err, "%s", path);
}

/* Makes temp with the bytes in it, on disk. What a killed one has left there goes. */
static int write_beside(const char *temp, const char *text, size_t len, struct err *err)
{
    if (unlink(temp) != 0 && errno != ENOENT)
        return err_sys(err, ERR_IO, "remove %s", temp);
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "create %s", temp);
    int rc = file_write_all(fd, text, len, err);
    if (rc == 0 && fsync(fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync %s", temp);
    (void)close(fd);
    if (rc != 0)
        (void)unlink(temp);
    return rc;
}

static int write_trial(const char *agent, const struct swap_state *state, struct err *err)
{
    char path[PATH_MAX];
    char temp[PATH_MAX];
    char text[SWAP_FILE_MAX];
    size_t len;
    int rc = swap_text_format(state, text, &len, err);
    if (rc == 0)
        rc = swap_path(agent, ".trial", path, err);
    if (rc == 0)
        rc = swap_path(agent, ".trial.tmp", temp, err);
    if (rc == 0)
        rc = write_beside(temp, text, len, err);
    if (rc != 0)
        return rc;
    SWAP_STEP(SWAP_STEP_trial_written);
    if (rename(temp, path) != 0)
        return err_sys(err, ERR_IO, "rename %s", temp);
    SWAP_STEP(SWAP_STEP_trial_renamed);
    rc = file_sync_dir_of(path, err);
    if (rc == 0)
        SWAP_STEP(SWAP_STEP_trial_synced);
    return rc;
}

/* --- beginning --- */

/* The caller has synced A.new already; that it is on disk is what all the rest stands on, so it is made sure of. */
static int check_new(const char *agent, struct err *err)
{
    char path[PATH_MAX];
    struct stat st;
    int rc = swap_path(agent, ".new", path, err);
    if (rc != 0)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_INVALID, "%s", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || (st.st_mode & S_IXUSR) == 0)
        rc = err_set(err, ERR_INVALID, "%.200s is not a program", path);
    else if (fsync(fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync %s", path);
    (void)close(fd);
    if (rc == 0)
        SWAP_STEP(SWAP_STEP_new_synced);
    return rc;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;
    return lstat(a, &x) == 0 && lstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A hard link to what runs; a copy where those are not to be had. */
static int keep_backup(const char *agent, struct err *err)
{
    char path[PATH_MAX];
    char temp[PATH_MAX];
    int rc = swap_path(agent, ".backup", path, err);
    if (rc == 0)
        rc = swap_path(agent, ".backup.tmp", temp, err);
    if (rc != 0)
        return rc;
    /* rename(2) of one link onto another of the same file does nothing, and would leave temp. */
    if (!same_file(agent, path)) {
        if (unlink(temp) != 0 && errno != ENOENT)
            return err_sys(err, ERR_IO, "remove %s", temp);
        if (link(agent, temp) != 0)
            rc = likeness_copy(agent, temp, err);
        if (rc != 0)
            return rc;
        SWAP_STEP(SWAP_STEP_backup_linked);
        if (rename(temp, path) != 0)
            return err_sys(err, ERR_IO, "rename %s", temp);
        SWAP_STEP(SWAP_STEP_backup_renamed);
    }
    rc = file_sync_dir_of(path, err);
    if (rc == 0)
        SWAP_STEP(SWAP_STEP_backup_synced);
    return rc;
}

static bool is_launchers(enum swap_phase phase)
{
    return phase == SWAP_TRIAL || phase == SWAP_RESTORED || phase == SWAP_WAITING;
}

/* The state as far as it is the agent's to change. */
static int read_ours(const char *agent, struct swap_state *ret, struct err *err)
{
    int rc = swap_state_read(agent, ret, err);
    if (rc == 0 && is_launchers(ret->phase))
        rc = err_set(err, ERR_CONFLICT, "the launcher has %s on trial", ret->version);
    return rc;
}

int swap_begin(const char *agent, const struct swap_state *start, struct err *err)
{
    struct swap_state there = {.phase = SWAP_NONE};
    struct swap_state state = *start;
    int rc = read_ours(agent, &there, err);
    if (rc == 0)
        rc = check_new(agent, err);
    if (rc == 0)
        rc = keep_backup(agent, err);
    state.phase = SWAP_TRIAL;
    state.starts = 0;
    state.round = 1;
    state.reason[0] = '\0';
    return rc == 0 ? write_trial(agent, &state, err) : rc;
}

/* --- afterwards --- */

static int remove_beside(const char *agent, const char *suffix, struct err *err)
{
    char path[PATH_MAX];
    int rc = swap_path(agent, suffix, path, err);
    if (rc == 0 && unlink(path) != 0 && errno != ENOENT)
        rc = err_sys(err, ERR_IO, "remove %s", path);
    return rc;
}

int swap_clear(const char *agent, struct err *err)
{
    struct swap_state there = {.phase = SWAP_NONE};
    int rc = read_ours(agent, &there, err);
    if (rc != 0 && rc != ERR_CORRUPT)
        return rc;
    rc = remove_beside(agent, ".new", err);
    if (rc == 0) {
        SWAP_STEP(SWAP_STEP_clear_new_removed);
        rc = remove_beside(agent, ".backup", err);
    }
    if (rc == 0)
        rc = remove_beside(agent, ".backup.tmp", err);
    if (rc == 0)
        rc = remove_beside(agent, ".trial.tmp", err);
    if (rc != 0)
        return rc;
    SWAP_STEP(SWAP_STEP_clear_backup_removed);
    rc = file_sync_dir_of(agent, err);
    if (rc != 0)
        return rc;
    SWAP_STEP(SWAP_STEP_clear_synced);
    rc = remove_beside(agent, ".trial", err);
    if (rc != 0)
        return rc;
    SWAP_STEP(SWAP_STEP_clear_trial_removed);
    rc = file_sync_dir_of(agent, err);
    if (rc == 0)
        SWAP_STEP(SWAP_STEP_clear_trial_synced);
    return rc;
}
