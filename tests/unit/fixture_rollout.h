/* fixture_rollout.h: a fleet of rows, releases, and a rollout that the engine drives by a clock that the test moves. */
#ifndef MUSTER_TESTS_FIXTURE_ROLLOUT_H
#define MUSTER_TESTS_FIXTURE_ROLLOUT_H

#include "fixture_sql.h"

#include <inttypes.h>

#include "rollout/act.h"
#include "rollout/offer.h"

static inline int64_t count_state(struct fleet *f, const char *state)
{
    char text[160];
    (void)snprintf(text, sizeof text, "SELECT COUNT(*) FROM rollout_members WHERE state = '%s'", state);
    return number(f, text);
}

static inline const char *agent_id(int i)
{
    static char ids[4][UUID_SIZE];
    static int next;
    char *id = ids[next++ % 4];
    (void)snprintf(id, UUID_SIZE, "0199f3a0-7c1e-7d33-9c2a-%012x", (unsigned)i);
    return id;
}

/* Agents from..to-1, heard of just now. */
static inline void add_agents(struct fleet *f, int from, int to, const char *version)
{
    char text[900];
    (void)snprintf(text, sizeof text,
                   "WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d) "
                   "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, version, capabilities, status, "
                   "last_seen_ms, offline_after_ms, created_ms, updated_ms) "
                   "SELECT printf('0199f3a0-7c1e-7d33-9c2a-%%012x', i), 'a', 'a', '%s', printf('%%064x', i), '%s', "
                   "'[\"update\"]', 'online', %" PRId64 ", %" PRId64 ", 1, 1 FROM n",
                   from, to, f->owner, version, f->clock.now_ms, f->clock.now_ms + 90000);
    sql(f, text);
}

/* All agents but those of `away` are heard of now. */
static inline void everybody_beats(struct fleet *f)
{
    char text[200];
    (void)snprintf(text, sizeof text, "UPDATE agents SET last_seen_ms = %" PRId64 ", offline_after_ms = %" PRId64,
                   f->clock.now_ms, f->clock.now_ms + 90000);
    sql(f, text);
}

static inline void add_release(struct fleet *f, const char *version, const char *min_version)
{
    char text[300];
    (void)snprintf(text, sizeof text,
                   "INSERT INTO releases (version, channel, min_version, eventlog_min, status, size_bytes, created_ms) "
                   "VALUES ('%s', 'stable', '%s', 1, 'published', 1000, 1)",
                   version, min_version);
    sql(f, text);
}

static inline int write_new(struct db *db, void *ctx, struct err *err)
{
    return act_create(db, ctx, err);
}

/* A rollout to all, with this plan; the id is in static storage. */
static inline const char *begin(struct fleet *f, const char *version, const struct rollout_plan *plan)
{
    static struct rollout_new new;
    struct err err = {0};
    json_t *target = json_pack("{s:b}", "all", 1);
    new = (struct rollout_new){.audit_key = secrets_audit_key(f->app.secrets),
                               .audit = {.time_ms = f->clock.now_ms, .actor = "cli:0", .address = "", .request_id = ""},
                               .kind = ROLLOUT_STAGED,
                               .owner_id = f->owner,
                               .version = version,
                               .target = target,
                               .plan = *plan,
                               .now_ms = f->clock.now_ms};
    expect_ok(db_write(f->app.writer, write_new, &new, &err), &err);
    json_decref(target);
    return new.id;
}

static inline struct rollout_plan plan_of(int percent, int max_in_flight)
{
    struct rollout_plan plan;
    rollout_plan_default(&plan);
    plan.stages[0] = (struct rollout_stage){.percent = percent};
    plan.stage_count = 1;
    plan.max_in_flight = max_in_flight;
    return plan;
}

/* One tick as if nothing were remembered of the one before. */
static inline void tick(struct fleet *f)
{
    struct rollout_schedule schedule = {0};
    rollout_tick(&f->app, &schedule);
    assert_false(schedule.failing);
    rollout_tick_end(&schedule);
}

struct said {
    const char *agent_id;
    struct update_report report;
    int64_t now_ms;
};

static inline int write_said(struct db *db, void *ctx, struct err *err)
{
    const struct said *s = ctx;
    struct update_write write = {.now_ms = s->now_ms};
    return update_report_store(db, &write, s->agent_id, "0.1.0", &s->report, err);
}

static inline void say(struct fleet *f, const char *agent, const char *rollout, enum update_state state,
                       const char *version, const char *reason)
{
    struct err err = {0};
    struct said s = {
        .agent_id = agent, .report = {.state = state, .percent = UPDATE_NO_PERCENT}, .now_ms = f->clock.now_ms};
    (void)snprintf(s.report.version, sizeof s.report.version, "%s", version);
    (void)snprintf(s.report.rollout_id, sizeof s.report.rollout_id, "%s", rollout);
    (void)snprintf(s.report.reason, sizeof s.report.reason, "%s", reason);
    expect_ok(db_write(f->app.writer, write_said, &s, &err), &err);
}

/* So many of the agents that are offered something say this of it. */
static inline int some_say(struct fleet *f, int most, const char *rollout, enum update_state state, const char *version,
                           const char *reason)
{
    int said = 0;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    char(*ids)[UUID_SIZE] = calloc((size_t)most, sizeof *ids);
    assert_non_null(ids);
    assert_int_equal(sqlite3_open(f->base->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT agent_id FROM agent_updates WHERE offer_rollout_id IS NOT NULL", -1,
                                        &stmt, NULL),
                     SQLITE_OK);
    while (said < most && sqlite3_step(stmt) == SQLITE_ROW)
        (void)snprintf(ids[said++], UUID_SIZE, "%s", (const char *)sqlite3_column_text(stmt, 0));
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    for (int i = 0; i < said; i++)
        say(f, ids[i], rollout, state, version, reason);
    free(ids);
    return said;
}

static inline int everybody_says(struct fleet *f, const char *rollout, enum update_state state, const char *version,
                                 const char *reason)
{
    return some_say(f, 1000, rollout, state, version, reason);
}

#endif
