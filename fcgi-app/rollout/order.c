/* What people order for one agent: an update now, or that it rolls out its own workload. */
#include <stdio.h>
#include <string.h>

#include "common/version.h"
#include "fleet/fleet.h"
#include "rollout/act.h"
#include "rollout/offer.h"

struct subject {
    char version[UPDATE_VERSION_SIZE];
    bool container, can_update, can_roll_out;
};

static int read_subject(struct db *db, const char *agent_id, struct subject *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_ROLLOUT_AGENT, DB_ARGS(DB_TEXT("agent", agent_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    if (rc < 0)
        return rc;
    const char *version = db_rows_text(&rows, 0), *mode = db_rows_text(&rows, 1);
    (void)snprintf(ret->version, sizeof ret->version, "%s", version != NULL ? version : "");
    ret->container = mode != NULL && strcmp(mode, "container") == 0;
    ret->can_update = member_capable(db_rows_text(&rows, 3), "update");
    ret->can_roll_out = member_capable(db_rows_text(&rows, 3), "k8s-rollout");
    db_rows_done(&rows);
    return 0;
}

static int check_release(struct db *db, const char *version, struct rollout_release *ret, struct err *err)
{
    int rc = rollout_release_get(db, version, ret, err);
    if (rc == ERR_NOT_FOUND || (rc == 0 && !ret->published))
        return err_set(err, ERR_CONFLICT, "there is no published release %.64s", version);
    return rc;
}

static int check_order(struct db *db, const struct rollout_order *order, bool *ret_downgrade, struct err *err)
{
    struct subject subject;
    struct rollout_release release;
    int rc = read_subject(db, order->agent_id, &subject, err);
    if (rc == 0)
        rc = check_release(db, order->version, &release, err);
    if (rc != 0)
        return rc;
    int way = version_compare(order->version, subject.version);
    if (subject.container)
        return err_set(err, ERR_CONFLICT, "it runs in a container: roll out its image instead");
    if (!subject.can_update)
        return err_set(err, ERR_CONFLICT, "this agent does not update in place");
    if (way == 0)
        return err_set(err, ERR_CONFLICT, "it runs %s already", order->version);
    *ret_downgrade = way < 0;
    return way < 0 ? act_may_go_back(db, subject.version, order->version, err) : 0;
}

/* An offer of another rollout makes room, unless it cannot be stopped any more. */
static int replace_offer(struct db *db, const struct rollout_order *order, int64_t *rev, struct err *err)
{
    struct db_rows rows;
    char rollout_id[UUID_SIZE] = "";
    enum member_state state;
    int rc = db_query_one(db, DB_UPDATE_OF_AGENT, DB_ARGS(DB_TEXT("agent", order->agent_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    const char *id = db_rows_text(&rows, 7);
    (void)snprintf(rollout_id, sizeof rollout_id, "%s", id != NULL ? id : "");
    db_rows_done(&rows);
    if (rollout_id[0] == '\0')
        return 0;
    rc = db_query_one(db, DB_ROLLOUT_MEMBER_GET,
                      DB_ARGS(DB_TEXT("rollout", rollout_id), DB_TEXT("agent", order->agent_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    bool on_trial = member_state_parse(db_rows_text(&rows, 0), &state) && state == MEMBER_TRIAL;
    db_rows_done(&rows);
    struct offer_member who = {rollout_id, order->agent_id};
    if (on_trial)
        return err_set(err, ERR_CONFLICT, "a version is on trial on it; wait for its end");
    return offer_move(db, &who, MEMBER_CANCELLED, "an order for this agent took its place", 0, order->now_ms, rev, err);
}

int act_order(struct db *db, struct rollout_order *order, struct err *err)
{
    bool downgrade = false;
    int64_t rev = 0;
    int rc = check_order(db, order, &downgrade, err);
    if (rc != 0)
        return rc;
    json_t *target = json_pack("{s:[s]}", "agents", order->agent_id);
    struct rollout_new new = {
        .audit_key = order->audit_key,
        .audit = order->audit,
        .kind = ROLLOUT_SINGLE,
        .owner_id = order->owner_id,
        .version = order->version,
        .target = target,
        .now_ms = order->now_ms,
    };
    rollout_plan_order(&new.plan);
    rc = target != NULL ? replace_offer(db, order, &rev, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        rc = act_create(db, &new, err);
    struct offer_new offer = {.who = {new.id, order->agent_id},
                              .version = order->version,
                              .stage = ROLLOUT_NO_LIMIT,
                              .force = true,
                              .downgrade = downgrade,
                              .not_before_ms = order->now_ms,
                              .deadline_ms = order->now_ms + new.plan.silence_s *INT64_C(1000),
                              .now_ms = order->now_ms};
    rev = 0;
    if (rc == 0)
        rc = offer_make(db, &offer, &rev, err);
    if (rc == 0)
        memcpy(order->rollout_id, new.id, sizeof new.id);
    json_decref(target);
    return rc;
}

/* --- workloads --- */

int act_k8s(struct db *db, struct rollout_k8s *k8s, struct err *err)
{
    struct subject subject;
    struct rollout_release release;
    struct db_rows rows;
    char target[sizeof "agent:" + UUID_SIZE], args[UPDATE_VERSION_SIZE + 20];
    struct audit_entry entry = k8s->audit;
    int rc = read_subject(db, k8s->agent_id, &subject, err);
    if (rc == 0)
        rc = check_release(db, k8s->version, &release, err);
    if (rc == 0 && !release.has_image)
        rc = err_set(err, ERR_CONFLICT, "release %s has no container image", k8s->version);
    if (rc == 0)
        rc = db_query_one(db, DB_UPDATE_OF_AGENT, DB_ARGS(DB_TEXT("agent", k8s->agent_id)), &rows, err);
    if (rc < 0)
        return rc;
    const char *workload = rc == DB_ROW ? db_rows_text(&rows, 5) : NULL;
    bool told = workload != NULL && workload[0] != '\0';
    if (rc == DB_ROW)
        db_rows_done(&rows);
    if (!told || !subject.can_roll_out)
        return err_set(err, ERR_CONFLICT,
                       "this agent has not said which workload it may roll out: set "
                       "UPDATE_K8S_WORKLOAD in its agent.conf");
    (void)snprintf(target, sizeof target, "agent:%s", k8s->agent_id);
    (void)snprintf(args, sizeof args, "{\"version\":\"%s\"}", k8s->version);
    entry.action = "agent.k8s_rollout";
    entry.target = target;
    entry.detail = args;
    struct fleet_command_new command = {.agent_id = k8s->agent_id,
                                        .kind = "k8s-rollout",
                                        .args = args,
                                        .created_by = k8s->created_by,
                                        .now_ms = k8s->now_ms};
    rc = fleet_command_create(db, &command, k8s->command_id, err);
    return rc == 0 ? audit_append(db, k8s->audit_key, &entry, err) : rc;
}
