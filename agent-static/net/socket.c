#include "net/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

static int64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

int socket_wait(int fd, short events, const struct socket_limits *limits, short *ret_events, struct err *err)
{
    int64_t end_ms = now_ms() + limits->io_ms;
    if (limits->deadline_ms < end_ms)
        end_ms = limits->deadline_ms;
    for (;;) {
        int64_t left_ms = end_ms - now_ms();
        struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = limits->cancel_fd, .events = POLLIN}};
        int n = poll(fds, 2, left_ms > 0 ? (int)left_ms : 0);
        if (n < 0 && errno != EINTR)
            return err_sys(err, ERR_IO, "poll");
        if (n > 0 && fds[1].revents != 0)
            return err_set(err, ERR_UNAVAILABLE, "stopped while waiting for the network");
        if (n > 0 && fds[0].revents != 0) {
            *ret_events = fds[0].revents;
            return 0;
        }
        if (n == 0 || left_ms <= 0)
            return err_set(err, ERR_TIMEOUT, "timed out");
    }
}

static int look_up(const char *host, const char *port, struct addrinfo **ret, struct err *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int rc = getaddrinfo(host, port, &hints, ret);
    if (rc == 0)
        return 0;
    return err_set(err, ERR_UNAVAILABLE, "%.200s: %s", host, rc == EAI_NONAME ? "no such host name" : gai_strerror(rc));
}

/* Keep-alive, so that a dead peer does not leave a half-open connection forever, and no waiting for more to send. */
static void tune(int fd)
{
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int connect_one(const struct addrinfo *address, const struct socket_limits *limits, int *ret_fd, struct err *err)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0)
        return err_sys(err, ERR_UNAVAILABLE, "socket");
    int rc = 0;
    int status = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (status == EINPROGRESS) {
        short events;
        rc = socket_wait(fd, POLLOUT, limits, &events, err);
        socklen_t len = sizeof status;
        if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &len) != 0)
            status = errno;
    }
    if (rc == 0 && status != 0)
        rc = err_set(err, ERR_UNAVAILABLE, "%s", strerror(status));
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    tune(fd);
    *ret_fd = fd;
    return 0;
}

/* The time that is left is shared evenly by the addresses that are left: one that swallows packets costs its share. */
int socket_connect(const char *host, const char *port, int connect_ms, const struct socket_limits *limits, int *ret_fd,
                   struct err *err)
{
    struct addrinfo *list = NULL;
    int rc = look_up(host, port, &list, err);
    if (rc != 0)
        return rc;
    int left = 0;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        left++;
    int64_t end_ms = now_ms() + connect_ms;
    if (limits->deadline_ms < end_ms)
        end_ms = limits->deadline_ms;
    rc = err_set(err, ERR_UNAVAILABLE, "no address");
    for (const struct addrinfo *a = list; a != NULL && rc != 0; a = a->ai_next, left--) {
        struct socket_limits share = *limits;
        share.deadline_ms = now_ms() + (end_ms - now_ms()) / left;
        share.io_ms = connect_ms;
        rc = connect_one(a, &share, ret_fd, err);
    }
    freeaddrinfo(list);
    if (rc != 0)
        (void)err_prefix(err, "connecting to %.200s port %s", host, port);
    return rc;
}
