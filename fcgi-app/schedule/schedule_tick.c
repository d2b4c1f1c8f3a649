/* The scheduler: configs that are due get a run, runs whose agent is there are handed out. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/config.h"
#include "backup/config_options.h"
#include "backup/runs.h"
#include "common/log.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "schedule/schedule.h"
#include "schedule/schedule_batch.h"

enum {
    ARENA_BYTES = 4 << 20,
    BATCHES_MAX = 100, /* of one tick: then others have their turn */
    WATCH_MS = 5 * 1000,
    RETRY_MS = 10 * 1000,
};

#define HOUR_MS (INT64_C(3600) * 1000)

/* --- batches --------------------------------------------------------------------------------------------------------
 */

static int write_batch(struct db *db, void *ctx, struct err *err)
{
    struct schedule_batch *b = ctx;
    int rc = 0;
    b->wake_count = 0;
    b->arena = arena_new(ARENA_BYTES);
    if (b->arena == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the schedule");
    for (size_t i = 0; rc == 0 && i < b->count; i++) {
        arena_reset(b->arena);
        rc = b->each(db, b, b->ids[i], err);
    }
    while (b->held_count > 0)
        schedule_done(&b->held[--b->held_count]);
    arena_free(b->arena);
    b->arena = NULL;
    return rc;
}

int schedule_batch_write(struct schedule_batch *b, struct err *err)
{
    int rc = b->count > 0 ? db_write(b->app->writer, write_batch, b, err) : 0;
    for (size_t i = 0; rc == 0 && i < b->wake_count; i++)
        fleet_agent_wake(b->app, b->wake[i]);
    b->count = b->wake_count = 0;
    return rc;
}

int schedule_batch_add(struct schedule_batch *b, const char *id, struct err *err)
{
    (void)snprintf(b->ids[b->count++], UUID_SIZE, "%s", id);
    return b->count == SCHEDULE_BATCH ? schedule_batch_write(b, err) : 0;
}

/* Batch after batch of what a statement of :now and :limit lists, until it lists no full one. What a write has done is
 * not listed again. */
static int write_all(struct schedule_batch *b, struct db *db, enum db_statement listed, struct err *err)
{
    size_t found = SCHEDULE_BATCH;
    int rc = 0;
    for (int i = 0; rc == 0 && found == SCHEDULE_BATCH && i < BATCHES_MAX; i++) {
        struct db_rows rows;
        found = 0;
        rc = db_query(db, listed, DB_ARGS(DB_INT("now", b->now_ms), DB_INT("limit", SCHEDULE_BATCH)), &rows, err);
        while (rc == 0 && found < SCHEDULE_BATCH && (rc = db_rows_next(&rows, err)) == DB_ROW) {
            (void)snprintf(b->ids[found++], UUID_SIZE, "%s", db_rows_text(&rows, 0));
            rc = 0;
        }
        db_rows_done(&rows);
        b->count = found;
        if (rc == 0)
            rc = schedule_batch_write(b, err);
    }
    return rc;
}

/* --- the server's own agent -----------------------------------------------------------------------------------------
 */

struct server_agent {
    char old[UUID_SIZE]; /* "": none */
    char id[UUID_SIZE];
};

static int write_server_agent(struct db *db, void *ctx, struct err *err)
{
    const struct server_agent *s = ctx;
    int rc = s->id[0] != '\0' ? db_exec(db, DB_FACT_SET,
                                        DB_ARGS(DB_TEXT("name", "server_agent"), DB_TEXT("value", s->id)), NULL, err)
                              : db_exec(db, DB_SCHEDULE_SERVER_AGENT_FORGET, DB_NO_ARGS, NULL, err);
    if (rc == 0)
        rc = fleet_agent_configs_changed(db, s->old[0] != '\0' ? s->old : NULL, err);
    return rc == 0 ? fleet_agent_configs_changed(db, s->id[0] != '\0' ? s->id : NULL, err) : rc;
}

/* The setting names it by id or name; everything else goes by the fact, so that all processes and statements agree. */
static int keep_server_agent(struct app *app, struct db *db, struct err *err)
{
    struct server_agent s = {.old = ""};
    struct err why = {0};
    struct db_rows rows;
    const char *wanted = app->settings->server_agent;
    int rc = db_query_one(db, DB_SCHEDULE_SERVER_AGENT, DB_NO_ARGS, &rows, err);
    if (rc == DB_ROW) {
        (void)snprintf(s.old, sizeof s.old, "%s", db_rows_text(&rows, 0));
        db_rows_done(&rows);
    } else if (rc != DB_DONE) {
        return rc;
    }
    rc = wanted != NULL ? fleet_agent_resolve(db, wanted, s.id, &why) : 0;
    if (rc != 0 && rc != ERR_NOT_FOUND && rc != ERR_CONFLICT)
        return err_set(err, why.code, "%s", why.msg);
    if (rc != 0)
        s.id[0] = '\0';
    if (strcmp(s.id, s.old) == 0)
        return 0;
    log_info("the server's own backups are made by %s", s.id[0] != '\0' ? s.id : "nobody");
    return db_write(app->writer, write_server_agent, &s, err);
}

/* --- due ------------------------------------------------------------------------------------------------------------
 */

static int is_live(struct db *db, const char *agent_id, bool *ret, struct err *err)
{
    struct db_rows rows;
    *ret = false;
    if (agent_id == NULL)
        return 0;
    int rc = db_query_one(db, DB_SCHEDULE_RUNNER_LIVE, DB_ARGS(DB_TEXT("id", agent_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    *ret = true;
    db_rows_done(&rows);
    return 0;
}

/* -1: never again. */
static int set_due(struct db *db, const char *config_id, int64_t due_ms, struct err *err)
{
    return db_exec(db, DB_SCHEDULE_DUE_SET,
                   DB_ARGS(DB_TEXT("id", config_id), due_ms >= 0 ? DB_INT("due", due_ms) : DB_NULL("due")), NULL, err);
}

/* Of the batch's current config; the batch keeps it. NULL: it says something that is no more. */
static const struct schedule *read_schedule(struct schedule_batch *b, const struct backup_config *c)
{
    struct schedule *s = &b->held[b->held_count++];
    struct err err = {0};
    json_t *options = config_options_complete(c->options);
    *s = (struct schedule){.kind = SCHEDULE_NONE};
    int rc = options == NULL ? err_set(&err, ERR_NOMEM, "no memory for a schedule")
                             : schedule_init(s, options, c->id, c->created_ms, &err);
    json_decref(options);
    if (rc == 0)
        return s;
    log_error("the schedule of backup config %s cannot be kept: %s", c->id, err.msg);
    return NULL;
}

/* A run that is still waiting or under way stands for this turn as well: what was missed is caught up once. */
static int queue(struct db *db, const struct schedule_batch *b, const struct backup_config *c, struct err *err)
{
    char run_id[UUID_SIZE];
    bool live = false;
    int rc = is_live(db, c->runner_id, &live, err);
    if (rc != 0 || !live)
        return rc;
    const struct run_queue run = {
        .config_id = c->id, .agent_id = c->runner_id, .origin = "schedule", .now_ms = b->now_ms};
    rc = run_queue(db, &run, run_id, err);
    return rc == ERR_CONFLICT || rc == ERR_NOT_FOUND ? 0 : rc;
}

static int queue_each(struct db *db, struct schedule_batch *b, const char *id, struct err *err)
{
    struct backup_config c;
    int64_t next_ms = -1;
    int rc = config_get(db, id, NULL, b->arena, &c, err);
    if (rc == ERR_NOT_FOUND || (rc == 0 && (c.due_ms < 0 || c.due_ms > b->now_ms)))
        return 0; /* another process was here */
    if (rc != 0)
        return rc;
    const struct schedule *s = read_schedule(b, &c);
    if (s == NULL) {
        next_ms = b->now_ms + HOUR_MS;
    } else if (!schedule_open(s, b->now_ms)) {
        next_ms = schedule_opening(s, b->now_ms); /* nobody was here while the window was open */
    } else {
        rc = queue(db, b, &c, err);
        (void)schedule_following(s, b->now_ms, &next_ms);
    }
    return rc == 0 ? set_due(db, id, next_ms, err) : rc;
}

/* --- handing out ----------------------------------------------------------------------------------------------------
 */

static int hand_out(struct db *db, struct schedule_batch *b, const struct backup_config *c, const char *run_id,
                    const char *agent_id, struct err *err)
{
    char command_id[UUID_SIZE];
    const struct run_hand_out hand_out = {
        .run_id = run_id, .config_id = c->id, .agent_id = agent_id, .created_by = "schedule", .now_ms = b->now_ms};
    int rc = run_hand_out(db, &hand_out, command_id, err);
    if (rc == 0)
        (void)snprintf(b->wake[b->wake_count++], UUID_SIZE, "%s", agent_id);
    return rc;
}

/* The agent came back when the window was closed: the config is due when it opens, as if it had been all the time. */
static int put_back(struct db *db, const struct backup_config *c, const char *run_id, int64_t opening_ms,
                    struct err *err)
{
    int rc = db_exec(db, DB_SCHEDULE_PUT_BACK, DB_ARGS(DB_TEXT("id", run_id)), NULL, err);
    if (rc == 0)
        rc = set_due(db, c->id, opening_ms, err);
    return rc == 0 ? db_changed(db, "runs", err) : rc;
}

static int hand_out_each(struct db *db, struct schedule_batch *b, const char *id, struct err *err)
{
    struct backup_config c;
    struct db_rows rows;
    int rc = db_query_one(db, DB_SCHEDULE_WAITING_GET, DB_ARGS(DB_TEXT("id", id)), &rows, err);
    if (rc != DB_ROW)
        return rc; /* another process was here */
    const char *config_id = arena_strdup(b->arena, db_rows_text(&rows, 0));
    const char *agent_id = arena_strdup(b->arena, db_rows_text(&rows, 1));
    db_rows_done(&rows);
    if (config_id == NULL || agent_id == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a run");
    rc = config_get(db, config_id, NULL, b->arena, &c, err);
    if (rc != 0)
        return rc;
    const struct schedule *s = read_schedule(b, &c); /* NULL: rather a backup at the wrong time than none */
    return s != NULL && !schedule_open(s, b->now_ms) ? put_back(db, &c, id, schedule_opening(s, b->now_ms), err)
                                                     : hand_out(db, b, &c, id, agent_id, err);
}

/* --- the tick -------------------------------------------------------------------------------------------------------
 */

/* With very many hosts away there is much to look through for the few that are back: at most so often that it takes a
 * twentieth of the time. */
static int hand_out_all(struct app *app, struct backup_schedule *s, int64_t now_ms, struct err *err)
{
    struct schedule_batch waiting = {.app = app, .each = hand_out_each, .now_ms = now_ms};
    int64_t begun_ms = clock_monotonic_ms(app->clock);
    if (begun_ms < s->waiting_ms)
        return 0;
    int rc = write_all(&waiting, s->db, DB_SCHEDULE_WAITING, err);
    int64_t ended_ms = clock_monotonic_ms(app->clock);
    s->waiting_ms = ended_ms + (ended_ms - begun_ms) * 20;
    return rc;
}

static int tick(struct app *app, struct backup_schedule *s, int64_t now_ms, struct err *err)
{
    struct schedule_batch due = {.app = app, .each = queue_each, .now_ms = now_ms};
    int rc = 0;
    if (s->db == NULL)
        rc = db_open(&(struct db_options){.path = app->settings->db_path, .read_only = true}, &s->db, err);
    if (rc == 0)
        rc = keep_server_agent(app, s->db, err);
    if (rc == 0)
        rc = write_all(&due, s->db, DB_SCHEDULE_DUE, err);
    if (rc == 0)
        rc = hand_out_all(app, s, now_ms, err);
    int64_t monotonic_ms = clock_monotonic_ms(app->clock);
    if (rc == 0 && monotonic_ms >= s->watch_ms) {
        rc = schedule_watch(app, s->db, now_ms, s->watched, err);
        s->watch_ms = monotonic_ms + WATCH_MS;
    }
    return rc;
}

void backup_schedule_tick(struct app *app, struct backup_schedule *s)
{
    struct err err = {0};
    if (clock_monotonic_ms(app->clock) < s->retry_ms || tick(app, s, clock_now_ms(app->clock), &err) == 0)
        return;
    log_error("backups were not scheduled: %s", err.msg);
    s->retry_ms = clock_monotonic_ms(app->clock) + RETRY_MS;
    backup_schedule_end(s);
}

void backup_schedule_end(struct backup_schedule *s)
{
    db_close(s->db);
    s->db = NULL;
}
