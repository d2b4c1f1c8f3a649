/* child.h: one life of the agent: how it is started, and the two pipes it has to us.
 *
 * On the watchdog pipe it gives signs of life. On trial its standard error is a pipe too, whose bytes go on to ours and
 * into the evidence; that pipe may outlive it, in the hands of its own children. Neither ever blocks us. */
#ifndef MUSTER_AGENT_LAUNCHER_CHILD_H
#define MUSTER_AGENT_LAUNCHER_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "evidence.h"
#include "rules.h"

struct child {
    pid_t pid;    /* 0: none runs */
    int sign_fd;  /* -1: none */
    int relay_fd; /* -1: none */
    struct rules_reader reader;
    int64_t started_ms;
    int64_t sign_ms; /* of the last sign */
    bool silent;     /* killed because there was none */
};

struct child_options {
    const char *agent;
    const char *config;   /* NULL: the agent decides */
    const sigset_t *mask; /* of its signals */
    bool on_trial;        /* its standard error is listened to; and it dies with us, so that it is not in the way of the
                             next one that is tried */
};

void child_init(struct child *c);

/* CLOCK_MONOTONIC: a host that slept must not find its agent silent. */
int64_t child_now_ms(void);

/* False, after saying why, when there is nothing that could be waited for. */
bool child_start(struct child *c, const struct child_options *o);

/* Takes what has come on the watchdog pipe, at most so much that other things get their turn, and calls heard for every
 * word that is one. */
typedef void child_heard_fn(void *ctx, enum rules_word word, const struct rules_replayed *replayed);
void child_listen(struct child *c, child_heard_fn *heard, void *ctx);

/* Hands on what has come on its standard error. all: everything that is there. */
void child_relay(struct child *c, struct evidence *e, bool all);

/* It was waited for. */
void child_ended(struct child *c);

#endif
