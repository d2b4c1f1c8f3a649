#include "restore/job_row.h"

#include <string.h>

bool job_status_known(const char *status)
{
    static const char *const states[] = {"thawing", "queued",  "running",   "completed", "warning",
                                         "failed",  "refused", "cancelled", "lost"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(status, states[i]) == 0)
            return true;
    return false;
}

static json_t *int_or_null(const struct db_rows *rows, int column)
{
    return db_rows_null(rows, column) ? json_null() : json_integer(db_rows_int(rows, column, 0));
}

/* Of a known total, and not 100 before the end. */
static json_t *percent(const struct db_rows *rows)
{
    const char *status = db_rows_text(rows, 7);
    int64_t bytes = db_rows_int(rows, 10, 0), total = db_rows_int(rows, 11, 0);
    if (strcmp(status, "completed") == 0 || strcmp(status, "warning") == 0)
        return json_integer(100);
    if (total <= 0)
        return json_null();
    int64_t value = bytes >= total ? 99 : (int64_t)((double)bytes * 100 / (double)total);
    return json_integer(value < 99 ? value : 99);
}

static json_t *stored(const struct db_rows *rows, int column, json_t *otherwise)
{
    const char *text = db_rows_text(rows, column);
    json_t *json = text != NULL ? json_loads(text, 0, NULL) : NULL;
    if (json == NULL)
        return otherwise;
    json_decref(otherwise);
    return json;
}

static json_t *row_json(const struct db_rows *rows)
{
    json_t *request = stored(rows, 14, json_object());
    (void)json_object_del(request, "jobId");
    (void)json_object_del(request, "logId");
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:s, s:I, "
                     "s:o, s:o}",
                     "id", db_rows_text(rows, 0), "kind", db_rows_text(rows, 1), "runId", db_rows_text(rows, 2),
                     "configId", db_rows_text(rows, 3), "configName", db_rows_text(rows, 4), "agentId",
                     db_rows_text(rows, 5), "agentName", db_rows_text(rows, 6), "status", db_rows_text(rows, 7),
                     "detail", db_rows_text(rows, 8), "files", (json_int_t)db_rows_int(rows, 9, 0), "bytes",
                     (json_int_t)db_rows_int(rows, 10, 0), "totalBytes", int_or_null(rows, 11), "percent",
                     percent(rows), "errors", stored(rows, 12, json_array()), "errorCount",
                     (json_int_t)db_rows_int(rows, 13, 0), "request", request, "createdBy", db_rows_text(rows, 15),
                     "created_ms", (json_int_t)db_rows_int(rows, 16, 0), "started_ms", int_or_null(rows, 17),
                     "finished_ms", int_or_null(rows, 18));
}

static int query(struct db *db, const char *id, const struct job_filter *f, struct db_rows *ret, struct err *err)
{
    return db_query(db, DB_JOB_LIST,
                    DB_ARGS(DB_TEXT("id", id), DB_TEXT("config_id", f->config_id), DB_TEXT("run_id", f->run_id),
                            DB_TEXT("status", f->status), DB_TEXT("kind", f->kind), DB_TEXT("q", f->ask.pattern),
                            DB_TEXT("viewer", f->viewer), DB_TEXT("sort", f->ask.sort),
                            DB_INT("descending", f->ask.descending), DB_INT("limit", f->ask.limit),
                            DB_INT("offset", f->ask.offset)),
                    ret, err);
}

int job_row_get(struct db *db, const char *id, const char *viewer, json_t **ret, struct err *err)
{
    struct db_rows rows;
    json_t *json = NULL;
    int rc = query(db, id, &(struct job_filter){.viewer = viewer, .ask = {.sort = "", .limit = 1}}, &rows, err);
    if (rc == 0)
        rc = db_rows_next(&rows, err);
    if (rc == DB_ROW)
        json = row_json(&rows);
    db_rows_done(&rows);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such job.");
    if (rc == DB_ROW && json == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a job");
    if (rc == DB_ROW)
        *ret = json;
    return rc == DB_ROW ? 0 : rc;
}

int job_row_count(struct db *db, const struct job_filter *f, int64_t *ret, struct err *err)
{
    return db_query_number(db, DB_JOB_COUNT,
                           DB_ARGS(DB_TEXT("config_id", f->config_id), DB_TEXT("run_id", f->run_id),
                                   DB_TEXT("status", f->status), DB_TEXT("kind", f->kind), DB_TEXT("q", f->ask.pattern),
                                   DB_TEXT("viewer", f->viewer)),
                           ret, err);
}

int job_row_list(struct db *db, const struct job_filter *f, struct list_out *out, struct err *err)
{
    struct db_rows rows;
    int rc = query(db, NULL, f, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, row_json(&rows), err);
    db_rows_done(&rows);
    return rc;
}
