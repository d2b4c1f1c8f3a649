/* updates.h: an update's way through the process that polls.
 *
 * A heartbeat's reply carries an offer, or our own hourly check finds that what runs is too old to run. Policy decides
 * (update/policy.h); a child stages the new binary (update/stage.h); when the server still offers it, backups are done
 * and our events are with the server, the swap begins (update/swap.h) and the process ends, for the launcher to try the
 * new one. The process that comes up afterwards, new or old, reads in A.trial how it went and reports it.
 *
 * Nothing here blocks longer than one request. What the rest of poll/ calls: */
#ifndef MUSTER_AGENT_POLL_UPDATES_H
#define MUSTER_AGENT_POLL_UPDATES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "update/policy.h"
#include "update/update_state.h"

struct poller;

struct updates {
    struct update_state state;         /* as reported; state.json has it */
    struct policy_offer offer;         /* of the last heartbeat that was answered */
    struct policy_offer found;         /* by our own check: the newest of the channel; minimum: what runs is too old */
    char staging[POLICY_VERSION_SIZE]; /* by the child that runs; "" when it is a check */
    bool ready;                        /* A.new is staging's, verified */
    bool restart;                      /* the launcher is to start what is on trial */
    int misses;                        /* heartbeats in a row that were not answered, up to three */
    int tries;                         /* that failed in a row, of the version in state */
    int64_t retry_ms;                  /* monotonic: no try before */
    int64_t check_ms;                  /* monotonic: when the next check is due */
};

/* At start: what the last process left, and how a trial ended. */
void updates_open(struct poller *p);

/* What a heartbeat's reply offers; NULL: nothing. */
void updates_take_offer(struct poller *p, const struct policy_offer *offer);

/* One step forward, once in every cycle. in_touch: the server has answered in this one. */
void updates_step(struct poller *p, bool in_touch);

/* The child of jobs_start_update has ended. */
void updates_child_ended(struct poller *p, int status);

/* After SIGHUP: whether a new binary waits for this process to end; and a check for updates is due at once. */
void updates_look_again(struct poller *p);

/* Whether this process should end, so that the launcher starts the binary that is on trial. */
bool updates_restart_due(const struct poller *p);

/* For the heartbeat: the "update" object (NULL: no memory), and whether the last one went wrong. */
json_t *updates_json(const struct poller *p);
bool updates_failed(const struct poller *p);

#endif
