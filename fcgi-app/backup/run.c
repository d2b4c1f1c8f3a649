/* Runs, as people see them: /api/runs, /api/agents/{id}/runs. */
#include "backup/run.h"

#include <string.h>

#include "backup/backup.h"
#include "fleet/fleet.h"
#include "http/list.h"
#include "http/problem.h"

const char *run_viewer(const struct req *r)
{
    const struct principal *p = &r->principal;
    if (p->kind == PRINCIPAL_USER && p->role == ROLE_ADMIN)
        return NULL;
    return p->kind == PRINCIPAL_USER && p->id != NULL ? p->id : ""; /* nobody in particular sees nothing */
}

int run_last_json(struct db *db, const char *config_id, json_t **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_RUN_LAST, DB_ARGS(DB_TEXT("config_id", config_id)), &rows, err);
    json_t *json = json_null();
    if (rc == DB_ROW) {
        json = run_row_json(&rows);
        db_rows_done(&rows);
    } else if (rc != DB_DONE) {
        return rc;
    }
    if (json == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a run");
    *ret = json;
    return 0;
}

struct page {
    const char *agent_id; /* NULL: of all; so the others */
    const char *config_id;
    const char *status;
    bool deleted; /* those that were given up instead of those that are kept */
    struct list_ask ask;
};

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"backup", "configName", CSV_PLAIN},
    {"host", "agentName", CSV_PLAIN},
    {"status", "status", CSV_PLAIN},
    {"type", "type", CSV_PLAIN},
    {"started", "started_ms", CSV_TIME},
    {"finished", "finished_ms", CSV_TIME},
    {"duration ms", "duration_ms", CSV_PLAIN},
    {"files", "filesProcessed", CSV_PLAIN},
    {"bytes stored", "size", CSV_PLAIN},
    {"errors", "errorCount", CSV_PLAIN},
    {NULL, NULL, CSV_PLAIN},
};

/* The usual order comes from an index, whatever there is. */
static int open_page(struct req *r, const struct page *page, struct db_rows *rows, struct err *err)
{
    const struct list_ask *ask = &page->ask;
    if (strcmp(ask->sort, "started") == 0 && ask->descending && ask->pattern[0] == '\0')
        return db_query(r->db, DB_BACKUP_RUN_LIST,
                        DB_ARGS(DB_TEXT("agent_id", page->agent_id), DB_TEXT("config_id", page->config_id),
                                DB_TEXT("status", page->status), DB_INT("deleted", page->deleted),
                                DB_TEXT("viewer", run_viewer(r)), DB_INT("limit", ask->limit),
                                DB_INT("offset", ask->offset)),
                        rows, err);
    return db_query(r->db, DB_BACKUP_RUN_PAGE,
                    DB_ARGS(DB_TEXT("agent_id", page->agent_id), DB_TEXT("config_id", page->config_id),
                            DB_TEXT("status", page->status), DB_INT("deleted", page->deleted),
                            DB_TEXT("q", ask->pattern), DB_TEXT("viewer", run_viewer(r)), DB_TEXT("sort", ask->sort),
                            DB_INT("descending", ask->descending), DB_INT("limit", ask->limit),
                            DB_INT("offset", ask->offset)),
                    rows, err);
}

static int read_items(struct req *r, const struct page *page, struct list_out *out, struct err *err)
{
    struct db_rows rows;
    int rc = open_page(r, page, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, run_row_json(&rows), err);
    db_rows_done(&rows);
    return rc;
}

static void reply_runs(struct req *r, struct page page)
{
    static const char *const sorts[] = {"started", "finished", "status", "agent", "config", "size", "duration", NULL};
    static const char *const states[] = {"queued", "running",   "completed", "warning",
                                         "failed", "cancelled", "lost",      NULL};
    struct list_out out;
    int64_t total = 0;
    struct err err = {0};
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "runs"}, &page.ask) ||
        !list_choice(r, "status", states, NULL, &page.status))
        return;
    list_begin(&out, &page.ask, columns);
    int rc = db_query_number(r->db, DB_BACKUP_RUN_COUNT,
                             DB_ARGS(DB_TEXT("agent_id", page.agent_id), DB_TEXT("config_id", page.config_id),
                                     DB_TEXT("status", page.status), DB_INT("deleted", page.deleted),
                                     DB_TEXT("q", page.ask.pattern), DB_TEXT("viewer", run_viewer(r))),
                             &total, &err);
    if (rc == 0)
        rc = read_items(r, &page, &out, &err);
    list_reply(r, &out, rc, total, &err);
}

void backup_run_list(struct req *r)
{
    const char *deleted = list_filter(r, "deleted", "");
    reply_runs(r, (struct page){.agent_id = list_filter(r, "agentId", NULL),
                                .config_id = list_filter(r, "configId", NULL),
                                .deleted = strcmp(deleted, "1") == 0});
}

void backup_agent_runs(struct req *r)
{
    struct err err = {0};
    if (fleet_agent_may_see(r, r->params[0], &err) != 0) {
        reply_error(r, &err);
        return;
    }
    reply_runs(r, (struct page){.agent_id = r->params[0]});
}

void run_reply(struct req *r, const char *id)
{
    struct db_rows rows;
    struct err err = {0};
    int rc = db_query_one(r->db, DB_BACKUP_RUN_GET, DB_ARGS(DB_TEXT("id", id), DB_TEXT("viewer", run_viewer(r))), &rows,
                          &err);
    if (rc == DB_DONE)
        rc = err_set(&err, ERR_NOT_FOUND, "There is no such run.");
    if (rc < 0) {
        reply_error(r, &err);
        return;
    }
    json_t *run = run_row_json(&rows);
    db_rows_done(&rows);
    reply_json(r, 200, run == NULL ? NULL : json_pack("{s:o}", "run", run));
}

void backup_run_get(struct req *r)
{
    run_reply(r, r->params[0]);
}
