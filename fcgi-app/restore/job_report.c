/* POST /api/agent/backup/job: how a restore or a proof that the server asked for goes, or how it ended. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "http/request.h"
#include "restore/jobs.h"
#include "restore/pathtext.h"

enum { ERRORS_SENT_MAX = 20000, PATH_BYTES = 4096, MESSAGE_BYTES = 1000, DETAIL_BYTES = 4096, DETAIL_KEPT = 1000 };

/* Of the problems of one job: every list of jobs carries them. */
enum { ERRORS_KEPT = 200, ERRORS_KEPT_BYTES = 64 * 1024 };

enum status { STATUS_RUNNING, STATUS_COMPLETED, STATUS_WARNING, STATUS_FAILED, STATUS_REFUSED, STATUS_CANCELLED };
static const char *const status_names[] = {"running", "completed", "warning", "failed", "refused", "cancelled", NULL};

struct job_report {
    const char *id;
    const char *agent_id;
    int status;
    const char *detail;
    int64_t files;
    int64_t bytes;
    int64_t total_bytes; /* -1: not said */
    const char *errors;  /* JSON list, the first ones; NULL: not said */
    int64_t error_count;
    int64_t now_ms;
    int64_t changed;
};

static json_t *read_error(const json_t *item)
{
    const char *path = json_string_value(json_object_get(item, "path"));
    const char *message = json_string_value(json_object_get(item, "message"));
    json_t *out = json_object();
    if (message == NULL)
        message = "";
    if (path != NULL)
        (void)json_object_set_new(out, "path", json_stringn(path, pathtext_fit(path, PATH_BYTES)));
    (void)json_object_set_new(out, "message", json_stringn(message, pathtext_fit(message, MESSAGE_BYTES)));
    return out;
}

static void read_errors(struct jsonread *body, struct arena *arena, struct job_report *j)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(body, "errors", ERRORS_SENT_MAX, &list);
    size_t bytes = 0;
    json_t *kept = json_array();
    for (size_t i = 0; i < count && i < ERRORS_KEPT && bytes <= ERRORS_KEPT_BYTES; i++) {
        json_t *item = read_error(json_array_get(list, i));
        bytes += json_dumpb(item, NULL, 0, JSON_COMPACT);
        (void)json_array_append_new(kept, item);
    }
    j->error_count = jsonread_int_or(body, "errorCount", (int64_t)count, INT64_MAX, (int64_t)count);
    char *text = count > 0 ? json_dumps(kept, JSON_COMPACT) : NULL;
    j->errors = arena_strdup(arena, text);
    free(text);
    json_decref(kept);
}

static bool read_report(struct req *r, struct job_report *j)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    j->id = jsonread_str(&body, "jobId", 1, UUID_SIZE);
    if (j->id != NULL && !uuid_valid(j->id))
        jsonread_fail(&body, "jobId", "must be a UUID in lower case");
    j->status = jsonread_enum(&body, "status", status_names);
    const char *detail = jsonread_text_or(&body, "detail", 0, DETAIL_BYTES, "");
    j->files = jsonread_int_or(&body, "files", 0, INT64_MAX, 0);
    j->bytes = jsonread_int_or(&body, "bytes", 0, INT64_MAX, 0);
    j->total_bytes = jsonread_int_or(&body, "totalBytes", 0, INT64_MAX, -1);
    read_errors(&body, r->arena, j);
    if (!req_fields_ok(r, &wrong))
        return false;
    j->detail = arena_strndup(r->arena, detail, pathtext_fit(detail, DETAIL_KEPT));
    if (j->detail == NULL)
        reply_problem(r, PROBLEM_INTERNAL, NULL);
    return j->detail != NULL;
}

static int write_report(struct db *db, void *ctx, struct err *err)
{
    struct job_report *j = ctx;
    int rc = db_exec(
        db, DB_JOB_REPORT,
        DB_ARGS(DB_TEXT("id", j->id), DB_TEXT("agent_id", j->agent_id), DB_TEXT("status", status_names[j->status]),
                DB_TEXT("detail", j->detail), DB_INT("files", j->files), DB_INT("bytes", j->bytes),
                j->total_bytes >= 0 ? DB_INT("total_bytes", j->total_bytes) : DB_NULL("total_bytes"),
                DB_TEXT("errors", j->errors), DB_INT("error_count", j->error_count), DB_INT("now", j->now_ms),
                j->status != STATUS_RUNNING ? DB_INT("finished", j->now_ms) : DB_NULL("finished")),
        &j->changed, err);
    const struct job_end end = {j->id, status_names[j->status], j->detail, j->now_ms, 0};
    return rc == 0 && j->changed != 0 ? job_end_alert(db, &end, err) : rc;
}

/* The state the job is in; ERR_NOT_FOUND when it is not this agent's. */
static int read_state(struct req *r, const char *id, const char **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_JOB_OF_AGENT, DB_ARGS(DB_TEXT("id", id), DB_TEXT("agent_id", r->principal.id)),
                          &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_NOT_FOUND, "There is no such job of this agent's.") : rc;
    const char *state = arena_strdup(r->arena, db_rows_text(&rows, 0));
    db_rows_done(&rows);
    if (state == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a job");
    *ret = state;
    return 0;
}

/* What to say of a job that has ended before. Whoever goes on is told to stop; an end told again is no error, and one
 * that comes after ours is no news; another one than the agent's own is. */
static int after_the_end(const struct job_report *j, const char *state, struct err *err)
{
    bool ours = strcmp(state, "cancelled") == 0 || strcmp(state, "lost") == 0;
    if (j->status == STATUS_RUNNING || ours || strcmp(state, status_names[j->status]) == 0)
        return 0;
    return err_set(err, ERR_CONFLICT, "The job has ended already, as %s.", state);
}

void backup_job_report(struct req *r)
{
    struct job_report report = {.agent_id = r->principal.id, .now_ms = r->now_ms};
    const char *state = NULL;
    struct err err = {0};
    if (!read_report(r, &report))
        return;
    int rc = read_state(r, report.id, &state, &err);
    if (rc == 0)
        rc = db_write(r->app->writer, write_report, &report, &err);
    if (rc == 0 && report.changed == 0)
        rc = read_state(r, report.id, &state, &err);
    if (rc == 0 && report.changed == 0)
        rc = after_the_end(&report, state, &err);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b, s:b}", "success", 1, "cancel", report.changed == 0));
}
