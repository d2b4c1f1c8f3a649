/* muster-launcher: the permanent parent of muster-agent.
 *
 *     muster-launcher [--config FILE] [--agent PATH]
 *
 * Starts the agent, listens for its signs of life, and starts it again when it crashes or hangs. Passes SIGTERM, SIGINT
 * and SIGHUP on, and waits for it to go. As process 1 of a container it also collects orphans. It is changed only by a
 * package, never by an update, so it does little: no network, no JSON, no heap, no code shared with the agent.
 *
 * Exit codes: 0 stopped as asked; 2 misuse, or the agent says that its configuration is bad: starting it again would
 * not help; 1 the agent had to be killed when stopping. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rules.h"

enum { EXIT_STOPPED = 0, EXIT_KILLED = 1, EXIT_MISUSE = 2, EXIT_NOT_STARTED = 127, ARGS_MAX = 8 };

struct launcher {
    const char *agent_path;
    const char *config_path; /* NULL: the agent decides */
    int signal_fd;
    sigset_t original_mask;
    pid_t pid;   /* 0: no agent runs */
    int pipe_fd; /* its signs of life; -1: none */
    struct rules_reader reader;
    int64_t started_ms;
    int64_t last_sign_ms;
    int64_t wait_ms;   /* of rules_restart_wait */
    int64_t due_ms;    /* when the agent is started again */
    bool acknowledged; /* since it was started */
    bool silent;       /* killed because it hung */
    bool stopping;
    int64_t kill_ms; /* when stopping: the end of patience */
};

/* CLOCK_MONOTONIC: a host that slept must not find its agent silent. */
static int64_t now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

__attribute__((format(printf, 2, 3))) static void say(const char *level, const char *fmt, ...)
{
    char line[512];
    struct timespec t = {0};
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    size_t len = 0;
    if (gmtime_r(&t.tv_sec, &utc) != NULL)
        len = strftime(line, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(line + len, sizeof line - len, ".%03dZ %-7s launcher: ", (int)(t.tv_nsec / 1000000), level);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line + len, sizeof line - len - 1, fmt, args);
    va_end(args);
    len = strlen(line);
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        errno = 0; /* nowhere to report it */
}

/* --- starting --- */

static _Noreturn void become_agent(const struct launcher *l, int watchdog_fd, pid_t parent)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%d", watchdog_fd);
    /* execv(2) takes pointers to char for reasons of history; it writes nothing. */
    union {
        const char *mine[ARGS_MAX];
        char *execs[ARGS_MAX];
    } args = {.mine = {"muster-agent", "run", "--watchdog-fd", number}};
    if (l->config_path != NULL) {
        args.mine[4] = "--config";
        args.mine[5] = l->config_path;
    }
    (void)sigprocmask(SIG_SETMASK, &l->original_mask, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        (void)execv(l->agent_path, args.execs);
    say("error", "cannot start %s: %s", l->agent_path, strerror(errno));
    _exit(EXIT_NOT_STARTED);
}

static void plan_restart(struct launcher *l)
{
    l->due_ms = now_ms() + rules_restart_wait(&l->wait_ms, now_ms() - l->started_ms);
    say("info", "starting it again in %lld s", (long long)(l->wait_ms / 1000));
}

static void start_agent(struct launcher *l)
{
    int ends[2];
    l->started_ms = now_ms();
    l->last_sign_ms = l->started_ms;
    l->acknowledged = false;
    l->silent = false;
    l->reader = (struct rules_reader){.len = 0};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        say("error", "pipe: %s", strerror(errno));
        plan_restart(l);
        return;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        (void)fcntl(ends[1], F_SETFD, 0);
        become_agent(l, ends[1], parent);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        say("error", "fork: %s", strerror(errno));
        plan_restart(l);
        return;
    }
    l->pid = pid;
    l->pipe_fd = ends[0];
    say("info", "starting %s as process %d", l->agent_path, (int)pid);
}

/* --- watching --- */

static void take_signs(struct launcher *l)
{
    char bytes[256];
    ssize_t n;
    while ((n = read(l->pipe_fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            uint64_t number;
            enum rules_word word = rules_read(&l->reader, bytes[i], &number);
            if (word == RULES_NONE || word == RULES_UNKNOWN)
                continue;
            l->last_sign_ms = now_ms();
            if (word == RULES_ACKNOWLEDGED && !l->acknowledged) {
                l->acknowledged = true;
                say("info", "the server has acknowledged the agent");
            }
        }
    }
    if (n == 0) { /* the agent closed its end: it is about to be collected */
        (void)close(l->pipe_fd);
        l->pipe_fd = -1;
    }
}

static void check_silence(struct launcher *l)
{
    if (l->pid == 0 || l->silent || !rules_is_silent(l->last_sign_ms, now_ms()))
        return;
    say("error", "no sign of life from process %d for %d s: killing it", (int)l->pid, RULES_SILENCE_MS / 1000);
    l->silent = true;
    (void)kill(l->pid, SIGKILL);
}

/* The agent has ended. Returns an exit code for the launcher, or -1 to go on. */
static int agent_ended(struct launcher *l, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code >= 0)
        say(l->stopping && code == 0 ? "info" : "warning", "process %d ended with exit code %d", (int)l->pid, code);
    else
        say("warning", "process %d was ended by signal %d", (int)l->pid, WTERMSIG(status));
    l->pid = 0;
    if (l->pipe_fd >= 0)
        (void)close(l->pipe_fd);
    l->pipe_fd = -1;
    if (l->stopping)
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? EXIT_KILLED : EXIT_STOPPED;
    if (code == EXIT_MISUSE) {
        say("error", "the agent's configuration is bad; starting it again would not help");
        return EXIT_MISUSE;
    }
    plan_restart(l);
    return -1;
}

/* Collects the agent and, as process 1, everybody else's orphans. */
static int collect(struct launcher *l)
{
    int status;
    pid_t pid;
    int exit_code = -1;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == l->pid)
            exit_code = agent_ended(l, status);
    return exit_code;
}

static void begin_stop(struct launcher *l, int signal)
{
    if (!l->stopping)
        l->kill_ms = now_ms() + RULES_FAREWELL_MS;
    l->stopping = true;
    if (l->pid != 0)
        (void)kill(l->pid, signal);
}

/* Returns an exit code, or -1 to go on. */
static int take_signals(struct launcher *l)
{
    struct signalfd_siginfo info;
    int exit_code = -1;
    while (read(l->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            int code = collect(l);
            exit_code = code >= 0 ? code : exit_code;
        } else if (info.ssi_signo == SIGHUP) {
            if (l->pid != 0)
                (void)kill(l->pid, SIGHUP);
        } else {
            begin_stop(l, (int)info.ssi_signo);
        }
    }
    if (exit_code < 0 && l->stopping && l->pid == 0)
        exit_code = EXIT_STOPPED;
    return exit_code;
}

static int next_timeout(const struct launcher *l)
{
    int64_t at_ms = l->stopping ? l->kill_ms : l->pid == 0 ? l->due_ms : l->last_sign_ms + RULES_SILENCE_MS;
    int64_t left_ms = at_ms - now_ms();
    if (l->silent && left_ms < 1000)
        left_ms = 1000; /* killed already; it will be collected */
    return left_ms <= 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

static int watch(struct launcher *l)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = l->signal_fd, .events = POLLIN}, {.fd = l->pipe_fd, .events = POLLIN}};
        (void)poll(fds, 2, next_timeout(l));
        if (fds[1].revents != 0 && l->pipe_fd >= 0)
            take_signs(l);
        int exit_code = take_signals(l);
        if (exit_code >= 0)
            return exit_code;
        if (l->stopping && l->pid != 0 && now_ms() >= l->kill_ms) {
            say("error", "process %d does not stop: killing it", (int)l->pid);
            (void)kill(l->pid, SIGKILL);
            l->kill_ms = now_ms() + RULES_FAREWELL_MS;
        }
        if (!l->stopping) {
            check_silence(l);
            if (l->pid == 0 && now_ms() >= l->due_ms)
                start_agent(l);
        }
    }
}

/* --- the command line --- */

static int usage(FILE *out)
{
    (void)fprintf(out, "muster-launcher: starts muster-agent, watches it, and starts it again\n\n"
                       "Usage: muster-launcher [OPTION…]\n\nOptions:\n"
                       "  --config FILE   passed on to the agent\n"
                       "  --agent PATH    the agent [muster-agent beside the launcher]\n"
                       "  --help          show this help\n"
                       "  --version       print the version\n");
    return out == stdout ? 0 : EXIT_MISUSE;
}

/* "muster-agent" in the directory of our own program. */
static int default_agent(char ret[PATH_MAX])
{
    static const char name[] = "muster-agent";
    ssize_t len = readlink("/proc/self/exe", ret, PATH_MAX - sizeof name);
    if (len <= 0)
        return -1;
    ret[len] = '\0';
    char *slash = strrchr(ret, '/');
    if (slash == NULL)
        return -1;
    memcpy(slash + 1, name, sizeof name);
    return 0;
}

/* Whether args[0] is this option, as "--name=value" or with its value in args[1]. Returns how many words that took. */
static int take_option(const char *name, char *const args[], int count, const char **ret)
{
    size_t len = strlen(name);
    if (strncmp(args[0], name, len) != 0)
        return 0;
    if (args[0][len] == '=') {
        *ret = args[0] + len + 1;
        return 1;
    }
    if (args[0][len] != '\0' || count < 2)
        return 0;
    *ret = args[1];
    return 2;
}

/* Returns an exit code, or -1 to go on. */
static int parse_arguments(struct launcher *l, int argc, char **argv)
{
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "--version") == 0) {
            (void)printf("muster-launcher %s\n", MUSTER_VERSION);
            return 0;
        }
        int words = take_option("--config", argv + i, argc - i, &l->config_path);
        if (words == 0)
            words = take_option("--agent", argv + i, argc - i, &l->agent_path);
        if (words == 0) {
            (void)fprintf(stderr, "muster-launcher: %s: unknown, or its value is missing\n\n", argv[i]);
            return usage(stderr);
        }
        i += words;
    }
    return -1;
}

static int block_signals(struct launcher *l)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, &l->original_mask) != 0)
        return -1;
    l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return l->signal_fd < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    char agent_path[PATH_MAX];
    struct launcher l = {.signal_fd = -1, .pipe_fd = -1};
    int exit_code = parse_arguments(&l, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    if (l.agent_path == NULL) {
        if (default_agent(agent_path) != 0) {
            say("error", "cannot tell where muster-agent is: give --agent");
            return EXIT_MISUSE;
        }
        l.agent_path = agent_path;
    }
    if (access(l.agent_path, X_OK) != 0) {
        say("error", "%s: %s", l.agent_path, strerror(errno));
        return EXIT_MISUSE;
    }
    if (block_signals(&l) != 0) {
        say("error", "signals: %s", strerror(errno));
        return EXIT_MISUSE;
    }
    l.due_ms = now_ms();
    return watch(&l);
}
