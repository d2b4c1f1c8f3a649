/* watch.h: what can end a restore or a proof early: a signal, or the server, which hears every two seconds how far a
 * job of its own is.
 *
 * SIGTERM and SIGINT are blocked for good and read from a descriptor, which stays readable: every wait that takes it
 * along (api_set_cancel) ends then. The server's wish is turned into the same signal. One watch per process. */
#ifndef MUSTER_AGENT_RESTORE_WATCH_H
#define MUSTER_AGENT_RESTORE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "agent.h"
#include "backup/report.h"

struct watch;

/* job_id NULL: nobody is told. Before any other thread is started. report and agent must outlive it. */
int watch_new(const struct agent *agent, const char *job_id, struct report *report, struct watch **ret,
              struct err *err) MUSTER_NODISCARD;

/* What report->sent will have come to. */
void watch_expect(struct watch *w, uint64_t total_bytes);

int watch_fd(const struct watch *w);       /* readable once it is to end; borrowed */
bool watch_stopped(const struct watch *w); /* it is to end */

/* Waits, at most ms; false when it is to end. */
bool watch_sleep(const struct watch *w, int ms);

/* Tells the server how the job ended (remote_restore.h), trying again for a while. Nothing without a job. */
int watch_end(struct watch *w, const char *status, const char *detail, struct err *err) MUSTER_NODISCARD;

void watch_free(struct watch *w); /* NULL does nothing */

#endif
