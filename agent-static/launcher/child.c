#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "copy.h"
#include "say.h"

enum { ARGS_MAX = 8, TURNS = 16, ALL_TURNS = 64 }; /* a pipe holds 16 pages */

struct pipes {
    int sign[2];
    int errors[2];
};

int64_t child_now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void child_init(struct child *c)
{
    *c = (struct child){.sign_fd = -1, .relay_fd = -1};
}

/* --- starting --- */

static void close_pipes(struct pipes *p)
{
    for (int i = 0; i < 2; i++) {
        close_fd(&p->sign[i]);
        close_fd(&p->errors[i]);
    }
}

/* The agent's end of its standard error blocks, as it would anywhere. */
static bool open_pipes(struct pipes *p, bool on_trial)
{
    *p = (struct pipes){.sign = {-1, -1}, .errors = {-1, -1}};
    if (pipe2(p->sign, O_CLOEXEC | O_NONBLOCK) == 0 &&
        (!on_trial || (pipe2(p->errors, O_CLOEXEC) == 0 && fcntl(p->errors[0], F_SETFL, O_NONBLOCK) == 0)))
        return true;
    say("error", "pipe: %s", strerror(errno));
    close_pipes(p);
    return false;
}

static _Noreturn void become_agent(const struct child_options *o, const struct pipes *p, pid_t parent)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%d", p->sign[1]);
    /* execv(2) takes pointers to char for reasons of history; it writes nothing. */
    union {
        const char *mine[ARGS_MAX];
        char *execs[ARGS_MAX];
    } args = {.mine = {"muster-agent", "run", "--watchdog-fd", number}};
    if (o->config != NULL) {
        args.mine[4] = "--config";
        args.mine[5] = o->config;
    }
    (void)fcntl(p->sign[1], F_SETFD, 0);
    if (p->errors[1] >= 0)
        (void)dup2(p->errors[1], STDERR_FILENO);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, o->mask, NULL);
    (void)prctl(PR_SET_PDEATHSIG, o->on_trial ? SIGKILL : SIGTERM);
    if (getppid() == parent)
        (void)execv(o->agent, args.execs);
    say("error", "cannot start %s: %s", o->agent, strerror(errno));
    _exit(RULES_EXIT_NOT_STARTED);
}

bool child_start(struct child *c, const struct child_options *o)
{
    struct pipes p;
    if (!open_pipes(&p, o->on_trial))
        return false;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become_agent(o, &p, parent);
    if (pid < 0) {
        say("error", "fork: %s", strerror(errno));
        close_pipes(&p);
        return false;
    }
    close_fd(&p.sign[1]);
    close_fd(&p.errors[1]);
    close_fd(&c->relay_fd); /* of the one before, if its children still hold it */
    int64_t now_ms = child_now_ms();
    *c = (struct child){
        .pid = pid, .sign_fd = p.sign[0], .relay_fd = p.errors[0], .started_ms = now_ms, .sign_ms = now_ms};
    say("info", "starting %s as process %d", o->agent, (int)pid);
    return true;
}

/* --- listening --- */

void child_listen(struct child *c, child_heard_fn *heard, void *ctx)
{
    char bytes[256];
    ssize_t n = 1;
    for (int turn = 0; turn < TURNS && (n = read(c->sign_fd, bytes, sizeof bytes)) > 0; turn++) {
        for (ssize_t i = 0; i < n; i++) {
            struct rules_replayed replayed = {.seq = 0};
            enum rules_word word = rules_read(&c->reader, bytes[i], &replayed);
            if (word == RULES_NONE || word == RULES_UNKNOWN)
                continue;
            c->sign_ms = child_now_ms();
            heard(ctx, word, &replayed);
        }
    }
    if (n == 0) /* it closed its end: it is about to be collected */
        close_fd(&c->sign_fd);
}

void child_relay(struct child *c, struct evidence *e, bool all)
{
    char bytes[4096];
    ssize_t n = 1;
    for (int turn = 0; c->relay_fd >= 0 && turn < (all ? ALL_TURNS : TURNS); turn++) {
        n = read(c->relay_fd, bytes, sizeof bytes);
        if (n <= 0)
            break;
        evidence_add(e, bytes, (size_t)n);
        if (!copy_write(STDERR_FILENO, bytes, (size_t)n))
            errno = 0; /* nowhere to report it */
    }
    if (n == 0)
        close_fd(&c->relay_fd);
}

void child_ended(struct child *c)
{
    c->pid = 0;
    c->silent = false;
    close_fd(&c->sign_fd);
}
