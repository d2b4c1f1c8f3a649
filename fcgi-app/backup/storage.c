/* How much is stored: GET /api/storage. */
#include <stdio.h>
#include <time.h>

#include "backup/backup.h"
#include "backup/run.h"
#include "common/blocking.h"
#include "http/list.h"

#define DAY_MS INT64_C(86400000)

static const struct csv_column columns[] = {
    {"host", "agentName", CSV_PLAIN},
    {"host id", "agentId", CSV_PLAIN},
    {"backup", "configName", CSV_PLAIN},
    {"backup id", "configId", CSV_PLAIN},
    {"bytes", "bytes", CSV_PLAIN},
    {"runs", "runs", CSV_PLAIN},
    {NULL, NULL, CSV_PLAIN},
};

/* What there is in all, be the list narrowed as it may. */
struct usage {
    json_int_t bytes;
    json_int_t runs;
    int64_t listed; /* backups that the search lets through */
};

struct usage_query {
    struct list_ask ask;
    const char *agent_id;
};

#define QUERY_ARGS(r, query)                                                                                           \
    DB_TEXT("agent_id", (query)->agent_id), DB_TEXT("viewer", run_viewer(r)), DB_TEXT("q", (query)->ask.pattern)

static int read_usage(struct req *r, const struct usage_query *q, struct usage *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_STORAGE_TOTAL, DB_ARGS(QUERY_ARGS(r, q)), &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_INTERNAL, "a sum without a row");
    *ret = (struct usage){db_rows_int(&rows, 0, 0), db_rows_int(&rows, 1, 0), db_rows_int(&rows, 2, 0)};
    db_rows_done(&rows);
    return 0;
}

static json_t *backup_json(const struct db_rows *rows)
{
    return json_pack("{s:s?, s:s, s:s?, s:s, s:I, s:I}", "agentId", db_rows_text(rows, 0), "agentName",
                     db_rows_text(rows, 1), "configId", db_rows_text(rows, 2), "configName", db_rows_text(rows, 3),
                     "bytes", (json_int_t)db_rows_int(rows, 4, 0), "runs", (json_int_t)db_rows_int(rows, 5, 0));
}

static int list_backups(struct req *r, const struct usage_query *q, struct list_out *out, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, DB_STORAGE_PAGE,
                      DB_ARGS(QUERY_ARGS(r, q), DB_TEXT("sort", q->ask.sort), DB_INT("descending", q->ask.descending),
                              DB_INT("limit", q->ask.limit), DB_INT("offset", q->ask.offset)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, backup_json(&rows), err);
    db_rows_done(&rows);
    return rc;
}

static json_t *day_json(int64_t day_ms, json_int_t bytes, json_int_t runs)
{
    time_t seconds = (time_t)(day_ms / 1000);
    struct tm tm;
    char day[32];
    if (gmtime_r(&seconds, &tm) == NULL || strftime(day, sizeof day, "%Y-%m-%d", &tm) == 0)
        return NULL;
    return json_pack("{s:s, s:I, s:I, s:I}", "day", day, "day_ms", (json_int_t)day_ms, "bytes", bytes, "runs", runs);
}

/* The days before today as they were noted, and today as it is. */
static int read_history(struct req *r, const char *agent_id, const struct usage *u, json_t *history, struct err *err)
{
    struct db_rows rows;
    int64_t today_ms = r->now_ms - r->now_ms % DAY_MS;
    int rc =
        db_query(r->db, DB_STORAGE_HISTORY,
                 DB_ARGS(DB_INT("since", today_ms - (BACKUP_HISTORY_DAYS - 1) * DAY_MS), DB_INT("before", today_ms),
                         DB_TEXT("agent_id", agent_id), DB_TEXT("viewer", run_viewer(r))),
                 &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *day = day_json(db_rows_int(&rows, 0, 0), db_rows_int(&rows, 1, 0), db_rows_int(&rows, 2, 0));
        rc = json_array_append_new(history, day) == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for days");
    }
    db_rows_done(&rows);
    if (rc == 0 && json_array_append_new(history, day_json(today_ms, u->bytes, u->runs)) != 0)
        return err_set(err, ERR_NOMEM, "no memory for days");
    return rc;
}

/* What the page has besides its backups. */
static int read_more(struct req *r, const struct usage_query *q, const struct usage *u, json_t **ret, struct err *err)
{
    json_t *history = json_array();
    int rc = read_history(r, q->agent_id, u, history, err);
    *ret = json_pack("{s:I, s:I, s:o}", "bytes", u->bytes, "runs", u->runs, "history", history);
    return rc == 0 && *ret == NULL ? err_set(err, ERR_NOMEM, "no memory for what is stored") : rc;
}

void backup_storage(struct req *r)
{
    static const char *const sorts[] = {"bytes", "agent", "config", "runs", NULL};
    struct usage_query query = {.agent_id = list_filter(r, "agentId", NULL)};
    struct list_out out;
    struct usage usage = {0};
    struct err err = {0};
    json_t *more = NULL;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "storage"}, &query.ask))
        return;
    list_begin(&out, &query.ask, columns);
    blocking_begin(); /* sums over every run that is stored */
    int rc = read_usage(r, &query, &usage, &err);
    if (rc == 0 && !query.ask.csv)
        rc = read_more(r, &query, &usage, &more, &err);
    if (rc == 0)
        rc = list_backups(r, &query, &out, &err);
    blocking_end();
    list_reply_more(r, &out, rc, usage.listed, more, &err);
}
