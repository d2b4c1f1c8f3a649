#include "rollout/rollout_row.h"

#include <stdio.h>
#include <string.h>

#include "common/version.h"

static const char *const kind_names[] = {"staged", "single", "minimum"};
static const char *const state_names[ROLLOUT_STATE_COUNT] = {
    [ROLLOUT_RUNNING] = "running",           [ROLLOUT_PAUSED] = "paused",           [ROLLOUT_ABORTED] = "aborted",
    [ROLLOUT_ROLLING_BACK] = "rolling_back", [ROLLOUT_ROLLED_BACK] = "rolled_back", [ROLLOUT_DONE] = "done"};

const char *rollout_kind_name(enum rollout_kind kind)
{
    return kind_names[kind];
}

const char *rollout_state_name(enum rollout_state state)
{
    return state_names[state];
}

bool rollout_state_parse(const char *name, enum rollout_state *ret)
{
    for (int i = 0; name != NULL && i < ROLLOUT_STATE_COUNT; i++)
        if (strcmp(name, state_names[i]) == 0) {
            *ret = (enum rollout_state)i;
            return true;
        }
    return false;
}

static void copy(char *ret, size_t size, const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

/* --- reading --- */

static enum rollout_kind kind_of(const char *name)
{
    for (int i = 0; name != NULL && i < 3; i++)
        if (strcmp(name, kind_names[i]) == 0)
            return (enum rollout_kind)i;
    return ROLLOUT_STAGED;
}

static void read_plan(const struct db_rows *rows, struct rollout_plan *plan)
{
    plan->max_in_flight = (int)db_rows_int(rows, 9, 1);
    plan->max_per_minute = (int)db_rows_int(rows, 10, 0);
    plan->fail_percent = (int)db_rows_int(rows, 11, ROLLOUT_NO_LIMIT);
    plan->fail_count = (int)db_rows_int(rows, 12, ROLLOUT_NO_LIMIT);
    plan->error_factor = (int)db_rows_int(rows, 13, ROLLOUT_NO_LIMIT);
    plan->silence_s = (int)db_rows_int(rows, 14, 900);
}

static void read_progress(const struct db_rows *rows, struct rollout *ret)
{
    copy(ret->reason, sizeof ret->reason, rows, 17);
    ret->stage = (size_t)db_rows_int(rows, 18, 0);
    ret->stage_done_ms = db_rows_int(rows, 19, 0);
    ret->forgiven_failed = db_rows_int(rows, 20, 0);
    ret->forgiven_offered = db_rows_int(rows, 21, 0);
    ret->scanned = db_rows_int(rows, 22, 0) != 0;
    copy(ret->scan_after, sizeof ret->scan_after, rows, 23);
    ret->scan_due_ms = db_rows_int(rows, 24, INT64_MAX);
    ret->judge_due_ms = db_rows_int(rows, 25, 0);
    ret->created_ms = db_rows_int(rows, 26, 0);
    ret->updated_ms = db_rows_int(rows, 27, 0);
    ret->finished_ms = db_rows_int(rows, 28, 0);
}

static int read_row(const struct db_rows *rows, struct rollout *ret, struct err *err)
{
    const char *target = db_rows_text(rows, 6);
    copy(ret->id, sizeof ret->id, rows, 0);
    copy(ret->owner_id, sizeof ret->owner_id, rows, 1);
    ret->kind = kind_of(db_rows_text(rows, 2));
    copy(ret->version, sizeof ret->version, rows, 3);
    copy(ret->previous_version, sizeof ret->previous_version, rows, 4);
    copy(ret->channel, sizeof ret->channel, rows, 5);
    ret->target = target != NULL ? json_loads(target, 0, NULL) : NULL;
    read_plan(rows, &ret->plan);
    ret->salt_given = !db_rows_null(rows, 15);
    if (ret->salt_given)
        copy(ret->salt, sizeof ret->salt, rows, 15);
    else
        (void)snprintf(ret->salt, sizeof ret->salt, "%s:", ret->version);
    if (ret->target == NULL || !rollout_state_parse(db_rows_text(rows, 16), &ret->state))
        return err_set(err, ERR_CORRUPT, "rollout %s is damaged", ret->id);
    read_progress(rows, ret);
    int rc = rollout_plan_load(db_rows_text(rows, 7), db_rows_text(rows, 8), &ret->plan, err);
    if (rc == 0 && ret->stage >= ret->plan.stage_count)
        ret->stage = ret->plan.stage_count - 1;
    return rc;
}

int rollout_load(struct db *db, const char *id, struct rollout *ret, struct err *err)
{
    struct db_rows rows;
    *ret = (struct rollout){0};
    int rc = db_query_one(db, DB_ROLLOUT_GET, DB_ARGS(DB_TEXT("id", id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such rollout");
    if (rc < 0)
        return rc;
    rc = read_row(&rows, ret, err);
    db_rows_done(&rows);
    return rc;
}

void rollout_done(struct rollout *r)
{
    json_decref(r->target);
    r->target = NULL;
}

/* --- releases --- */

int rollout_release_get(struct db *db, const char *version, struct rollout_release *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_ROLLOUT_RELEASE, DB_ARGS(DB_TEXT("version", version)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "there is no release %.64s", version);
    if (rc < 0)
        return rc;
    const char *status = db_rows_text(&rows, 2);
    copy(ret->channel, sizeof ret->channel, &rows, 0);
    copy(ret->min_version, sizeof ret->min_version, &rows, 1);
    ret->published = status != NULL && strcmp(status, "published") == 0;
    ret->withdrawn = status != NULL && strcmp(status, "withdrawn") == 0;
    ret->size_bytes = db_rows_int(&rows, 3, 0);
    ret->downgrade = db_rows_int(&rows, 4, 0) != 0;
    ret->has_image = !db_rows_null(&rows, 5);
    db_rows_done(&rows);
    return 0;
}

int rollout_newest_get(struct db *db, const char *channel, const char *below, struct rollout_newest *ret,
                       struct err *err)
{
    struct db_rows rows;
    struct rollout_newest found = {0};
    int rc = db_query(db, DB_ROLLOUT_RELEASES_OF_CHANNEL, DB_ARGS(DB_TEXT("channel", channel)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        const char *version = db_rows_text(&rows, 0), *status = db_rows_text(&rows, 1);
        rc = 0;
        if (!version_valid(version))
            continue;
        if (strcmp(status, "published") == 0 &&
            (found.version[0] == '\0' || version_compare(version, found.version) > 0)) {
            copy(found.version, sizeof found.version, &rows, 0);
            copy(found.min_version, sizeof found.min_version, &rows, 2);
        }
        if (below != NULL && strcmp(status, "published") == 0 && version_compare(version, below) < 0 &&
            (found.below[0] == '\0' || version_compare(version, found.below) > 0))
            copy(found.below, sizeof found.below, &rows, 0);
    }
    db_rows_done(&rows);
    if (rc == 0)
        *ret = found;
    return rc;
}

/* --- counting --- */

int rollout_counts_get(struct db *db, const char *id, const char *viewer, struct rollout_counts *ret, struct err *err)
{
    struct db_rows rows;
    struct rollout_counts counts = {0};
    int rc =
        db_query(db, DB_ROLLOUT_MEMBER_COUNTS, DB_ARGS(DB_TEXT("rollout", id), DB_TEXT("viewer", viewer)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        enum member_state state;
        const char *direction = db_rows_text(&rows, 1);
        int64_t count = db_rows_int(&rows, 2, 0);
        rc = 0;
        if (!member_state_parse(db_rows_text(&rows, 0), &state))
            continue;
        counts.total += count;
        counts.by_state[state == MEMBER_AWAY ? MEMBER_PENDING : state] += count;
        if (state == MEMBER_COMMITTED && direction != NULL && strcmp(direction, "back") == 0)
            counts.rolled_back += count;
    }
    db_rows_done(&rows);
    if (rc == 0)
        *ret = counts;
    return rc;
}

/* --- showing --- */

static json_t *limit_json(int value)
{
    return value == ROLLOUT_NO_LIMIT ? json_null() : json_integer(value);
}

static json_t *time_json(int64_t ms)
{
    return ms == 0 ? json_null() : json_integer((json_int_t)ms);
}

static json_t *counts_json(const struct rollout_counts *counts)
{
    json_t *json =
        json_pack("{s:I,s:I}", "total", (json_int_t)counts->total, "rolledBack", (json_int_t)counts->rolled_back);
    for (int i = 0; i < MEMBER_STATE_COUNT; i++)
        if (i != MEMBER_AWAY)
            (void)json_object_set_new(json, member_state_name((enum member_state)i),
                                      json_integer((json_int_t)counts->by_state[i]));
    return json;
}

static json_t *plan_json(const struct rollout_plan *plan)
{
    return json_pack("{s:o,s:o,s:{s:i,s:i},s:{s:o,s:o,s:o},s:i}", "stages", rollout_stages_json(plan), "windows",
                     rollout_windows_json(plan), "pace", "maxInFlight", plan->max_in_flight, "maxPerMinute",
                     plan->max_per_minute, "thresholds", "failedPercent", limit_json(plan->fail_percent), "failedCount",
                     limit_json(plan->fail_count), "errorFactor", limit_json(plan->error_factor), "silenceS",
                     plan->silence_s);
}

/* The target; of a list of agents, which are members all, those that the viewer may see. */
static int target_json(struct db *db, const struct rollout *r, const char *viewer, json_t **ret, struct err *err)
{
    struct db_rows rows;
    if (viewer == NULL || json_object_get(r->target, "agents") == NULL) {
        *ret = json_incref(r->target);
        return 0;
    }
    json_t *seen = json_array();
    int rc = db_query(db, DB_ROLLOUT_MEMBERS_SEEN, DB_ARGS(DB_TEXT("rollout", r->id), DB_TEXT("viewer", viewer)), &rows,
                      err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = json_array_append_new(seen, json_string(db_rows_text(&rows, 0))) == 0
                 ? 0
                 : err_set(err, ERR_NOMEM, "out of memory");
    db_rows_done(&rows);
    if (rc == 0)
        *ret = json_pack("{s:O}", "agents", seen);
    json_decref(seen);
    return rc;
}

int rollout_json(struct db *db, const struct rollout *r, const char *viewer, json_t **ret, struct err *err)
{
    struct rollout_counts counts;
    json_t *target = NULL;
    int rc = rollout_counts_get(db, r->id, viewer, &counts, err);
    if (rc == 0)
        rc = target_json(db, r, viewer, &target, err);
    if (rc != 0)
        return rc;
    json_t *json = plan_json(&r->plan);
    json_t *rest = json_pack("{s:s,s:s,s:s,s:s?,s:s,s:s,s:o,s:I,s:o,s:s?,s:s,s:s,s:o,s:I,s:I,s:o}", "id", r->id, "kind",
                             rollout_kind_name(r->kind), "version", r->version, "previousVersion",
                             r->previous_version[0] != '\0' ? r->previous_version : NULL, "channel", r->channel,
                             "owner_id", r->owner_id, "target", target, "stage", (json_int_t)r->stage, "stageDone_ms",
                             time_json(r->stage_done_ms), "salt", r->salt_given ? r->salt : NULL, "state",
                             rollout_state_name(r->state), "reason", r->reason, "members", counts_json(&counts),
                             "created_ms", (json_int_t)r->created_ms, "updated_ms", (json_int_t)r->updated_ms,
                             "finished_ms", time_json(r->finished_ms));
    bool ok = rest != NULL && json_object_update(json, rest) == 0;
    json_decref(rest);
    if (!ok) {
        json_decref(json);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret = json;
    return 0;
}

/* --- targets --- */

bool rollout_target_has(const json_t *target, const char *labels)
{
    const char *key;
    json_t *value;
    bool has = true;
    json_t *wanted = json_object_get(target, "labels");
    if (json_is_true(json_object_get(target, "all")))
        return true;
    if (!json_is_object(wanted))
        return false;
    json_t *own = labels != NULL ? json_loads(labels, 0, NULL) : NULL;
    json_object_foreach(wanted, key, value) has &= json_equal(value, json_object_get(own, key)) != 0;
    json_decref(own);
    return has;
}
