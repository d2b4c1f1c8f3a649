/* What happens to jobs without anybody asking: handing out, thawing, ends that the agent did not tell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "common/log.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "restore/jobs.h"
#include "restore/thaw.h"

enum {
    BATCH = 100,
    DETAIL_BYTES = 600, /* an agent's answer has at most 500 */
    THAW_LOOK_MS = 5 * 60 * 1000,
};

/* A restore that nobody waits for any more must not surprise a host that comes back after days. */
#define COMMAND_LIFE_MS (INT64_C(24) * 3600 * 1000)

/* How long an ended job is shown; the audit trail knows of it for ever. */
#define KEPT_MS (INT64_C(90) * 24 * 3600 * 1000)

static int write_end(struct db *db, void *ctx, struct err *err)
{
    return job_end(db, ctx, err);
}

/* Ended meanwhile is as good. */
static int end(struct app *app, const struct job_end *e, struct err *err)
{
    struct job_end copy = *e;
    struct err ended = {0};
    int rc = db_write(app->writer, write_end, &copy, &ended);
    if (rc != 0 && rc != ERR_CONFLICT) {
        *err = ended;
        return rc;
    }
    return 0;
}

/* --- handing out ----------------------------------------------------------------------------------------------------
 */

struct waiting {
    const char *id;
    const char *kind;
    const char *run_id; /* NULL: deleted */
    const char *agent_id;
    const char *request;
    const char *created_by;
    int64_t now_ms;
    char detail[DETAIL_BYTES];
};

/* DB_DONE: it does not wait any more. */
static int read_waiting(struct db *db, const char *id, struct arena *arena, struct waiting *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_JOB_TO_HAND_OUT, DB_ARGS(DB_TEXT("id", id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    const char *run_id = db_rows_text(&rows, 1);
    ret->id = id;
    ret->kind = arena_strdup(arena, db_rows_text(&rows, 0));
    ret->run_id = arena_strdup(arena, run_id);
    ret->agent_id = arena_strdup(arena, db_rows_text(&rows, 2));
    ret->request = arena_strdup(arena, db_rows_text(&rows, 3));
    ret->created_by = arena_strdup(arena, db_rows_text(&rows, 4));
    db_rows_done(&rows);
    bool whole = ret->kind != NULL && ret->agent_id != NULL && ret->request != NULL && ret->created_by != NULL &&
                 (run_id == NULL || ret->run_id != NULL);
    return whole ? DB_ROW : err_set(err, ERR_NOMEM, "no memory for a job");
}

static int write_command(struct db *db, void *ctx, struct err *err)
{
    const struct waiting *w = ctx;
    char command_id[UUID_SIZE];
    int64_t changed = 0;
    const struct fleet_command_new command = {
        .agent_id = w->agent_id,
        .kind = w->kind,
        .args = w->request,
        .created_by = w->created_by,
        .now_ms = w->now_ms,
        .expires_ms = w->now_ms + COMMAND_LIFE_MS,
    };
    int rc = fleet_command_create(db, &command, command_id, err);
    if (rc == 0)
        rc = db_exec(db, DB_JOB_HANDED_OUT,
                     DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("command_id", command_id), DB_INT("now", w->now_ms)),
                     &changed, err);
    return rc == 0 && changed == 0 ? err_set(err, ERR_CONFLICT, "The job does not wait any more.") : rc;
}

static int write_thawing(struct db *db, void *ctx, struct err *err)
{
    const struct waiting *w = ctx;
    return db_exec(db, DB_JOB_THAWING,
                   DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("detail", w->detail), DB_INT("now", w->now_ms)), NULL, err);
}

static int hand_out(struct app *app, struct db *db, struct waiting *w, struct arena *arena, struct err *err)
{
    struct restorable run;
    struct thaw thaw;
    if (w->run_id == NULL)
        return err_set(err, ERR_NOT_FOUND, "The run was deleted.");
    const struct restorable_wanted wanted = {.agent_id = w->agent_id, .run_id = w->run_id};
    int rc = restorable_find(db, &wanted, arena, &run, err);
    if (rc == 0)
        rc = thaw_chain(app, &run, w->now_ms, arena, &thaw, err);
    if (rc != 0)
        return rc;
    if (thaw.waiting > 0) {
        (void)snprintf(w->detail, sizeof w->detail,
                       "%zu of %zu objects are being brought back from the store's archive, which takes hours.",
                       thaw.waiting, thaw.objects);
        return db_write(app->writer, write_thawing, w, err);
    }
    struct err stale = {0};
    rc = db_write(app->writer, write_command, w, &stale);
    if (rc == 0)
        fleet_agent_wake(app, w->agent_id);
    else if (rc != ERR_CONFLICT)
        *err = stale;
    return rc == ERR_CONFLICT ? 0 : rc;
}

int jobs_hand_out(struct app *app, struct db *db, const char *id, struct err *err)
{
    struct arena *arena = arena_new(RESTORABLE_ARENA_BYTES);
    struct waiting w = {.now_ms = clock_now_ms(app->clock)};
    int rc = arena == NULL ? err_set(err, ERR_NOMEM, "no memory for a job") : read_waiting(db, id, arena, &w, err);
    if (rc == DB_ROW) {
        rc = hand_out(app, db, &w, arena, err);
        if (rc == ERR_NOT_FOUND || rc == ERR_CONFLICT || rc == ERR_TOO_BIG) {
            (void)snprintf(w.detail, sizeof w.detail, "%s", err->msg);
            rc = end(app, &(struct job_end){id, "failed", w.detail, w.now_ms, 0}, err);
        }
    }
    arena_free(arena);
    return rc;
}

struct ids {
    size_t count;
    char id[BATCH][UUID_SIZE];
};

/* The ids that a statement gives for a time. */
static int list_ids(struct db *db, enum db_statement statement, int64_t before_ms, struct ids *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, statement, DB_ARGS(DB_INT("before", before_ms)), &rows, err);
    while (rc == 0 && ret->count < BATCH && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        (void)snprintf(ret->id[ret->count++], UUID_SIZE, "%s", db_rows_text(&rows, 0));
        rc = 0;
    }
    db_rows_done(&rows);
    return rc;
}

/* One job that the store does not answer for must not hold up the others. */
static int hand_out_waiting(struct app *app, struct db *db, int64_t now_ms, struct err *err)
{
    struct ids list = {0};
    int rc = list_ids(db, DB_JOB_WAITING, now_ms - THAW_LOOK_MS, &list, err);
    for (size_t i = 0; rc == 0 && i < list.count; i++) {
        struct err one = {0};
        if (jobs_hand_out(app, db, list.id[i], &one) != 0)
            log_warning("job %s could not be handed out yet: %s", list.id[i], one.msg);
    }
    return rc;
}

/* --- ends -----------------------------------------------------------------------------------------------------------
 */

struct ended {
    char id[UUID_SIZE];
    const char *status;
    char detail[DETAIL_BYTES];
};

static void read_ended(const struct db_rows *rows, struct ended *ret)
{
    const char *answer = db_rows_text(rows, 1), *detail = db_rows_text(rows, 2);
    (void)snprintf(ret->id, sizeof ret->id, "%s", db_rows_text(rows, 0));
    ret->status = "failed";
    if (strcmp(answer, "refused") == 0)
        ret->status = "refused";
    else if (strcmp(answer, "expired") == 0)
        ret->status = "lost";
    if (strcmp(answer, "unsupported") == 0)
        (void)snprintf(ret->detail, sizeof ret->detail, "The agent cannot do this yet: update it. %s", detail);
    else if (strcmp(answer, "expired") == 0)
        (void)snprintf(ret->detail, sizeof ret->detail, "The agent did not come for the job within a day.");
    else
        (void)snprintf(ret->detail, sizeof ret->detail, "%s", detail);
}

static int end_answered(struct app *app, struct db *db, int64_t now_ms, struct err *err)
{
    struct ended *list = calloc(BATCH, sizeof *list);
    struct db_rows rows;
    size_t count = 0;
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for jobs");
    int rc = db_query(db, DB_JOB_COMMAND_ENDED, DB_NO_ARGS, &rows, err);
    while (rc == 0 && count < BATCH && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        read_ended(&rows, &list[count++]);
        rc = 0;
    }
    db_rows_done(&rows);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = end(app, &(struct job_end){list[i].id, list[i].status, list[i].detail, now_ms, 0}, err);
    free(list);
    return rc;
}

static int end_silent(struct app *app, struct db *db, int64_t now_ms, struct err *err)
{
    int timeout_s = app->settings->run_timeout_s;
    int64_t since_ms = now_ms - (int64_t)timeout_s * 1000;
    struct ids list = {0};
    char detail[160];
    (void)snprintf(detail, sizeof detail,
                   "Nothing was heard of this job for %d seconds: the agent or its network went away.", timeout_s);
    int rc = list_ids(db, DB_JOB_SILENT, since_ms, &list, err);
    for (size_t i = 0; rc == 0 && i < list.count; i++)
        rc = end(app, &(struct job_end){list.id[i], "lost", detail, now_ms, since_ms}, err);
    return rc;
}

/* What time alone changes. */
static int write_aged(struct db *db, void *ctx, struct err *err)
{
    const int64_t *now_ms = ctx;
    int rc = db_exec(db, DB_JOB_FORGET, DB_ARGS(DB_INT("before", *now_ms - KEPT_MS)), NULL, err);
    return rc == 0 ? thaw_over(db, *now_ms, err) : rc;
}

int jobs_tick(struct app *app, struct db *db, int64_t now_ms, struct err *err)
{
    int rc = end_answered(app, db, now_ms, err);
    if (rc == 0)
        rc = end_silent(app, db, now_ms, err);
    if (rc == 0)
        rc = db_write(app->writer, write_aged, &now_ms, err);
    return rc == 0 ? hand_out_waiting(app, db, now_ms, err) : rc;
}
