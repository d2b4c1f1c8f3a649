/* update_state.h: how far this host is with an update: what heartbeats tell the server and `muster-agent update status`
 * shows.
 *
 * The machine: idle -> offered -> waiting -> downloading -> verifying -> trial -> committed | restored, and aside
 * skipped, failed, available. An end stays in the report until the next offer, so that a lost reply heals with the next
 * heartbeat. Kept in STATE_DIR/update/state.json; the process that polls is its only writer. */
#ifndef MUSTER_AGENT_UPDATE_STATE_H
#define MUSTER_AGENT_UPDATE_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "update/policy.h"

enum update_step {
    UPDATE_IDLE,
    UPDATE_OFFERED,
    UPDATE_WAITING,
    UPDATE_DOWNLOADING,
    UPDATE_VERIFYING,
    UPDATE_TRIAL,
    UPDATE_COMMITTED,
    UPDATE_RESTORED,
    UPDATE_SKIPPED,
    UPDATE_FAILED,
    UPDATE_AVAILABLE,
};

struct update_state {
    enum update_step step;
    char version[POLICY_VERSION_SIZE]; /* the one being installed, or that is there; "" when idle */
    char rollout_id[POLICY_ROLLOUT_SIZE];
    char reason[POLICY_REASON_SIZE];
    int percent;      /* of the download */
    int64_t since_ms; /* when it came into this state; wall clock */
};

const char *update_step_name(enum update_step step);

/* Whether the state is an end: nothing happens until another offer. */
bool update_step_is_final(enum update_step step);

/* A missing or damaged file gives idle. */
void update_state_load(const char *path, struct update_state *ret);
int update_state_save(const char *path, const struct update_state *s, struct err *err) MUSTER_NODISCARD;

/* The "update" object of a heartbeat. NULL: no memory. */
json_t *update_state_json(const struct update_state *s);

#endif
