/* kubernetes.h: putting a new image into a workload of the cluster this agent runs in, and watching it arrive.
 *
 * Used where the agent is a container, whose binary nobody touches. The host's bounds: the workload comes from
 * UPDATE_K8S_WORKLOAD of agent.conf; the image from signed metadata, and its repository must be the one that the
 * container runs now. So a server in wrong hands can ask for a roll-out, but never of what or to where.
 *
 * Blocks for as long as the roll-out takes: for a process of its own. */
#ifndef MUSTER_AGENT_UPDATE_KUBERNETES_H
#define MUSTER_AGENT_UPDATE_KUBERNETES_H

#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "update/workload.h"

/* Whether this process has what it takes to talk to its cluster's API (kubernetes_api.h). ERR_NOT_FOUND with what is
 * missing. Does not connect. */
int kubernetes_check(struct err *err) MUSTER_NODISCARD;

struct kubernetes_progress {
    bool patched; /* the workload names the new image */
    int64_t updated;
    int64_t total; /* 0: not known yet */
    const char *text;
};

struct kubernetes_rollout {
    const struct workload_id *workload;
    const char *image;     /* from signed metadata */
    const char *container; /* its name; NULL: the one whose image comes from the same repository */
    const struct clock *clock;
    /* Asked before the image that runs is replaced: what it returns other than 0 ends the roll-out. May be NULL. */
    int (*allow)(void *ctx, const struct image *running, struct err *err);
    int64_t stall_ms; /* how long nothing may change before it counts as stuck */
    /* Called whenever something has changed; may be NULL. */
    void (*progress)(void *ctx, const struct kubernetes_progress *progress);
    void *ctx;
};

/* 0: every pod runs the image and works. Does what is left to do: after one that was cut off, or when the image is
 * there already, it only watches. What may pass is tried again until stall_ms are over: an API that is away or
 * overloaded, a token that is just being replaced, a workload that somebody else changes. ERR_INVALID (the image; an
 * answer that is none), ERR_DENIED (401, 403 with the verb that is missing; another repository; a certificate that is
 * not the cluster's), ERR_NOT_FOUND (no credentials, workload or container), ERR_CONFLICT (paused, OnDelete, somebody
 * else has set another image), ERR_UNAVAILABLE (its controller has given up), ERR_TIMEOUT (stuck). The workload keeps
 * the new image in the last two cases: whether to undo is for people. */
int kubernetes_rollout(const struct kubernetes_rollout *o, struct err *err) MUSTER_NODISCARD;

#endif
