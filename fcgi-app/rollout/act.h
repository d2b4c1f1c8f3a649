/* act.h: what people do to rollouts, shared by routes and commands. Each is a write closure's content: the change, its
 * audit row, and the bump of the topic `rollouts`. */
#ifndef MUSTER_ROLLOUT_ACT_H
#define MUSTER_ROLLOUT_ACT_H

#include "auth/audit.h"
#include "rollout/rollout_row.h"

/* Begins a rollout. ERR_CONFLICT: the release is not published, or the person has too many under way. ERR_NOT_FOUND:
 * there is no such release, or an agent of the target is not there or not the owner's to see. */
struct rollout_new {
    const struct audit_key *audit_key;
    struct audit_entry audit; /* actor, time, address, request id; the rest is filled in */
    enum rollout_kind kind;
    const char *owner_id;
    const char *version;
    const char *previous_version; /* NULL: the newest older one of the channel */
    const json_t *target;
    struct rollout_plan plan;
    const char *salt; /* NULL: the version and a colon */
    int64_t now_ms;
    char id[UUID_SIZE]; /* out */
};
int act_create(struct db *db, struct rollout_new *new, struct err *err) MUSTER_NODISCARD;

/* Changes of a rollout that is there. ERR_NOT_FOUND, ERR_CONFLICT with what to do in err. Doing what is done already is
 * no error and leaves no audit row. */
enum rollout_act { ACT_PAUSE, ACT_RESUME, ACT_ABORT, ACT_ROLLBACK, ACT_ADVANCE, ACT_CHANGE };
struct rollout_change {
    const struct audit_key *audit_key;
    struct audit_entry audit;
    enum rollout_act act;
    const char *id;
    const struct rollout_plan *plan; /* of ACT_CHANGE */
    int64_t now_ms;
};
int act_change(struct db *db, const struct rollout_change *change, struct err *err) MUSTER_NODISCARD;

/* Offers one agent a release now, whatever stages, pace and windows say: a rollout of its own. ERR_CONFLICT. */
struct rollout_order {
    const struct audit_key *audit_key;
    struct audit_entry audit;
    const char *owner_id;
    const char *agent_id;
    const char *version;
    int64_t now_ms;
    char rollout_id[UUID_SIZE]; /* out */
};
int act_order(struct db *db, struct rollout_order *order, struct err *err) MUSTER_NODISCARD;

/* Has an agent roll out its own workload. ERR_CONFLICT. Wake the agent afterwards. */
struct rollout_k8s {
    const struct audit_key *audit_key;
    struct audit_entry audit;
    const char *agent_id;
    const char *version;
    const char *created_by;
    int64_t now_ms;
    char command_id[UUID_SIZE]; /* out */
};
int act_k8s(struct db *db, struct rollout_k8s *k8s, struct err *err) MUSTER_NODISCARD;

/* Whether agents would accept to go from one version back to another: ERR_CONFLICT says what an operator can do. */
int act_may_go_back(struct db *db, const char *from, const char *to, struct err *err) MUSTER_NODISCARD;

/* The audit row of an act on a rollout. */
int act_audit(struct db *db, const struct audit_key *key, struct audit_entry entry, const char *action, const char *id,
              const char *detail, struct err *err) MUSTER_NODISCARD;

#endif
