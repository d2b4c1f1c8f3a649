/* Runs whose agent went away: those that fell silent, and those that it never came for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "backup/runs.h"
#include "backup/tick.h"
#include "backup/volume.h"
#include "common/log.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "ops/alert.h"

enum { BATCH = 100 };

#define UNCLAIMED_MS (INT64_C(8) * 24 * 3600 * 1000) /* longer than any command lives */

struct gone {
    char run_id[UUID_SIZE];
    char agent_id[UUID_SIZE]; /* "": deleted */
    char user_id[UUID_SIZE];
    char name[260];   /* of what, for people */
    char status[16];  /* of the command: "" when there is none */
    char detail[200]; /* what the agent answered */
    bool unwanted;    /* its config was deleted */
};

struct ending {
    const struct gone *run;
    struct run_end end;
    const char *alert; /* NULL: nobody needs to be told */
    char message[500];
    bool ended;
};

static void copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from != NULL ? from : "");
}

/* Rows of id, agent_id, user_id, agent_name, config_name, and perhaps a command's status and detail, and config_id. */
static int list_gone(struct db *db, enum db_statement statement, int64_t before_ms, bool with_command,
                     struct gone list[BATCH], size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(db, statement, DB_ARGS(DB_INT("before", before_ms)), &rows, err);
    while (rc == 0 && count < BATCH && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct gone *g = &list[count++];
        copy(g->run_id, sizeof g->run_id, db_rows_text(&rows, 0));
        copy(g->agent_id, sizeof g->agent_id, db_rows_text(&rows, 1));
        copy(g->user_id, sizeof g->user_id, db_rows_text(&rows, 2));
        (void)snprintf(g->name, sizeof g->name, "\"%.120s\" of %.120s", db_rows_text(&rows, 4), db_rows_text(&rows, 3));
        copy(g->status, sizeof g->status, with_command ? db_rows_text(&rows, 5) : NULL);
        copy(g->detail, sizeof g->detail, with_command ? db_rows_text(&rows, 6) : NULL);
        g->unwanted = with_command && db_rows_null(&rows, 7);
        rc = 0;
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

static int write_ending(struct db *db, void *ctx, struct err *err)
{
    struct ending *e = ctx;
    int rc = run_end(db, &e->end, &e->ended, err);
    if (rc != 0 || !e->ended || e->alert == NULL)
        return rc; /* not ended: it has spoken after all */
    const struct alert alert = {.kind = e->alert,
                                .message = e->message,
                                .user_id = e->run->user_id,
                                .agent_id = e->run->agent_id[0] != '\0' ? e->run->agent_id : NULL,
                                .time_ms = e->end.now_ms};
    return alert_raise(db, &alert, err);
}

static int end_one(struct tick *t, struct ending *e, struct err *err)
{
    int rc = db_write(t->app->writer, write_ending, e, err);
    if (rc == 0 && e->ended)
        log_warning("run %s: %s", e->run->run_id, e->message);
    return rc;
}

/* --- silent ---------------------------------------------------------------------------------------------------------
 */

static int lose_one(struct tick *t, const struct gone *run, int64_t before_ms, struct err *err)
{
    char why[160];
    struct ending e = {.run = run, .alert = "backup.lost"};
    (void)snprintf(why, sizeof why, "Nothing was heard of this run for %d seconds: the agent or its network went away.",
                   t->app->settings->run_timeout_s);
    (void)snprintf(e.message, sizeof e.message, "The backup %s fell silent and is lost.", run->name);
    e.end = (struct run_end){.run_id = run->run_id,
                             .was = "running",
                             .status = "lost",
                             .why = why,
                             .now_ms = t->now_ms,
                             .silent_since_ms = before_ms};
    int rc = end_one(t, &e, err);
    if (rc == 0 && e.ended && !tick_late(t)) {
        arena_reset(t->arena);
        volume_drop_all(t->app, t->db, run->run_id, t->arena);
    }
    return rc;
}

static int lose_silent(struct tick *t, struct gone list[BATCH], struct err *err)
{
    int64_t before_ms = t->now_ms - t->app->settings->run_timeout_s * INT64_C(1000);
    size_t count = 0;
    int rc = list_gone(t->db, DB_BACKUP_RUN_SILENT, before_ms, false, list, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = lose_one(t, &list[i], before_ms, err);
    return rc;
}

/* --- unclaimed ------------------------------------------------------------------------------------------------------
 */

/* The agent has given an answer, which is not that it begins. */
static bool answered(const struct gone *g)
{
    return g->status[0] != '\0' && strcmp(g->status, "expired") != 0 && strcmp(g->status, "pending") != 0;
}

static int end_unclaimed(struct tick *t, const struct gone *run, struct err *err)
{
    bool said = answered(run);
    char why[320];
    struct ending e = {.run = run, .alert = said ? "backup.failed" : "backup.lost"};
    if (said)
        (void)snprintf(why, sizeof why, "The agent did not begin it; its answer was %s: %s", run->status, run->detail);
    else
        (void)snprintf(why, sizeof why, "The agent did not come for it in time.");
    (void)snprintf(e.message, sizeof e.message, "The backup %s did not begin: %s", run->name,
                   said ? "the agent refused it; its run says why." : "the agent did not come for it.");
    e.end = (struct run_end){
        .run_id = run->run_id, .was = "queued", .status = said ? "failed" : "lost", .why = why, .now_ms = t->now_ms};
    if (run->unwanted) {
        e.alert = NULL;
        e.end.status = "cancelled";
        e.end.why = "Its config was deleted.";
    }
    return end_one(t, &e, err);
}

static int end_all_unclaimed(struct tick *t, struct gone list[BATCH], struct err *err)
{
    size_t count = 0;
    int rc = list_gone(t->db, DB_BACKUP_RUN_UNCLAIMED, t->now_ms - UNCLAIMED_MS, true, list, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = end_unclaimed(t, &list[i], err);
    return rc;
}

int tick_runs(struct tick *t, struct err *err)
{
    struct gone *list = calloc(BATCH, sizeof *list);
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for runs");
    int rc = lose_silent(t, list, err);
    if (rc == 0)
        rc = end_all_unclaimed(t, list, err);
    free(list);
    return rc;
}
