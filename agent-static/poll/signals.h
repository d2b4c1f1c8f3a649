/* signals.h: signals as descriptors, so that there are no handlers and no race between looking and waiting.
 *
 * Two of them: one that ends everything (and cuts network waits short), one for what can wait until we look. */
#ifndef MUSTER_AGENT_POLL_SIGNALS_H
#define MUSTER_AGENT_POLL_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct signals {
    int stop_fd;  /* readable once SIGTERM or SIGINT has come, and stays so */
    int other_fd; /* SIGHUP, SIGCHLD */
};

/* Blocks these signals for the process; children must signals_unblock(). */
int signals_init(struct signals *s, struct err *err) MUSTER_NODISCARD;
void signals_done(struct signals *s);

/* For a child between fork and exec: everything as a new process expects it. Async-signal-safe. */
void signals_unblock(void);

/* Whether the stop has come. */
bool signals_stopping(const struct signals *s);

struct signals_seen {
    bool stop;
    bool reload; /* SIGHUP */
    bool child;  /* SIGCHLD */
};

/* Waits at most timeout_ms for any of them, and takes what has come (but leaves the stop readable). */
struct signals_seen signals_wait(const struct signals *s, int64_t timeout_ms);

#endif
