/* GET /api/runs/{id}/files: what is inside a run. */
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/files.h"
#include "backup/run.h"
#include "backup/store.h"
#include "common/blocking.h"
#include "http/request.h"

enum { DEADLINE_MS = 15 * 1000, SEARCH_BYTES = 1000, PAGE_DEFAULT = 200 };

/* Some forty million entries: more than a reader waits for anyway. */
#define LIST_BYTES_MAX (UINT64_C(4) << 30)

/* Where the run's list is. ERR_NOT_FOUND, or a problem that was replied with (*ret_path NULL). */
static int find_list(struct req *r, const char **ret_path, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_FILES_INDEX, DB_ARGS(DB_TEXT("id", r->params[0]), DB_TEXT("viewer", run_viewer(r))),
                          &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_NOT_FOUND, "There is no such run.") : rc;
    const char *path = arena_strdup(r->arena, db_rows_text(&rows, 0));
    bool encrypted = db_rows_int(&rows, 1, 0) != 0, deleted = !db_rows_null(&rows, 2);
    db_rows_done(&rows);
    if (deleted)
        return err_set(err, ERR_NOT_FOUND, "The run was deleted.");
    if (path == NULL)
        return err_set(err, ERR_NOT_FOUND, "This run has no list of what is inside.");
    if (encrypted)
        reply_problem(r, PROBLEM_ENCRYPTED,
                      "The list of what is inside is encrypted. On a host that has the identity, "
                      "`muster-agent restore --list` shows it.");
    *ret_path = encrypted ? NULL : path;
    return 0;
}

static int read_object(void *ctx, void *buf, size_t size, size_t *ret_len, struct err *err)
{
    return store_object_read(ctx, buf, size, ret_len, err);
}

static int read_page(struct req *r, const char *path, const struct files_query *query, json_t **ret, struct err *err)
{
    struct store_reader *reader = NULL;
    const struct index_limits limits = {.max_bytes = LIST_BYTES_MAX,
                                        .clock = r->app->clock,
                                        .deadline_ms = clock_monotonic_ms(r->app->clock) + DEADLINE_MS};
    blocking_begin();
    int rc = store_object_open(r->app->store, path, &reader, err);
    if (rc == 0)
        rc = files_page(&(struct index_source){read_object, reader}, &limits, query, r->arena, ret, err);
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

static void reply_failure(struct req *r, const struct err *err)
{
    switch (err->code) {
    case ERR_CORRUPT: reply_problem(r, PROBLEM_CONFLICT, err->msg); return;
    case ERR_TIMEOUT: reply_problem(r, PROBLEM_UNAVAILABLE, err->msg); return;
    default: reply_error(r, err); return;
    }
}

void backup_run_files(struct req *r)
{
    struct files_query query;
    struct err err = {0};
    json_t *page = NULL;
    const char *path = NULL;
    if (!read_query(r, &query))
        return;
    int rc = find_list(r, &path, &err);
    if (rc == 0 && path == NULL)
        return;
    if (rc == 0)
        rc = read_page(r, path, &query, &page, &err);
    if (rc != 0)
        reply_failure(r, &err);
    else
        reply_json(r, 200, page);
}
