#include "poll/signals.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_init(struct signals *s, struct err *err)
{
    sigset_t stop;
    sigset_t other;
    *s = (struct signals){.stop_fd = -1, .other_fd = -1};
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)sigemptyset(&other);
    (void)sigaddset(&other, SIGHUP);
    (void)sigaddset(&other, SIGCHLD);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0 || sigprocmask(SIG_BLOCK, &other, NULL) != 0)
        return err_sys(err, ERR_IO, "sigprocmask");
    s->stop_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    s->other_fd = signalfd(-1, &other, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->stop_fd >= 0 && s->other_fd >= 0)
        return 0;
    int rc = err_sys(err, ERR_IO, "signalfd");
    signals_done(s);
    return rc;
}

void signals_done(struct signals *s)
{
    if (s->stop_fd >= 0)
        (void)close(s->stop_fd);
    if (s->other_fd >= 0)
        (void)close(s->other_fd);
    *s = (struct signals){.stop_fd = -1, .other_fd = -1};
}

void signals_unblock(void)
{
    sigset_t none;
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

bool signals_stopping(const struct signals *s)
{
    struct pollfd fd = {.fd = s->stop_fd, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

struct signals_seen signals_wait(const struct signals *s, int64_t timeout_ms)
{
    struct signals_seen seen = {.stop = false};
    struct pollfd fds[2] = {{.fd = s->stop_fd, .events = POLLIN}, {.fd = s->other_fd, .events = POLLIN}};
    int wait_ms = timeout_ms < 0 ? 0 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    if (poll(fds, 2, wait_ms) <= 0)
        return seen;
    struct signalfd_siginfo info;
    seen.stop = fds[0].revents != 0;
    while (read(s->other_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        seen.reload = seen.reload || info.ssi_signo == SIGHUP;
        seen.child = seen.child || info.ssi_signo == SIGCHLD;
    }
    return seen;
}
