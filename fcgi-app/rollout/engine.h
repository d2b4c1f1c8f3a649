/* engine.h: what the engine's files share. A step is one write transaction: it reads what it decides by, so that any
 * number of processes may step. Steps are short, since every other write waits for them: what takes long (looking at
 * all agents) is cut into many, or is read beside the writer and only written by it (error rates). */
#ifndef MUSTER_ROLLOUT_ENGINE_H
#define MUSTER_ROLLOUT_ENGINE_H

#include "auth/audit.h"
#include "rollout/offer.h"

enum { ENGINE_IDLE_MS = 5000, ENGINE_SOON_MS = 1000, ENGINE_RESCAN_MS = 600 * 1000, ENGINE_MEMBERS_MAX = 200 };

struct engine {
    struct db *db; /* the writer's */
    const struct audit_key *audit_key;
    int64_t now_ms;
    int64_t poll_interval_ms;
    int64_t uplink_mbps;
    int64_t rev;     /* of the offers this step changed; 0: none yet */
    int64_t wait_ms; /* out: when to step again */
    bool under_way;  /* some member, of any rollout, has a deadline */
};

/* Asks for a step within so long. */
static inline void engine_again(struct engine *e, int64_t wait_ms)
{
    if (wait_ms < e->wait_ms)
        e->wait_ms = wait_ms > 0 ? wait_ms : 0;
}

/* What is next for a rollout that is active. */
int engine_drive(struct engine *e, struct rollout *r, struct err *err) MUSTER_NODISCARD;

/* Stops a rollout that should not go on, with an audit row and an alert. */
int engine_pause(struct engine *e, struct rollout *r, const char *reason, struct err *err) MUSTER_NODISCARD;

/* Finding members (scan.c): the next chunk of agents, when it is due. */
int engine_scan(struct engine *e, struct rollout *r, struct err *err) MUSTER_NODISCARD;

/* Adds one agent, unless it is a member. below: the channel's min_version, or "". For a minimum rollout only agents
 * below are taken. */
struct scan_agent {
    const char *id, *version, *deployment_mode, *labels;
};
int scan_add(struct db *db, const struct rollout *r, const struct scan_agent *agent, const char *below, int64_t now_ms,
             struct err *err) MUSTER_NODISCARD;

/* Makes the rollout for hosts below the min_version of the newest stable release, when there are any and it was not
 * made before. */
int engine_minimum(struct engine *e, struct err *err) MUSTER_NODISCARD;

/* Judging (judge.c). Deadlines: moves them by what the server itself was away or deaf, and ends the members that were
 * silent. Thresholds: pauses r. */
int engine_deadlines(struct engine *e, struct err *err) MUSTER_NODISCARD;
int engine_thresholds(struct engine *e, struct rollout *r, struct err *err) MUSTER_NODISCARD;
int engine_alive(struct engine *e, struct err *err) MUSTER_NODISCARD; /* the sign of life deadlines are measured by */

/* Error rates, which hold for a while: what is read, on any connection, and may be a day's errors of the whole fleet,
 * is written in a step of its own, to those members that are still as they were found. */
enum { ENGINE_UNHEALTHY_MAX = 50 };
struct engine_unhealthy {
    size_t count;
    struct engine_unhealthy_member {
        char agent_id[UUID_SIZE];
        char reason[200];
    } list[ENGINE_UNHEALTHY_MAX];
};
bool engine_errors_due(const struct rollout *r, int64_t now_ms);
int engine_errors_read(struct db *db, const struct rollout *r, int64_t now_ms, struct engine_unhealthy *ret,
                       struct err *err) MUSTER_NODISCARD;
int engine_errors_write(struct engine *e, const char *rollout_id, const struct engine_unhealthy *unhealthy,
                        struct err *err) MUSTER_NODISCARD;

#endif
