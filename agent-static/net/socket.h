/* socket.h: TCP connections that never wait longer than they were told to.
 *
 * Sockets are non-blocking; every wait goes through socket_wait, which also hears the cancel descriptor (a signalfd of
 * SIGTERM, say), so that a slow server cannot hold up our own end. */
#ifndef MUSTER_AGENT_NET_SOCKET_H
#define MUSTER_AGENT_NET_SOCKET_H

#include <stdint.h>

#include "common/err.h"

struct socket_limits {
    int64_t deadline_ms; /* of clock_monotonic_ms(clock_system()); INT64_MAX: none */
    int io_ms;           /* the longest single wait */
    int cancel_fd;       /* readable: give up; -1: none */
};

/* Tries every address of host in turn, for connect_ms in all. The descriptor is non-blocking and closed on exec.
 * ERR_UNAVAILABLE (no such name, refused), ERR_TIMEOUT. */
int socket_connect(const char *host, const char *port, int connect_ms, const struct socket_limits *limits, int *ret_fd,
                   struct err *err) MUSTER_NODISCARD;

/* Waits until fd is ready for events (POLLIN, POLLOUT); *ret_events says for which. ERR_TIMEOUT; ERR_UNAVAILABLE when
 * cancelled. */
int socket_wait(int fd, short events, const struct socket_limits *limits, short *ret_events,
                struct err *err) MUSTER_NODISCARD;

#endif
