#include "restore/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsonread.h"
#include "common/token.h"
#include "ops/alert.h"
#include "restore/pathtext.h"

/* --- making one -----------------------------------------------------------------------------------------------------
 */

/* The command's arguments. NULL: out of memory. */
static char *request_text(const struct job_new *job, const char *id)
{
    json_t *args = json_pack("{s:s, s:s}", "jobId", id, "logId", job->run_id);
    if (args == NULL)
        return NULL;
    bool ok = job->request == NULL || json_object_update_missing(args, jsonread_iterable(job->request)) == 0;
    char *text = ok ? json_dumps(args, JSON_COMPACT) : NULL;
    json_decref(args);
    return text;
}

/* A proof that waits already serves whoever wants another; restores differ. */
static int check_waiting(struct db *db, const struct job_new *job, struct err *err)
{
    struct db_rows rows;
    if (strcmp(job->kind, "verify") != 0)
        return 0;
    int rc = db_query_one(
        db, DB_JOB_OPEN_LIKE,
        DB_ARGS(DB_TEXT("kind", job->kind), DB_TEXT("run_id", job->run_id), DB_TEXT("agent_id", job->agent_id)), &rows,
        err);
    if (rc != DB_ROW)
        return rc;
    db_rows_done(&rows);
    return err_set(err, ERR_CONFLICT, "The agent was asked to verify this run already.");
}

int job_create(struct db *db, const struct job_new *job, char ret_id[UUID_SIZE], struct err *err)
{
    char id[UUID_SIZE];
    int rc = check_waiting(db, job, err);
    if (rc != 0)
        return rc;
    if (!uuid_v7(job->now_ms, token_random, id))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    char *request = request_text(job, id);
    if (request == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a job");
    rc = db_exec(db, DB_JOB_INSERT,
                 DB_ARGS(DB_TEXT("id", id), DB_TEXT("kind", job->kind), DB_TEXT("run_id", job->run_id),
                         DB_TEXT("config_id", job->config_id), DB_TEXT("agent_id", job->agent_id),
                         DB_TEXT("user_id", job->user_id), DB_TEXT("request", request),
                         DB_TEXT("created_by", job->created_by), DB_INT("now", job->now_ms)),
                 NULL, err);
    free(request);
    if (rc == ERR_CONFLICT)
        return err_set(err, ERR_NOT_FOUND, "The run or the agent was deleted.");
    if (rc == 0)
        memcpy(ret_id, id, sizeof id);
    return rc;
}

/* --- ending one -----------------------------------------------------------------------------------------------------
 */

static int raise_alert(struct db *db, const struct db_rows *job, const struct job_end *end, struct err *err)
{
    const char *name = db_rows_text(job, 3);
    char message[500];
    (void)snprintf(message, sizeof message, "The backup \"%s\" could not be verified: %.*s",
                   name != NULL ? name : "deleted", (int)pathtext_fit(end->detail, 200), end->detail);
    const struct alert alert = {
        .kind = "backup.verify",
        .message = message,
        .user_id = db_rows_text(job, 1),
        .agent_id = db_rows_text(job, 2),
        .time_ms = end->now_ms,
    };
    return alert_raise(db, &alert, err);
}

int job_end_alert(struct db *db, const struct job_end *end, struct err *err)
{
    static const char *const bad[] = {"failed", "refused", "lost"};
    struct db_rows rows;
    bool came_to_nothing = false;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        came_to_nothing = came_to_nothing || strcmp(end->status, bad[i]) == 0;
    if (!came_to_nothing)
        return 0;
    int rc = db_query_one(db, DB_JOB_FACTS, DB_ARGS(DB_TEXT("id", end->id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    rc = strcmp(db_rows_text(&rows, 0), "verify") == 0 ? raise_alert(db, &rows, end, err) : 0;
    db_rows_done(&rows);
    return rc;
}

int job_end(struct db *db, const struct job_end *end, struct err *err)
{
    int64_t changed = 0;
    int rc = db_exec(db, DB_JOB_END,
                     DB_ARGS(DB_TEXT("id", end->id), DB_TEXT("status", end->status), DB_TEXT("detail", end->detail),
                             DB_INT("now", end->now_ms),
                             DB_INT("silent_since", end->silent_since_ms != 0 ? end->silent_since_ms : INT64_MAX)),
                     &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_CONFLICT, "The job has ended already.");
    if (rc == 0)
        rc = db_exec(db, DB_JOB_COMMAND_WITHDRAW, DB_ARGS(DB_TEXT("id", end->id), DB_INT("now", end->now_ms)), NULL,
                     err);
    if (rc == 0)
        rc = job_end_alert(db, end, err);
    return rc == 0 ? db_changed(db, "commands", err) : rc;
}
