#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/jsonread.h"
#include "poll/eventlog.h"
#include "poll/signals.h"
#include "settings.h"
#include "update/selftest.h"

enum { OUTPUT_MAX = 8 * 1024, EXIT_NOT_STARTED = 126, FIRST_FD = 3, LOOK_MS = 20, ENV_MAX = 64, FDS_MAX = 1024 };

/* What the child says: its JSON, and what it complains of. */
struct capture {
    int fd; /* -1: ended */
    size_t len;
    char data[OUTPUT_MAX + 1]; /* kept as a string */
};

struct trial {
    pid_t pid;
    struct capture out, complaints;
    int status; /* of waitpid */
};

/* --- the child ---------------------------------------------------------------------------------------------------- */

/* Our configuration may come from the environment, and its configuration is what the new one must understand. Nothing
 * else is handed on. The strings are the caller's to free. */
static bool make_environment(char *ret[ENV_MAX])
{
    size_t n = 0;
    for (size_t i = 0; settings_key(i) != NULL; i++) {
        const char *value = getenv(settings_key(i));
        if (value == NULL)
            continue;
        if (n == ENV_MAX - 1 || asprintf(&ret[n], "%s=%s", settings_key(i), value) < 0) {
            ret[n] = NULL;
            return false;
        }
        n++;
    }
    ret[n] = NULL;
    return true;
}

static void free_environment(char *env[ENV_MAX])
{
    for (size_t i = 0; i < ENV_MAX && env[i] != NULL; i++)
        free(env[i]);
}

static void close_others(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, FIRST_FD, ~0U, 0) == 0)
        return;
#endif
    for (int fd = FIRST_FD; fd < FDS_MAX; fd++) /* before Linux 5.9; ours are closed on exec anyway */
        (void)close(fd);
}

/* Between fork and exec; never returns. */
static _Noreturn void become(const struct selftest *s, char *env[], int out, int complaints)
{
    const char *args[] = {"muster-agent", "selftest", "--json", s->config_path != NULL ? "--config" : NULL,
                          s->config_path, NULL};
    char *argv[sizeof args / sizeof args[0]]; /* execve changes none of them, but its prototype does not say so */
    memcpy(argv, args, sizeof argv);
    (void)setpgid(0, 0);
    signals_unblock();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(complaints, STDERR_FILENO) < 0 || chdir("/") != 0)
        _exit(EXIT_NOT_STARTED);
    close_others();
    (void)execve(s->path, argv, env);
    (void)dprintf(STDERR_FILENO, "%s", strerror(errno));
    _exit(EXIT_NOT_STARTED);
}

static int start(const struct selftest *s, struct trial *t, struct err *err)
{
    char *env[ENV_MAX] = {NULL};
    int out[2] = {-1, -1}, complaints[2] = {-1, -1};
    int rc = 0;
    if (!make_environment(env))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else if (pipe2(out, O_CLOEXEC) != 0 || pipe2(complaints, O_CLOEXEC) != 0)
        rc = err_sys(err, ERR_IO, "pipe");
    else if ((t->pid = fork()) < 0)
        rc = err_sys(err, ERR_UNAVAILABLE, "fork");
    else if (t->pid == 0)
        become(s, env, out[1], complaints[1]);
    free_environment(env);
    (void)close(out[1]);
    (void)close(complaints[1]);
    t->out.fd = out[0];
    t->complaints.fd = complaints[0];
    return rc;
}

/* --- watching it -------------------------------------------------------------------------------------------------- */

static void capture_end(struct capture *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

/* False: more than it may say. */
static bool capture_read(struct capture *c)
{
    ssize_t n = read(c->fd, c->data + c->len, OUTPUT_MAX - c->len);
    if (n < 0 && errno == EINTR)
        return true;
    if (n > 0)
        c->len += (size_t)n;
    else
        capture_end(c);
    c->data[c->len] = '\0';
    return c->len < OUTPUT_MAX;
}

/* Until it has ended. */
static int watch(struct trial *t, int64_t end_ms, struct err *err)
{
    for (;;) {
        if (waitpid(t->pid, &t->status, WNOHANG) == t->pid) {
            t->pid = 0;
            return 0;
        }
        int64_t left_ms = end_ms - clock_monotonic_ms(clock_system());
        if (left_ms <= 0)
            return err_set(err, ERR_TIMEOUT, "it did not end in time");
        struct pollfd fds[2] = {{.fd = t->out.fd, .events = POLLIN}, {.fd = t->complaints.fd, .events = POLLIN}};
        bool silent = t->out.fd < 0 && t->complaints.fd < 0; /* about to end, most likely */
        if (poll(fds, 2, silent || left_ms > INT32_MAX ? LOOK_MS : (int)left_ms) < 0 && errno != EINTR)
            return err_sys(err, ERR_IO, "poll");
        if ((fds[0].revents != 0 && !capture_read(&t->out)) || (fds[1].revents != 0 && !capture_read(&t->complaints)))
            return err_set(err, ERR_INVALID, "it said more than a self-test has to say");
    }
}

/* What was said before the end may still be in the pipes; nobody is left to add to it. */
static void drain(struct capture *c)
{
    while (c->fd >= 0 && capture_read(c))
        ;
    capture_end(c);
}

static void finish(struct trial *t)
{
    if (t->pid > 0) {
        (void)kill(-t->pid, SIGKILL);
        (void)kill(t->pid, SIGKILL); /* before it had its group */
        while (waitpid(t->pid, &t->status, 0) < 0 && errno == EINTR)
            ;
    }
    capture_end(&t->out);
    capture_end(&t->complaints);
}

/* --- judging it --------------------------------------------------------------------------------------------------- */

/* The last line of what it complained of. */
static const char *last_words(struct capture *c)
{
    while (c->len > 0 && c->data[c->len - 1] == '\n')
        c->data[--c->len] = '\0';
    const char *lf = strrchr(c->data, '\n');
    return lf != NULL ? lf + 1 : c->data;
}

static int judge_report(const json_t *report, const struct selftest *s, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    const json_t *formats = NULL;
    jsonread_init(&r, report, &wrong);
    const char *version = jsonread_str(&r, "version", 1, 64);
    bool ok = jsonread_bool_or(&r, "ok", false);
    const char *why = jsonread_str_or(&r, "error", 1, 400, "it does not say why");
    (void)jsonread_array(&r, "eventlog", 2, 2, &formats);
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "its report is not understood: %.100s %.100s", wrong.pointer, wrong.reason);
    if (!ok)
        return err_set(err, ERR_INVALID, "%.280s", why);
    if (strcmp(version, s->version) != 0)
        return err_set(err, ERR_INVALID, "it is version %.64s, not %.64s", version, s->version);
    json_int_t oldest = json_integer_value(json_array_get(formats, 0));
    json_int_t newest = json_integer_value(json_array_get(formats, 1));
    if (oldest > EVENTLOG_FORMAT_NEWEST || newest < EVENTLOG_FORMAT_NEWEST)
        return err_set(err, ERR_INVALID, "it does not read the event log's format %d", (int)EVENTLOG_FORMAT_NEWEST);
    return 0;
}

static int judge(struct trial *t, const struct selftest *s, struct err *err)
{
    const char *words = last_words(&t->complaints);
    if (WIFSIGNALED(t->status))
        return err_set(err, ERR_INVALID, "it crashed: signal %d %.200s", WTERMSIG(t->status), words);
    if (WEXITSTATUS(t->status) == EXIT_NOT_STARTED)
        return err_set(err, ERR_DENIED, "it cannot be executed: %.200s", words);
    struct err unread;
    json_t *report = jsonread_parse((struct span){.ptr = t->out.data, .len = t->out.len}, &unread);
    int rc;
    if (report == NULL)
        rc = err_set(err, ERR_INVALID, "it ended with code %d %.200s", WEXITSTATUS(t->status), words);
    else
        rc = judge_report(report, s, err);
    if (rc == 0 && WEXITSTATUS(t->status) != 0)
        rc = err_set(err, ERR_INVALID, "it ended with code %d %.200s", WEXITSTATUS(t->status), words);
    json_decref(report);
    return rc;
}

int selftest_run(const struct selftest *s, struct err *err)
{
    struct trial *t = calloc(1, sizeof *t); /* 16 KiB: not for a stack */
    if (t == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->out.fd = t->complaints.fd = -1;
    int64_t timeout_ms = s->timeout_ms > 0 ? s->timeout_ms : SELFTEST_TIMEOUT_MS;
    int64_t end_ms = clock_monotonic_ms(clock_system()) + timeout_ms;
    int rc = start(s, t, err);
    if (rc == 0)
        rc = watch(t, end_ms, err);
    if (rc == 0) {
        drain(&t->out);
        drain(&t->complaints);
        rc = judge(t, s, err);
    }
    finish(t);
    free(t);
    return rc != 0 ? err_prefix(err, "self-test of the new binary") : 0;
}
