#include "backup/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cursor.h"
#include "common/file.h"

enum { POLL_MS = 20, TICK_MS = 1000, ENVIRONMENT = 6, CANNOT_RUN = 127 };

/* --- the file ---------------------------------------------------------------------------------------------------- */

/* Takes a word off the line. */
static bool take_word(struct cursor *c, struct span *ret)
{
    do {
        if (!cursor_field(c, ' ', ret))
            return false;
    } while (ret->len == 0);
    return true;
}

static int read_hook(struct cursor *c, struct arena *arena, struct hook *ret, struct err *err)
{
    struct hook h = {.name = ret->name};
    struct span word;
    struct cursor digits;
    uint64_t timeout = 0;
    size_t count = 0;
    if (!take_word(c, &word))
        return err_set(err, ERR_DENIED, "hook %s has no time-out", ret->name);
    cursor_init(&digits, word);
    if (!cursor_uint(&digits, HOOKS_TIMEOUT_MAX_S, &timeout) || !cursor_done(&digits) || timeout == 0)
        return err_set(err, ERR_DENIED, "hook %s needs a time-out of 1 to %d seconds", ret->name, HOOKS_TIMEOUT_MAX_S);
    while (take_word(c, &word)) {
        if (count == HOOKS_ARGUMENTS_MAX)
            return err_set(err, ERR_DENIED, "hook %s has more than %d arguments", ret->name, HOOKS_ARGUMENTS_MAX - 1);
        h.argv[count] = arena_strndup(arena, word.ptr, word.len);
        if (h.argv[count++] == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (count == 0 || h.argv[0][0] != '/')
        return err_set(err, ERR_DENIED, "hook %s needs the absolute path of a program", ret->name);
    h.timeout_s = (int)timeout;
    *ret = h;
    return 0;
}

int hooks_parse(const char *text, const char *name, struct arena *arena, struct hook *ret, struct err *err)
{
    struct cursor lines;
    struct span line, word;
    cursor_init(&lines, span_of(text));
    while (cursor_line(&lines, &line)) {
        struct cursor c;
        if (line.len > 0 && line.ptr[0] == '#')
            continue;
        cursor_init(&c, line);
        if (!take_word(&c, &word) || !span_equal(word, name))
            continue;
        ret->name = arena_strndup(arena, word.ptr, word.len);
        return ret->name == NULL ? err_set(err, ERR_NOMEM, "out of memory") : read_hook(&c, arena, ret, err);
    }
    return err_set(err, ERR_DENIED, "this host has no hook \"%.64s\"", name);
}

/* Root's or ours, and nobody else may change it. */
static int check_owner(const char *path, const struct stat *st, struct err *err)
{
    bool good = S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid()) &&
                (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
    return good ? 0 : err_set(err, ERR_DENIED, "%.200s must be a file that only root or the agent can write to", path);
}

static int read_file(const char *path, char **ret, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            (void)close(fd);
        (void)err_sys(err, ERR_DENIED, "%s", path);
        return ERR_DENIED;
    }
    int rc = check_owner(path, &st, err);
    char *text = rc == 0 ? malloc(HOOKS_FILE_MAX + 1) : NULL;
    size_t len = 0;
    if (rc == 0 && text == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        rc = file_read_all(fd, text, HOOKS_FILE_MAX + 1, &len, err);
    if (rc == 0 && len > HOOKS_FILE_MAX)
        rc = err_set(err, ERR_DENIED, "%s is larger than %d bytes", path, HOOKS_FILE_MAX);
    (void)close(fd);
    if (rc != 0) {
        free(text);
        return rc;
    }
    text[len] = '\0';
    *ret = text;
    return 0;
}

int hooks_find(const struct agent *agent, const char *name, struct arena *arena, struct hook *ret, struct err *err)
{
    const char *path = config_text(agent->config, "HOOKS");
    char *text = NULL;
    struct stat st;
    if (path == NULL || path[0] == '\0')
        return err_set(err, ERR_DENIED, "this host has no hooks: HOOKS of agent.conf is not set");
    int rc = read_file(path, &text, err);
    if (rc == 0)
        rc = hooks_parse(text, name, arena, ret, err);
    free(text);
    if (rc != 0)
        return rc;
    if (stat(ret->argv[0], &st) != 0)
        return err_sys(err, ERR_DENIED, "hook %s: %s", ret->name, ret->argv[0]);
    return check_owner(ret->argv[0], &st, err);
}

/* --- running ----------------------------------------------------------------------------------------------------- */

static void set(char **slot, char *text, size_t size, const char *name, const char *value)
{
    (void)snprintf(text, size, "%s=%s", name, value);
    *slot = text;
}

/* In the child: never returns. */
static void become(const struct hook_run *run)
{
    static char text[ENVIRONMENT][128];
    char *environment[ENVIRONMENT + 1] = {NULL};
    size_t n = 0;
    sigset_t none;
    set(&environment[n], text[n], sizeof text[n], "PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), n++;
    set(&environment[n], text[n], sizeof text[n], "MUSTER_HOOK", run->hook->name), n++;
    set(&environment[n], text[n], sizeof text[n], "MUSTER_WHEN", run->status == NULL ? "before" : "after"), n++;
    set(&environment[n], text[n], sizeof text[n], "MUSTER_CONFIG_ID", run->config_id), n++;
    set(&environment[n], text[n], sizeof text[n], "MUSTER_RUN_ID", run->run_id), n++;
    if (run->status != NULL)
        set(&environment[n], text[n], sizeof text[n], "MUSTER_STATUS", run->status);
    (void)setpgid(0, 0);
    for (int s = 1; s < NSIG; s++)
        (void)signal(s, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int nothing = open("/dev/null", O_RDWR);
    if (nothing >= 0)
        (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* ours may carry JSON */
    (void)syscall(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, 0);
    if (chdir("/") == 0)
        (void)execve(run->hook->argv[0], run->hook->argv, environment);
    _exit(CANNOT_RUN);
}

static int judge(const char *name, int status, struct err *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
        return err_set(err, ERR_INVALID, "hook %s could not be run, or ended with 127", name);
    if (WIFEXITED(status))
        return err_set(err, ERR_INVALID, "hook %s ended with exit code %d", name, WEXITSTATUS(status));
    return err_set(err, ERR_INVALID, "hook %s was ended by signal %d", name, WTERMSIG(status));
}

static void nap(void)
{
    const struct timespec t = {.tv_nsec = POLL_MS * 1000000L};
    (void)nanosleep(&t, NULL);
}

/* Waits for its end, its time or a tick's objection. *ret_status is set only when it ended by itself. */
static int wait_for(const struct agent *agent, const struct hook_run *run, pid_t pid, int *ret_status, struct err *err)
{
    int64_t now = clock_monotonic_ms(agent->clock);
    int64_t timeout_ms = (int64_t)run->hook->timeout_s * 1000;
    if (run->timeout_ms > 0 && run->timeout_ms < timeout_ms)
        timeout_ms = run->timeout_ms;
    int64_t end_ms = now + timeout_ms, tick_ms = now + TICK_MS;
    for (;; now = clock_monotonic_ms(agent->clock)) {
        pid_t done = waitpid(pid, ret_status, WNOHANG);
        if (done == pid)
            return 0;
        if (done < 0 && errno != EINTR)
            return err_sys(err, ERR_IO, "wait for hook %s", run->hook->name);
        if (now >= end_ms)
            return err_set(err, ERR_TIMEOUT, "hook %s took longer than %lld s", run->hook->name,
                           (long long)timeout_ms / 1000);
        if (run->tick != NULL && now >= tick_ms) {
            int rc = run->tick(run->ctx, err);
            if (rc != 0)
                return rc;
            tick_ms = now + TICK_MS;
        }
        nap();
    }
}

int hooks_run(const struct agent *agent, const struct hook_run *run, struct err *err)
{
    int status = 0;
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(err, ERR_NOMEM, "fork");
    if (pid == 0)
        become(run);
    (void)setpgid(pid, pid); /* whichever of the two comes first */
    int rc = wait_for(agent, run, pid, &status, err);
    (void)kill(-pid, SIGKILL); /* also what it left behind */
    if (rc != 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        return rc;
    }
    return judge(run->hook->name, status, err);
}
