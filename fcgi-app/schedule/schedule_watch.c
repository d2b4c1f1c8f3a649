/* What the scheduler looks after beside starting runs: those that take too long, those that nobody will make, backups
 * that are late, and proofs that are due. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "backup/config.h"
#include "backup/config_options.h"
#include "backup/runs.h"
#include "common/log.h"
#include "db/writer.h"
#include "ops/alert.h"
#include "restore/jobs.h"
#include "schedule/schedule_batch.h"

enum {
    PAGE = 1000,              /* configs looked at in one turn */
    GRACE_MS = 2 * 60 * 1000, /* the agent keeps the limit itself, and says more about it */
    STRAYS_MAX = 100,
};

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS  (24 * HOUR_MS)

static int64_t number_of(const json_t *options, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(options, key));
}

/* --- runs that end ---------------------------------------------------------------------------------------------------
 */

struct ending {
    struct run_end end;
    struct alert alert; /* without a kind: nobody needs to hear of it */
};

static int write_end(struct db *db, void *ctx, struct err *err)
{
    const struct ending *e = ctx;
    bool ended = false;
    int rc = run_end(db, &e->end, &ended, err);
    return rc == 0 && ended && e->alert.kind != NULL ? alert_raise(db, &e->alert, err) : rc;
}

/* The config was deleted or given to another agent while its run waited. */
static int end_strays(struct app *app, struct db *db, int64_t now_ms, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, DB_SCHEDULE_STRAYS, DB_ARGS(DB_INT("limit", STRAYS_MAX)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct ending ending = {.end = {.run_id = db_rows_text(&rows, 0),
                                        .was = "queued",
                                        .status = "cancelled",
                                        .why = "The backup config was deleted or given to another agent.",
                                        .now_ms = now_ms}};
        rc = db_write(app->writer, write_end, &ending, err);
    }
    db_rows_done(&rows);
    return rc;
}

static int stop_run(struct app *app, const struct db_rows *rows, int64_t minutes, int64_t now_ms, struct err *err)
{
    char why[120], message[500];
    (void)snprintf(why, sizeof why, "The run took longer than the %lld minutes that its config allows.",
                   (long long)minutes);
    (void)snprintf(message, sizeof message, "The backup \"%.120s\" of %.120s took too long and was ended.",
                   db_rows_text(rows, 5), db_rows_text(rows, 6));
    log_warning("run %s: %s", db_rows_text(rows, 0), message);
    struct ending ending = {
        .end = {.run_id = db_rows_text(rows, 0), .was = "running", .status = "failed", .why = why, .now_ms = now_ms},
        .alert = {.kind = "backup.failed",
                  .message = message,
                  .user_id = db_rows_text(rows, 3),
                  .agent_id = db_rows_text(rows, 4),
                  .time_ms = now_ms},
    };
    return db_write(app->writer, write_end, &ending, err);
}

static int stop_long_runs(struct app *app, struct db *db, int64_t now_ms, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, DB_SCHEDULE_RUNNING, DB_NO_ARGS, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *options = json_loads(db_rows_text(&rows, 2), 0, NULL);
        int64_t minutes = number_of(options, "maxRuntimeMinutes");
        json_decref(options);
        rc = 0;
        if (minutes > 0 && now_ms - db_rows_int(&rows, 1, now_ms) > minutes * 60 * 1000 + GRACE_MS)
            rc = stop_run(app, &rows, minutes, now_ms, err);
    }
    db_rows_done(&rows);
    return rc;
}

/* --- late -----------------------------------------------------------------------------------------------------------
 */

/* What a config is late against: its last success, or that it was made. -1: it is not late. */
static int64_t late_since(const json_t *options, int64_t made_ms, int64_t good_ms, int64_t now_ms)
{
    int64_t hours = number_of(options, "alertAfterHours");
    int64_t since_ms = good_ms >= 0 ? good_ms : made_ms;
    return hours > 0 && now_ms - since_ms > hours * HOUR_MS ? since_ms : -1;
}

static int last_good(struct db *db, const char *config_id, int64_t *ret_ms, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_SCHEDULE_LAST_GOOD, DB_ARGS(DB_TEXT("config_id", config_id)), &rows, err);
    *ret_ms = -1;
    if (rc != DB_ROW)
        return rc;
    *ret_ms = db_rows_int(&rows, 0, -1);
    db_rows_done(&rows);
    return 0;
}

static int raise_late(struct db *db, const struct backup_config *c, int64_t since_ms, int64_t now_ms, struct err *err)
{
    char message[500];
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_AGENT_FACTS, DB_ARGS(DB_TEXT("id", c->runner_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(message, sizeof message, "The backup \"%.120s\" of %.120s has not succeeded for %lld hours.",
                   c->name, db_rows_text(&rows, 1), (long long)((now_ms - since_ms) / HOUR_MS));
    db_rows_done(&rows);
    const struct alert alert = {.kind = "backup.late",
                                .message = message,
                                .user_id = c->user_id,
                                .agent_id = c->runner_id,
                                .time_ms = now_ms,
                                .repeat = true}; /* of each config of the agent one */
    return alert_raise(db, &alert, err);
}

static int judge_late(struct db *db, const struct schedule_batch *b, const struct backup_config *c,
                      const json_t *options, struct err *err)
{
    int64_t good_ms = -1, changed = 0;
    int rc = last_good(db, c->id, &good_ms, err);
    int64_t since_ms = late_since(options, c->created_ms, good_ms, b->now_ms);
    if (rc == 0)
        rc = db_exec(db, DB_SCHEDULE_LATE_SET,
                     DB_ARGS(DB_TEXT("id", c->id), since_ms >= 0 ? DB_INT("since", since_ms) : DB_NULL("since")),
                     &changed, err);
    if (rc != 0 || changed == 0)
        return rc;
    if (since_ms >= 0)
        return raise_late(db, c, since_ms, b->now_ms, err);
    return db_exec(db, DB_SCHEDULE_LATE_ALERTS_END,
                   DB_ARGS(DB_TEXT("agent_id", c->runner_id), DB_INT("now", b->now_ms)), NULL, err);
}

/* --- proofs ---------------------------------------------------------------------------------------------------------
 */

/* The newest run that can be restored, if there is one yet. */
static int newest_restorable(struct db *db, struct arena *arena, const char *config_id, const char **ret_run,
                             struct err *err)
{
    struct db_rows rows;
    *ret_run = NULL;
    int rc = db_query_one(db, DB_SCHEDULE_NEWEST_RESTORABLE, DB_ARGS(DB_TEXT("config_id", config_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    *ret_run = arena_strdup(arena, db_rows_text(&rows, 0));
    db_rows_done(&rows);
    return *ret_run != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a run");
}

/* Whole intervals from when it was due, so that it does not drift; without a backup it is looked for again soon. */
static int64_t next_proof(int64_t due_ms, int64_t days, bool found, int64_t now_ms)
{
    if (days <= 0)
        return -1;
    return found ? due_ms + ((now_ms - due_ms) / (days * DAY_MS) + 1) * days * DAY_MS : now_ms + HOUR_MS;
}

static int prove(struct db *db, const struct schedule_batch *b, const struct backup_config *c, const json_t *options,
                 struct err *err)
{
    char job_id[UUID_SIZE];
    const char *verifier = json_string_value(json_object_get(options, "verifyAgentId"));
    int64_t days = number_of(options, "verifyEveryDays");
    const char *run_id = NULL;
    int rc = newest_restorable(db, b->arena, c->id, &run_id, err);
    if (rc == 0 && run_id != NULL && days > 0) {
        const struct job_new job = {.kind = "verify",
                                    .run_id = run_id,
                                    .config_id = c->id,
                                    .agent_id = verifier != NULL ? verifier : c->runner_id,
                                    .user_id = c->user_id,
                                    .created_by = "system",
                                    .now_ms = b->now_ms};
        rc = job_create(db, &job, job_id, err);
        rc = rc == ERR_CONFLICT || rc == ERR_NOT_FOUND ? 0 : rc; /* asked already, or the agent is gone */
    }
    int64_t next_ms = next_proof(c->verify_due_ms, days, run_id != NULL, b->now_ms);
    return rc == 0 ? db_exec(db, DB_SCHEDULE_VERIFY_SET,
                             DB_ARGS(DB_TEXT("id", c->id), next_ms >= 0 ? DB_INT("due", next_ms) : DB_NULL("due"),
                                     DB_INT("now", b->now_ms)),
                             NULL, err)
                   : rc;
}

/* --- going round ----------------------------------------------------------------------------------------------------
 */

static int judge_each(struct db *db, struct schedule_batch *b, const char *id, struct err *err)
{
    struct backup_config c;
    int rc = config_get(db, id, NULL, b->arena, &c, err);
    if (rc != 0 || c.runner_id == NULL)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    json_t *options = config_options_complete(c.options);
    rc = options == NULL ? err_set(err, ERR_NOMEM, "no memory for options") : judge_late(db, b, &c, options, err);
    if (rc == 0 && c.verify_due_ms >= 0 && c.verify_due_ms <= b->now_ms)
        rc = prove(db, b, &c, options, err);
    json_decref(options);
    return rc;
}

/* Whether the config of the row needs a write. */
static bool has_changed(const struct db_rows *rows, int64_t now_ms)
{
    json_t *options = json_loads(db_rows_text(rows, 1), 0, NULL);
    int64_t since_ms = late_since(options, db_rows_int(rows, 2, 0), db_rows_int(rows, 5, -1), now_ms);
    json_decref(options);
    int64_t verify_ms = db_rows_int(rows, 4, INT64_MAX);
    return since_ms != db_rows_int(rows, 3, -1) || verify_ms <= now_ms;
}

static int go_round(struct app *app, struct db *db, int64_t now_ms, char after[UUID_SIZE], struct err *err)
{
    struct schedule_batch batch = {.app = app, .each = judge_each, .now_ms = now_ms};
    struct db_rows rows;
    int seen = 0;
    int rc = db_query(db, DB_SCHEDULE_WATCHED, DB_ARGS(DB_TEXT("after", after), DB_INT("limit", PAGE)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        (void)snprintf(after, UUID_SIZE, "%s", db_rows_text(&rows, 0));
        seen++;
        rc = has_changed(&rows, now_ms) ? schedule_batch_add(&batch, after, err) : 0;
    }
    db_rows_done(&rows);
    if (rc == 0)
        rc = schedule_batch_write(&batch, err);
    if (seen < PAGE)
        after[0] = '\0';
    return rc;
}

int schedule_watch(struct app *app, struct db *db, int64_t now_ms, char after[UUID_SIZE], struct err *err)
{
    int rc = end_strays(app, db, now_ms, err);
    if (rc == 0)
        rc = stop_long_runs(app, db, now_ms, err);
    return rc == 0 ? go_round(app, db, now_ms, after, err) : rc;
}
