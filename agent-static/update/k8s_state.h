/* k8s_state.h: STATE_DIR/update/k8s.json: the roll-out of this agent's workload that is under way, or the last one.
 *
 * The poller writes it before it starts the process that rolls out; from then on only that process writes, and the
 * poller reads. A roll-out often ends the pod that runs it: the file, beside the command ledger, is how the next pod
 * knows what to go on with. */
#ifndef MUSTER_AGENT_UPDATE_K8S_STATE_H
#define MUSTER_AGENT_UPDATE_K8S_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "update/policy.h"
#include "update/workload.h"

enum k8s_phase {
    K8S_NONE,
    K8S_STARTING, /* the workload still names the old image */
    K8S_ROLLING,
    K8S_DONE,
    K8S_FAILED,
};

struct k8s_state {
    enum k8s_phase phase;
    char command_id[65]; /* the server's command; "": somebody at the command line */
    char version[POLICY_VERSION_SIZE];
    char workload[WORKLOAD_TEXT_SIZE];
    int64_t updated;
    int64_t total; /* 0: not known yet */
    char reason[WORKLOAD_REASON_SIZE];
    int64_t since_ms; /* when it came into this phase; wall clock */
};

/* A missing or damaged file gives K8S_NONE. */
void k8s_state_load(const char *path, struct k8s_state *ret);
int k8s_state_save(const char *path, const struct k8s_state *s, struct err *err) MUSTER_NODISCARD;

/* Whether it goes on by itself. */
bool k8s_state_under_way(const struct k8s_state *s);

/* Lets the "update" object of a heartbeat tell how the roll-out goes, unless an update of this host has more to say:
 * state "available" with a percentage while it goes on, "failed" with the reason for a day after it went wrong. False:
 * no memory. */
bool k8s_state_tell(const struct k8s_state *s, int64_t now_ms, json_t *update) MUSTER_NODISCARD;

#endif
