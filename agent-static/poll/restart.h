/* restart.h: UPDATE_RESTART_METHOD: how the process makes way for a binary that is on trial.
 *
 *   exec     it ends with SWAP_EXIT_RESTART, and the launcher starts the new one at once; init sees one pid throughout
 *   systemd  `systemctl restart` of our own unit, from a transient unit, which the stop of our cgroup does not reach
 *   signal   SIGHUP to itself, whose handler looks for a binary on trial and then does as exec */
#ifndef MUSTER_AGENT_POLL_RESTART_H
#define MUSTER_AGENT_POLL_RESTART_H

#include <stdbool.h>

struct poller;

/* Does not end the process: the loop does when updates_restart_due says so, or a signal comes. A method that does not
 * work here falls back to exec, and says so. */
void restart_ask(struct poller *p);

/* The systemd unit that a /proc/self/cgroup says we are in; ret: 256 bytes. False: none. Pure. */
bool restart_unit_of(const char *cgroup, char *ret);

#endif
