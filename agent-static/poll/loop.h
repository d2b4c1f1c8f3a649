/* loop.h: the agent's face of polling: heartbeats, events, commands, again and again.
 *
 * No error of the network, the server or the disk ends the loop: it logs, waits and tries again. The server decides how
 * often it is asked; after failures the waits grow, with full jitter. */
#ifndef MUSTER_AGENT_POLL_LOOP_H
#define MUSTER_AGENT_POLL_LOOP_H

#include "agent.h"

/* Polls until SIGTERM or SIGINT; SIGHUP reads the configuration again. Takes the agent over, also on failure.
 * watchdog_fd: the launcher's pipe, or -1. *ret_restart: it ended because another binary is on trial, which the
 * launcher is to start (SWAP_EXIT_RESTART). Failures are those of the start: ERR_CONFLICT when another process polls
 * already. */
int loop_run(struct agent *agent, int watchdog_fd, bool *ret_restart, struct err *err) MUSTER_NODISCARD;

/* One round in the foreground: heartbeat, events, commands with their backups. */
int loop_once(struct agent *agent, struct err *err) MUSTER_NODISCARD;

#endif
