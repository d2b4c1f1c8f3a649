/* watchdog.h: what the agent tells the launcher that watches it: that it lives, and how far it has come.
 *
 * Lines on a pipe: "tick", "ack" (the server answered a heartbeat), "replayed <epoch> <seq> <current>" (it has our
 * events of that epoch of the event log up to that number, and all before; current is the epoch that the log goes on
 * in, and is left out when that is not known). Epochs are 16 hex digits. The pipe never blocks us: a launcher that does
 * not read is its own problem. */
#ifndef MUSTER_AGENT_POLL_WATCHDOG_H
#define MUSTER_AGENT_POLL_WATCHDOG_H

#include <stdint.h>

enum { WATCHDOG_TICK_MS = 5000 };

struct watchdog {
    int fd; /* -1: nobody watches */
};

/* Takes the descriptor over: not inherited by children, not blocking. */
void watchdog_init(struct watchdog *w, int fd);

void watchdog_tick(const struct watchdog *w);
void watchdog_acknowledged(const struct watchdog *w);
void watchdog_replayed(const struct watchdog *w, const char *epoch, uint64_t seq, const char *current);

#endif
