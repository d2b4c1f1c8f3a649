/* The engine's turns: which rollouts are driven when, and for how long the writer is held by it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "db/writer.h"
#include "rollout/engine.h"

enum {
    ACTIVE_MAX = 100,
    STEPS_MAX = 2000, /* of one tick: chunks of a scan */
    STEP_MS = 20,     /* after so long no other rollout is begun with */
    STEP_PAUSE_MS = 5,
    NOTHING_TO_DO_MS = 60 * 1000,
};

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* --- a step --- */

/* A round goes over all active rollouts, the oldest first: however many there are, each has its turn. A step is over so
 * many of them as its time allows. */
struct round {
    int64_t after_ms; /* of the last one that had its turn, when it was created */
    char after[UUID_SIZE];
    int64_t wait_ms; /* the least that a step of it asked for */
};

struct active {
    size_t count;
    struct active_rollout {
        char id[UUID_SIZE];
        int64_t created_ms;
    } list[ACTIVE_MAX];
};

static int read_active(struct db *db, int64_t now_ms, const struct round *round, struct active *ret, struct err *err)
{
    struct db_rows rows;
    ret->count = 0;
    int rc = db_query(db, DB_ROLLOUT_ACTIVE,
                      DB_ARGS(DB_INT("late_since", now_ms - 30 * DAY_MS), DB_INT("after_ms", round->after_ms),
                              DB_TEXT("after", round->after), DB_INT("limit", ACTIVE_MAX)),
                      &rows, err);
    while (rc == 0 && ret->count < ACTIVE_MAX && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct active_rollout *a = &ret->list[ret->count++];
        const char *id = db_rows_text(&rows, 0);
        (void)snprintf(a->id, sizeof a->id, "%s", id != NULL ? id : "");
        a->created_ms = db_rows_int(&rows, 1, 0);
        rc = 0;
    }
    db_rows_done(&rows);
    return rc;
}

static void had_its_turn(struct round *round, const struct active_rollout *a)
{
    round->after_ms = a->created_ms;
    memcpy(round->after, a->id, sizeof round->after);
}

struct step {
    struct engine engine;
    const struct clock *clock;
    struct round *round;
    bool minimum_due;
    bool last; /* of the round */
};

static int drive_some(struct step *step, const struct active *active, struct err *err)
{
    struct engine *e = &step->engine;
    int64_t start_ms = clock_monotonic_ms(step->clock);
    size_t i = 0;
    int rc = 0;
    while (rc == 0 && i < active->count && (i == 0 || clock_monotonic_ms(step->clock) - start_ms < STEP_MS)) {
        struct rollout r = {0};
        rc = rollout_load(e->db, active->list[i].id, &r, err);
        if (rc == 0)
            rc = engine_drive(e, &r, err);
        rollout_done(&r);
        had_its_turn(step->round, &active->list[i++]);
    }
    step->last = i == active->count && active->count < ACTIVE_MAX;
    return rc;
}

static int write_step(struct db *db, void *ctx, struct err *err)
{
    struct step *step = ctx;
    struct engine *e = &step->engine;
    struct active active = {.count = 0};
    e->db = db;
    int rc = engine_deadlines(e, err);
    if (rc == 0 && step->minimum_due)
        rc = engine_minimum(e, err);
    if (rc == 0)
        rc = read_active(db, e->now_ms, step->round, &active, err);
    if (rc == 0)
        rc = drive_some(step, &active, err);
    if (active.count > 0 || e->under_way)
        engine_again(e, ENGINE_IDLE_MS);
    /* The first offers after a quiet time: silence counts from now, not from the last time there were any. */
    if (rc == 0 && !e->under_way && e->rev != 0)
        rc = engine_alive(e, err);
    return rc;
}

/* --- the tick --- */

/* Whether anything moved or is due. The counters are remembered as they were before the steps: what those move
 * themselves is looked at again. */
static int is_due(struct app *app, struct rollout_schedule *s, int64_t now_ms, bool *ret, bool *ret_minimum,
                  struct err *err)
{
    int64_t rollouts = 0, releases = 0;
    int rc = 0;
    if (s->db == NULL)
        rc = db_open(&(struct db_options){.path = app->settings->db_path, .read_only = true}, &s->db, err);
    if (rc == 0)
        rc = db_query_number(s->db, DB_CHANGE_GET, DB_ARGS(DB_TEXT("topic", "rollouts")), &rollouts, err);
    if (rc == 0)
        rc = db_query_number(s->db, DB_CHANGE_GET, DB_ARGS(DB_TEXT("topic", "releases")), &releases, err);
    if (rc != 0)
        return rc;
    *ret_minimum = releases != s->releases || now_ms >= s->minimum_due_ms;
    *ret = *ret_minimum || rollouts != s->rollouts || now_ms >= s->next_ms || s->next_ms - now_ms > NOTHING_TO_DO_MS;
    s->rollouts = rollouts;
    s->releases = releases;
    if (*ret_minimum)
        s->minimum_due_ms = now_ms + ENGINE_RESCAN_MS;
    return 0;
}

static struct engine engine_now(const struct app *app)
{
    return (struct engine){
        .audit_key = secrets_audit_key(app->secrets),
        .now_ms = clock_now_ms(app->clock),
        .poll_interval_ms = app->settings->poll_interval_s * INT64_C(1000),
        .uplink_mbps = app->settings->uplink_mbps,
        .wait_ms = NOTHING_TO_DO_MS,
    };
}

struct judging {
    struct engine engine;
    const char *rollout_id;
    struct engine_unhealthy unhealthy;
};

static int write_judging(struct db *db, void *ctx, struct err *err)
{
    struct judging *j = ctx;
    j->engine.db = db;
    return engine_errors_write(&j->engine, j->rollout_id, &j->unhealthy, err);
}

/* Read here, beside the writer. */
static int judge_errors(struct app *app, struct rollout_schedule *s, const char *rollout_id, struct err *err)
{
    struct rollout r = {0};
    struct judging j = {.engine = engine_now(app), .rollout_id = rollout_id};
    int rc = rollout_load(s->db, rollout_id, &r, err);
    bool due = rc == 0 && engine_errors_due(&r, j.engine.now_ms);
    if (due)
        rc = engine_errors_read(s->db, &r, j.engine.now_ms, &j.unhealthy, err);
    if (rc == 0 && due)
        rc = db_write(app->writer, write_judging, &j, err);
    rollout_done(&r);
    return rc;
}

static int judge_all(struct app *app, struct rollout_schedule *s, struct err *err)
{
    struct round round = {.after_ms = 0};
    struct active active = {.count = 0};
    int rc = 0;
    do {
        rc = read_active(s->db, clock_now_ms(app->clock), &round, &active, err);
        for (size_t i = 0; rc == 0 && i < active.count; i++) {
            rc = judge_errors(app, s, active.list[i].id, err);
            had_its_turn(&round, &active.list[i]);
        }
    } while (rc == 0 && active.count == ACTIVE_MAX);
    return rc;
}

static int run_steps(struct app *app, struct rollout_schedule *s, struct err *err)
{
    static const struct timespec pause = {.tv_nsec = STEP_PAUSE_MS * 1000000L};
    const struct round first = {.wait_ms = NOTHING_TO_DO_MS};
    struct round round = first;
    struct step step = {.clock = app->clock, .round = &round};
    bool due = false, minimum_due = false;
    int rc = is_due(app, s, clock_now_ms(app->clock), &due, &minimum_due, err);
    if (rc == 0 && due)
        rc = judge_all(app, s, err);
    for (int i = 0; rc == 0 && due && i < STEPS_MAX; i++) {
        step.minimum_due = minimum_due && i == 0;
        step.engine = engine_now(app);
        rc = db_write(app->writer, write_step, &step, err);
        if (step.engine.wait_ms < round.wait_ms)
            round.wait_ms = step.engine.wait_ms;
        s->next_ms = step.engine.now_ms + round.wait_ms;
        due = !step.last || round.wait_ms == 0;
        if (step.last)
            round = first;
        if (due)
            (void)nanosleep(&pause, NULL);
    }
    return rc;
}

void rollout_tick(struct app *app, struct rollout_schedule *schedule)
{
    struct err err = {0};
    bool failed = run_steps(app, schedule, &err) != 0;
    if (failed && !schedule->failing) /* once, not every second */
        log_error("rollouts do not go on: %s", err.msg);
    if (!failed && schedule->failing)
        log_info("rollouts go on again");
    schedule->failing = failed;
}

void rollout_tick_end(struct rollout_schedule *schedule)
{
    db_close(schedule->db);
    schedule->db = NULL;
}
