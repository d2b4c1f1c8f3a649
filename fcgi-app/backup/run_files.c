/* GET /api/runs/{id}/files: what is inside a run. */
#include "backup/run_files.h"

#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/run.h"
#include "common/blocking.h"
#include "http/request.h"
#include "store/store.h"

enum { DEADLINE_MS = 15 * 1000, SEARCH_BYTES = 1000, PAGE_DEFAULT = 200 };

/* Some forty million entries: more than a reader waits for anyway. */
#define LIST_BYTES_MAX (UINT64_C(4) << 30)

/* Where the run's list is. 0, RUN_FILES_ENCRYPTED or an error. */
static int find_list(struct db *db, const char *run_id, const char *viewer, struct arena *arena, const char **ret,
                     struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_FILES_INDEX, DB_ARGS(DB_TEXT("id", run_id), DB_TEXT("viewer", viewer)), &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_NOT_FOUND, "There is no such run.") : rc;
    const char *path = arena_strdup(arena, db_rows_text(&rows, 0));
    bool encrypted = db_rows_int(&rows, 1, 0) != 0, deleted = !db_rows_null(&rows, 2);
    db_rows_done(&rows);
    if (deleted)
        return err_set(err, ERR_NOT_FOUND, "The run was deleted.");
    if (path == NULL)
        return err_set(err, ERR_NOT_FOUND, "This run has no list of what is inside.");
    *ret = path;
    return encrypted ? RUN_FILES_ENCRYPTED : 0;
}

static int read_object(void *ctx, void *buf, size_t size, size_t *ret_len, struct err *err)
{
    return store_object_read(ctx, buf, size, ret_len, err);
}

int run_files_page(struct app *app, struct db *db, const char *run_id, const char *viewer,
                   const struct files_query *query, struct arena *arena, json_t **ret, struct err *err)
{
    struct store_reader *reader = NULL;
    const char *path = NULL;
    const struct index_limits limits = {
        .max_bytes = LIST_BYTES_MAX, .clock = app->clock, .deadline_ms = clock_monotonic_ms(app->clock) + DEADLINE_MS};
    int rc = find_list(db, run_id, viewer, arena, &path, err);
    if (rc != 0)
        return rc;
    blocking_begin();
    rc = store_object_open(app->store, path, &reader, err);
    if (rc == 0)
        rc = files_page(&(struct index_source){read_object, reader}, &limits, query, arena, ret, err);
    store_object_close(reader);
    blocking_end();
    return rc;
}

static bool read_query(struct req *r, struct files_query *ret)
{
    const char *problems = req_query(r, "problems");
    int64_t limit = 0;
    if (!req_query_int(r, "limit", 1, FILES_MAX, PAGE_DEFAULT, &limit))
        return false;
    *ret = (struct files_query){
        .path = req_query(r, "path"),
        .search = req_query(r, "search"),
        .after = req_query(r, "after"),
        .problems = problems != NULL && strcmp(problems, "1") == 0,
        .limit = (size_t)limit,
    };
    if (ret->search != NULL && ret->search[0] == '\0')
        ret->search = NULL;
    return true;
}

void backup_run_files(struct req *r)
{
    struct files_query query;
    struct err err = {0};
    json_t *page = NULL;
    if (!read_query(r, &query))
        return;
    int rc = run_files_page(r->app, r->db, r->params[0], run_viewer(r), &query, r->arena, &page, &err);
    switch (rc) {
    case 0: reply_json(r, 200, page); return;
    case RUN_FILES_ENCRYPTED: reply_problem(r, PROBLEM_ENCRYPTED, RUN_FILES_ENCRYPTED_TEXT); return;
    case ERR_CORRUPT:
    case ERR_TOO_BIG: reply_problem(r, PROBLEM_CONFLICT, err.msg); return;
    case ERR_TIMEOUT: reply_problem(r, PROBLEM_UNAVAILABLE, err.msg); return;
    default: reply_error(r, &err); return;
    }
}
