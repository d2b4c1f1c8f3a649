/* Numbers for Prometheus (text format 0.0.4). nginx lets only this machine ask. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/file.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "fleet/presence.h"
#include "http/park.h"
#include "http/stats.h"
#include "live/live.h"
#include "ops/ops.h"
#include "route.h"

enum { METRICS_MAX = 512 * 1024 };

static void describe(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_value(struct buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
    describe(b, name, type, help);
    buf_addf(b, "%s %" PRIu64 "\n", name, value);
}

static void add_requests(struct buf *b, const struct http_stats *stats)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    static const char name[] = "muster_http_requests_total";
    describe(b, name, "counter", "Requests answered, by route and class of status.");
    for (const struct route *route = routes; route->path != NULL; route++)
        for (int c = 1; c < HTTP_STATS_CLASSES; c++)
            if (http_stats_get(stats, route, c) > 0)
                buf_addf(b, "%s{method=\"%s\",route=\"%s\",status=\"%dxx\"} %" PRIu64 "\n", name,
                         methods[route->method], route->path, c, http_stats_get(stats, route, c));
    for (int c = 1; c < HTTP_STATS_CLASSES; c++)
        buf_addf(b, "%s{method=\"\",route=\"\",status=\"%dxx\"} %" PRIu64 "\n", name, c,
                 http_stats_get(stats, NULL, c));
}

static uint64_t heartbeats(const struct http_stats *stats)
{
    for (const struct route *route = routes; route->path != NULL; route++)
        if (route->handler == fleet_heartbeat)
            return http_stats_get(stats, route, 2);
    return 0;
}

static void add_process(struct buf *b)
{
    char *text = NULL;
    unsigned long long pages = 0;
    if (file_read("/proc/self/statm", 256, &text, NULL, NULL) == 0) {
        char *second = NULL;
        (void)strtoull(text, &second, 10);
        pages = strtoull(second, NULL, 10);
        free(text);
    }
    add_value(b, "process_resident_memory_bytes", "gauge", "Resident memory.",
              (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static int add_agents(struct buf *b, struct req *r, struct err *err)
{
    static const char *const states[] = {NULL, "online", "offline", "error", "deactivated", "quarantined"};
    static const char name[] = "muster_agents";
    struct db_rows rows;
    int rc =
        db_query_one(r->db, DB_OVERVIEW_AGENTS, DB_ARGS(DB_TEXT("viewer", NULL), DB_INT("now", r->now_ms)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    describe(b, name, "gauge", "Agents by state.");
    for (int i = 1; i < 6; i++)
        buf_addf(b, "%s{state=\"%s\"} %" PRId64 "\n", name, states[i], db_rows_int(&rows, i, 0));
    db_rows_done(&rows);
    return 0;
}

static int add_count(struct buf *b, struct req *r, enum db_statement statement, const char *name, const char *help,
                     struct err *err)
{
    int64_t count = 0;
    int rc = db_query_number(r->db, statement, DB_ARGS(DB_TEXT("viewer", NULL)), &count, err);
    if (rc == 0)
        add_value(b, name, "gauge", help, (uint64_t)count);
    return rc;
}

/* One gauge with a label for the state, from a statement of (state, count). */
static int add_states(struct buf *b, struct req *r, enum db_statement statement, const char *name, const char *help,
                      struct err *err)
{
    struct db_rows rows;
    describe(b, name, "gauge", help);
    int rc = db_query(r->db, statement, DB_NO_ARGS, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        buf_addf(b, "%s{state=\"%s\"} %" PRId64 "\n", name, db_rows_text(&rows, 0), db_rows_int(&rows, 1, 0));
        rc = 0;
    }
    db_rows_done(&rows);
    return rc;
}

void ops_metrics(struct req *r)
{
    struct app *app = r->app;
    struct err err = {0};
    struct db_writer_stats writes;
    struct buf b;
    buf_init(&b, METRICS_MAX);
    db_writer_stats(app->writer, &writes);
    describe(&b, "muster_build_info", "gauge", "The version that runs.");
    buf_addf(&b, "muster_build_info{version=\"%s\"} 1\n", MUSTER_VERSION);
    add_requests(&b, app->stats);
    add_value(&b, "muster_heartbeats_total", "counter", "Heartbeats accepted.", heartbeats(app->stats));
    add_value(&b, "muster_db_writes_total", "counter", "Writes asked for.", writes.writes);
    add_value(&b, "muster_db_commits_total", "counter", "Transactions that carried them.", writes.commits);
    add_value(&b, "muster_db_failures_total", "counter", "Transactions that failed.", writes.failures);
    add_value(&b, "muster_requests_parked", "gauge", "Requests that wait.", park_count(app->park));
    add_value(&b, "muster_live_streams", "gauge", "Open pages that are told of changes.", live_count(app->live));
    add_value(&b, "muster_agents_in_memory", "gauge", "Agents whose keys are held in memory.",
              presence_count(app->presence));
    add_process(&b);
    int rc = add_agents(&b, r, &err);
    if (rc == 0)
        rc = add_count(&b, r, DB_ALERT_OPEN_COUNT, "muster_alerts_open", "Alerts nobody has acknowledged.", &err);
    if (rc == 0)
        rc = add_count(&b, r, DB_OVERVIEW_RUNNING, "muster_backups_running", "Backups under way.", &err);
    if (rc == 0)
        rc = add_states(&b, r, DB_ROLLOUT_COUNT_BY_STATE, "muster_rollouts", "Rollouts by state.", &err);
    if (rc == 0)
        rc = add_states(&b, r, DB_ROLLOUT_MEMBER_COUNT_BY_STATE, "muster_rollout_members",
                        "Members of the rollouts under way, by state.", &err);
    if (rc == 0 && !buf_ok(&b))
        rc = err_set(&err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        reply_bytes(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&b), b.len);
    else
        reply_error(r, &err);
    buf_done(&b);
}
