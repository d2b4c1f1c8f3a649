/* How much is stored: GET /api/storage. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backup/backup.h"
#include "backup/run.h"

#define DAY_MS INT64_C(86400000)

struct usage {
    json_t *agents;
    json_t *configs; /* of the last one of agents; borrowed */
    json_t *last;    /* of agents; borrowed */
    json_int_t bytes;
    json_int_t runs;
};

static void add_to(json_t *object, json_int_t bytes, json_int_t runs)
{
    (void)json_object_set_new(object, "bytes",
                              json_integer(json_integer_value(json_object_get(object, "bytes")) + bytes));
    (void)json_object_set_new(object, "runs", json_integer(json_integer_value(json_object_get(object, "runs")) + runs));
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Rows come agent by agent; those of deleted agents are told apart by the name they had. */
static bool begin_agent(struct usage *u, const char *id, const char *name)
{
    if (u->last != NULL && same_text(json_string_value(json_object_get(u->last, "agentId")), id) &&
        same_text(json_string_value(json_object_get(u->last, "agentName")), name))
        return true;
    u->configs = json_array();
    u->last = json_pack("{s:s?, s:s, s:I, s:I, s:o}", "agentId", id, "agentName", name, "bytes", (json_int_t)0, "runs",
                        (json_int_t)0, "configs", u->configs);
    return json_array_append_new(u->agents, u->last) == 0;
}

static int add_row(struct usage *u, const struct db_rows *rows, struct err *err)
{
    json_int_t bytes = db_rows_int(rows, 4, 0), runs = db_rows_int(rows, 5, 0);
    bool fits = begin_agent(u, db_rows_text(rows, 0), db_rows_text(rows, 1)) &&
                json_array_append_new(u->configs, json_pack("{s:s?, s:s, s:I, s:I}", "configId", db_rows_text(rows, 2),
                                                            "configName", db_rows_text(rows, 3), "bytes", bytes, "runs",
                                                            runs)) == 0;
    if (!fits)
        return err_set(err, ERR_NOMEM, "no memory for what is stored");
    add_to(u->last, bytes, runs);
    u->bytes += bytes;
    u->runs += runs;
    return 0;
}

static int read_usage(struct req *r, const char *agent_id, struct usage *u, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, DB_STORAGE_LIST, DB_ARGS(DB_TEXT("agent_id", agent_id), DB_TEXT("viewer", run_viewer(r))),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = add_row(u, &rows, err);
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

void backup_storage(struct req *r)
{
    const char *agent_id = req_query(r, "agentId");
    struct usage u = {.agents = json_array()};
    json_t *history = json_array();
    struct err err = {0};
    int rc = read_usage(r, agent_id, &u, &err);
    if (rc == 0)
        rc = read_history(r, agent_id, &u, history, &err);
    if (rc != 0) {
        json_decref(u.agents);
        json_decref(history);
        reply_error(r, &err);
        return;
    }
    reply_json(
        r, 200,
        json_pack("{s:I, s:I, s:o, s:o}", "bytes", u.bytes, "runs", u.runs, "agents", u.agents, "history", history));
}
