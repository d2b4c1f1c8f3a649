#include "rollout/act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"
#include "common/version.h"
#include "rollout/engine.h"

enum { OPEN_MAX = 100 }; /* staged rollouts of one person that have not ended */

int act_audit(struct db *db, const struct audit_key *key, struct audit_entry entry, const char *action, const char *id,
              const char *detail, struct err *err)
{
    char target[sizeof "rollout:" + UUID_SIZE];
    (void)snprintf(target, sizeof target, "rollout:%s", id);
    entry.action = action;
    entry.target = target;
    entry.detail = detail;
    return audit_append(db, key, &entry, err);
}

static int audit_version(struct db *db, const struct audit_key *key, const struct audit_entry *entry,
                         const char *action, const char *id, const char *version, struct err *err)
{
    char detail[UPDATE_VERSION_SIZE + 20]; /* a valid version needs no escapes */
    (void)snprintf(detail, sizeof detail, "{\"version\":\"%s\"}", version);
    return act_audit(db, key, *entry, action, id, detail, err);
}

/* --- creating --- */

static struct db_arg limit_arg(const char *name, int value)
{
    return value == ROLLOUT_NO_LIMIT ? DB_NULL(name) : DB_INT(name, value);
}

static int insert_row(struct db *db, const struct rollout_new *new, const char *channel, const char *previous,
                      const char *target, const char *stages, const char *windows, struct err *err)
{
    const struct rollout_plan *plan = &new->plan;
    bool listed = json_object_get(new->target, "agents") != NULL;
    return db_exec(db, DB_ROLLOUT_INSERT,
                   DB_ARGS(DB_TEXT("id", new->id), DB_TEXT("user", new->owner_id),
                           DB_TEXT("kind", rollout_kind_name(new->kind)), DB_TEXT("version", new->version),
                           DB_TEXT("previous_version", previous), DB_TEXT("channel", channel),
                           DB_TEXT("target", target), DB_TEXT("stages", stages), DB_TEXT("windows", windows),
                           DB_INT("max_in_flight", plan->max_in_flight), DB_INT("max_per_minute", plan->max_per_minute),
                           limit_arg("fail_percent", plan->fail_percent), limit_arg("fail_count", plan->fail_count),
                           limit_arg("error_factor", plan->error_factor), DB_INT("silence_s", plan->silence_s),
                           DB_TEXT("salt", new->salt), DB_INT("scanned", listed),
                           listed ? DB_NULL("scan_due") : DB_INT("scan_due", new->now_ms), DB_INT("now", new->now_ms)),
                   NULL, err);
}

static int insert_rollout(struct db *db, struct rollout_new *new, const char *channel, const char *previous,
                          struct err *err)
{
    json_t *stages_list = rollout_stages_json(&new->plan), *windows_list = rollout_windows_json(&new->plan);
    char *target = json_dumps(new->target, JSON_COMPACT);
    char *stages = json_dumps(stages_list, JSON_COMPACT), *windows = json_dumps(windows_list, JSON_COMPACT);
    int rc = 0;
    if (target == NULL || stages == NULL || windows == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else if (!uuid_v7(new->now_ms, token_random, new->id))
        rc = err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    else
        rc = insert_row(db, new, channel, previous, target, stages, windows, err);
    free(windows);
    free(stages);
    free(target);
    json_decref(windows_list);
    json_decref(stages_list);
    return rc;
}

static int add_one(struct db *db, const struct rollout *r, const char *agent_id, const char *below, int64_t now_ms,
                   struct err *err)
{
    struct db_rows rows;
    int64_t seen = 0;
    int rc = db_query_number(db, DB_ROLLOUT_OWNER_MAY_SEE,
                             DB_ARGS(DB_TEXT("owner", r->owner_id), DB_TEXT("agent", agent_id)), &seen, err);
    if (rc == 0 && seen == 0)
        rc = err_set(err, ERR_NOT_FOUND, "no such agent: %.60s", agent_id);
    if (rc == 0)
        rc = db_query_one(db, DB_ROLLOUT_AGENT, DB_ARGS(DB_TEXT("agent", agent_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    struct scan_agent agent = {agent_id, db_rows_text(&rows, 0), db_rows_text(&rows, 1), NULL};
    rc = scan_add(db, r, &agent, below, now_ms, err);
    db_rows_done(&rows);
    return rc;
}

/* A list of agents becomes members at once; the others are found by the engine. */
static int add_listed(struct db *db, const struct rollout_new *new, struct err *err)
{
    struct rollout r = {0};
    struct rollout_newest newest = {0};
    const json_t *item;
    size_t i;
    int rc = rollout_load(db, new->id, &r, err);
    if (rc == 0)
        rc = rollout_newest_get(db, r.channel, NULL, &newest, err);
    const json_t *list = json_object_get(new->target, "agents");
    json_array_foreach(list, i, item)
    {
        if (rc == 0)
            rc = add_one(db, &r, json_string_value(item), newest.min_version, new->now_ms, err);
    }
    rollout_done(&r);
    return rc;
}

/* What a roll back puts in place: the one asked for, or the newest older one. */
static int find_previous(struct db *db, const struct rollout_new *new, const struct rollout_release *release,
                         char ret[UPDATE_VERSION_SIZE], struct err *err)
{
    struct rollout_newest newest;
    struct rollout_release previous;
    if (new->previous_version != NULL) {
        (void)snprintf(ret, UPDATE_VERSION_SIZE, "%s", new->previous_version);
        int rc = rollout_release_get(db, ret, &previous, err);
        if (rc == 0 && version_compare(ret, new->version) >= 0)
            rc = err_set(err, ERR_CONFLICT, "the previous version must be older than %s", new->version);
        return rc;
    }
    int rc = rollout_newest_get(db, release->channel, new->version, &newest, err);
    if (rc == 0)
        memcpy(ret, newest.below, sizeof newest.below);
    return rc;
}

/* The engine goes over all that are under way every few seconds. */
static int check_count(struct db *db, const struct rollout_new *new, struct err *err)
{
    int64_t open = 0;
    if (new->kind != ROLLOUT_STAGED)
        return 0;
    int rc = db_query_number(db, DB_ROLLOUT_OPEN_COUNT,
                             DB_ARGS(DB_TEXT("user", new->owner_id), DB_TEXT("kind", rollout_kind_name(new->kind))),
                             &open, err);
    if (rc == 0 && open >= OPEN_MAX)
        rc = err_set(err, ERR_CONFLICT, "%d rollouts of yours have not ended yet: abort those that are done with",
                     OPEN_MAX);
    return rc;
}

int act_create(struct db *db, struct rollout_new *new, struct err *err)
{
    struct rollout_release release;
    char previous[UPDATE_VERSION_SIZE] = "";
    int64_t rev = 0;
    int rc = rollout_release_get(db, new->version, &release, err);
    if (rc == 0 && !release.published)
        rc = err_set(err, ERR_CONFLICT, "release %s is not published: 'muster-app release publish %s'", new->version,
                     new->version);
    if (rc == 0)
        rc = check_count(db, new, err);
    if (rc == 0)
        rc = find_previous(db, new, &release, previous, err);
    if (rc == 0)
        rc = insert_rollout(db, new, release.channel, previous, err);
    if (rc == 0)
        rc = add_listed(db, new, err);
    if (rc == 0)
        rc = audit_version(db, new->audit_key, &new->audit, "rollout.create", new->id, new->version, err);
    return rc == 0 ? offer_rev(db, &rev, err) : rc;
}

/* --- changing --- */

static int set_state(struct db *db, const struct rollout_change *c, const struct rollout *r, enum rollout_state state,
                     struct err *err)
{
    bool ended = state == ROLLOUT_ABORTED || state == ROLLOUT_ROLLED_BACK || state == ROLLOUT_DONE;
    return db_exec(db, DB_ROLLOUT_SET_STATE,
                   DB_ARGS(DB_TEXT("id", r->id), DB_TEXT("state", rollout_state_name(state)),
                           DB_TEXT("reason", state == ROLLOUT_PAUSED ? "an operator paused it" : ""),
                           ended ? DB_INT("finished", c->now_ms) : DB_NULL("finished"), DB_INT("now", c->now_ms)),
                   NULL, err);
}

/* What this leaves undone, the engine does. */
static int stop(struct db *db, const struct rollout_change *c, const struct rollout *r, enum rollout_state state,
                int64_t *rev, struct err *err)
{
    bool more = false;
    int rc = offer_rev(db, rev, err);
    if (rc == 0)
        rc = offer_stop_some(db, r->id, state, c->now_ms, rev, &more, err);
    return rc != 0 ? rc : set_state(db, c, r, state, err);
}

static int do_pause(struct db *db, const struct rollout_change *c, const struct rollout *r, int64_t *rev,
                    struct err *err)
{
    if (r->state != ROLLOUT_RUNNING && r->state != ROLLOUT_DONE)
        return err_set(err, ERR_CONFLICT, "it is %s; only a rollout that runs can be paused",
                       rollout_state_name(r->state));
    return stop(db, c, r, ROLLOUT_PAUSED, rev, err);
}

static int do_resume(struct db *db, const struct rollout_change *c, const struct rollout *r, int64_t *rev,
                     struct err *err)
{
    struct rollout_release release;
    int64_t failed = 0, offered = 0;
    if (r->state != ROLLOUT_PAUSED)
        return err_set(err, ERR_CONFLICT, "it is %s, not paused", rollout_state_name(r->state));
    int rc = rollout_release_get(db, r->version, &release, err);
    if (rc == 0 && !release.published)
        rc = err_set(err, ERR_CONFLICT, "release %s is no longer published; abort or roll back", r->version);
    if (rc == 0)
        rc = db_query_number(db, DB_ROLLOUT_FAILED, DB_ARGS(DB_TEXT("rollout", r->id)), &failed, err);
    if (rc == 0)
        rc = db_query_number(db, DB_ROLLOUT_OFFERED_SINCE, DB_ARGS(DB_TEXT("rollout", r->id), DB_INT("since", 0)),
                             &offered, err);
    if (rc == 0)
        rc = db_exec(db, DB_ROLLOUT_FORGIVE,
                     DB_ARGS(DB_TEXT("id", r->id), DB_INT("failed", failed), DB_INT("offered", offered)), NULL, err);
    if (rc == 0)
        rc = set_state(db, c, r, ROLLOUT_RUNNING, err);
    return rc == 0 ? offer_rev(db, rev, err) : rc;
}

static int do_abort(struct db *db, const struct rollout_change *c, const struct rollout *r, int64_t *rev,
                    struct err *err)
{
    if (r->state == ROLLOUT_ROLLED_BACK)
        return err_set(err, ERR_CONFLICT, "it was rolled back already");
    return stop(db, c, r, ROLLOUT_ABORTED, rev, err);
}

int act_may_go_back(struct db *db, const char *from, const char *to, struct err *err)
{
    struct rollout_release old = {0}, new = {0};
    int rc = rollout_release_get(db, to, &old, err);
    if (rc == 0 && !old.published)
        return err_set(err, ERR_CONFLICT, "release %s is not published, so agents cannot fetch it", to);
    if (rc == 0)
        rc = rollout_release_get(db, from, &new, err);
    if (rc == ERR_NOT_FOUND && !old.downgrade)
        rc = 0; /* of a version that is no release of ours, agents go back only by the older one's word */
    if (rc == 0 && !new.withdrawn && !old.downgrade)
        return err_set(err, ERR_CONFLICT,
                       "agents refuse to go from %s back to %s: withdraw the one ('muster-app release withdraw %s') or "
                       "allow the other ('muster-app release allow-downgrade %s')",
                       from, to, from, to);
    return rc == ERR_NOT_FOUND && old.downgrade ? 0 : rc;
}

static int do_rollback(struct db *db, const struct rollout_change *c, const struct rollout *r, int64_t *rev,
                       struct err *err)
{
    if (r->previous_version[0] == '\0')
        return err_set(err, ERR_CONFLICT, "there is no previous version to go back to");
    int rc = act_may_go_back(db, r->version, r->previous_version, err);
    return rc != 0 ? rc : stop(db, c, r, ROLLOUT_ROLLING_BACK, rev, err);
}

static int do_advance(struct db *db, const struct rollout_change *c, const struct rollout *r, int64_t *rev,
                      struct err *err)
{
    if (r->state != ROLLOUT_RUNNING)
        return err_set(err, ERR_CONFLICT, "it is %s; only a rollout that runs has a next stage",
                       rollout_state_name(r->state));
    if (r->stage + 1 >= r->plan.stage_count)
        return err_set(err, ERR_CONFLICT, "it is in its last stage");
    int rc = db_exec(db, DB_ROLLOUT_SET_STAGE,
                     DB_ARGS(DB_TEXT("id", r->id), DB_INT("stage", (int64_t)r->stage + 1), DB_NULL("done"),
                             DB_INT("now", c->now_ms)),
                     NULL, err);
    return rc == 0 ? offer_rev(db, rev, err) : rc;
}

/* A rollout that is done and gets other stages may have more to do. */
static int do_plan(struct db *db, const struct rollout_change *c, const struct rollout *r, int64_t *rev,
                   struct err *err)
{
    const struct rollout_plan *plan = c->plan;
    size_t stage = r->stage < plan->stage_count ? r->stage : plan->stage_count - 1;
    enum rollout_state state = r->state == ROLLOUT_DONE ? ROLLOUT_RUNNING : r->state;
    json_t *stages_list = rollout_stages_json(plan), *windows_list = rollout_windows_json(plan);
    char *stages = json_dumps(stages_list, JSON_COMPACT), *windows = json_dumps(windows_list, JSON_COMPACT);
    int rc = stages == NULL || windows == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    bool ended = state == ROLLOUT_ABORTED || state == ROLLOUT_ROLLED_BACK;
    if (rc == 0)
        rc = db_exec(
            db, DB_ROLLOUT_SET_PLAN,
            DB_ARGS(DB_TEXT("id", r->id), DB_TEXT("stages", stages), DB_TEXT("windows", windows),
                    DB_INT("max_in_flight", plan->max_in_flight), DB_INT("max_per_minute", plan->max_per_minute),
                    limit_arg("fail_percent", plan->fail_percent), limit_arg("fail_count", plan->fail_count),
                    limit_arg("error_factor", plan->error_factor), DB_INT("silence_s", plan->silence_s),
                    DB_INT("stage", (int64_t)stage), DB_TEXT("state", rollout_state_name(state)),
                    ended ? DB_INT("finished", r->finished_ms) : DB_NULL("finished"), DB_INT("now", c->now_ms)),
            NULL, err);
    free(windows);
    free(stages);
    json_decref(windows_list);
    json_decref(stages_list);
    return rc == 0 ? offer_rev(db, rev, err) : rc;
}

struct act {
    const char *name;
    enum rollout_state done; /* in this state there is nothing to do; STATE_COUNT: never */
    int (*run)(struct db *db, const struct rollout_change *c, const struct rollout *r, int64_t *rev, struct err *err);
};

static const struct act acts[] = {
    [ACT_PAUSE] = {"rollout.pause", ROLLOUT_PAUSED, do_pause},
    [ACT_RESUME] = {"rollout.resume", ROLLOUT_RUNNING, do_resume},
    [ACT_ABORT] = {"rollout.abort", ROLLOUT_ABORTED, do_abort},
    [ACT_ROLLBACK] = {"rollout.rollback", ROLLOUT_ROLLING_BACK, do_rollback},
    [ACT_ADVANCE] = {"rollout.advance", ROLLOUT_STATE_COUNT, do_advance},
    [ACT_CHANGE] = {"rollout.change", ROLLOUT_STATE_COUNT, do_plan},
};

int act_change(struct db *db, const struct rollout_change *change, struct err *err)
{
    struct rollout r = {0};
    int64_t rev = 0;
    const struct act *act = &acts[change->act];
    int rc = rollout_load(db, change->id, &r, err);
    bool nothing = rc == 0 && r.state == act->done;
    if (rc == 0 && !nothing)
        rc = act->run(db, change, &r, &rev, err);
    if (rc == 0 && !nothing)
        rc = act_audit(db, change->audit_key, change->audit, act->name, change->id, NULL, err);
    rollout_done(&r);
    return rc;
}
