/* The numbers on the first page. Counted by the database, so that every process gives the same. */
#include "ops/ops.h"
#include "ops/viewer.h"

enum { DAY_MS = 24 * 60 * 60 * 1000, DAYS_SHOWN = 14 };

/* The one row of a statement as an object: names[] in the order of its columns. NULL columns become null. */
static int object_of(struct req *r, enum db_statement statement, struct db_args args, const char *const names[],
                     json_t *into, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, statement, args, &rows, err);
    if (rc < 0)
        return rc;
    if (rc == DB_DONE)
        return err_set(err, ERR_INTERNAL, "a count without a row");
    rc = 0;
    for (int i = 0; names[i] != NULL; i++) {
        json_t *value = db_rows_null(&rows, i) ? json_null() : json_integer(db_rows_int(&rows, i, 0));
        if (json_object_set_new(into, names[i], value) != 0)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return rc;
}

/* Rows of (text, count) as a list of objects. */
static int list_of(struct req *r, enum db_statement statement, const char *name, json_t *into, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, statement, DB_ARGS(DB_TEXT("viewer", viewer_of(&r->principal))), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *item =
            json_pack("{s:s, s:I}", name, db_rows_text(&rows, 0), "count", (json_int_t)db_rows_int(&rows, 1, 0));
        rc = json_array_append_new(into, item) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return rc;
}

/* A day each, also those on which nothing ended: a gap in a curve would look like a loss. */
static int days_of(struct req *r, json_t *into, struct err *err)
{
    struct db_rows rows;
    int64_t first = r->now_ms / DAY_MS - (DAYS_SHOWN - 1);
    int64_t counts[DAYS_SHOWN][3] = {{0}};
    int rc =
        db_query(r->db, DB_OVERVIEW_DAYS,
                 DB_ARGS(DB_TEXT("viewer", viewer_of(&r->principal)), DB_INT("since", first * DAY_MS)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        int64_t day = db_rows_int(&rows, 0, 0) - first;
        for (int i = 0; i < 3 && day >= 0 && day < DAYS_SHOWN; i++)
            counts[day][i] = db_rows_int(&rows, i + 1, 0);
        rc = 0;
    }
    db_rows_done(&rows);
    for (int64_t day = 0; rc == 0 && day < DAYS_SHOWN; day++) {
        json_int_t begun_ms = (first + day) * DAY_MS;
        json_t *item = json_pack("{s:I,s:I,s:I,s:I}", "day_ms", begun_ms, "completed", (json_int_t)counts[day][0],
                                 "warning", (json_int_t)counts[day][1], "failed", (json_int_t)counts[day][2]);
        rc = json_array_append_new(into, item) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    return rc;
}

struct overview {
    json_t *agents, *backups, *alerts, *versions, *platforms, *days;
};

static int count_all(struct req *r, struct overview *o, struct err *err)
{
    static const char *const agent_names[] = {"total",       "online",      "offline", "error",
                                              "deactivated", "quarantined", NULL};
    static const char *const running_names[] = {"running", NULL};
    static const char *const finished_names[] = {"completed_24h", "warning_24h", "failed_24h", NULL};
    static const char *const last_names[] = {"lastCompleted_ms", NULL};
    static const char *const alert_names[] = {"alerts_open", NULL};
    const char *viewer = viewer_of(&r->principal);
    struct db_args only_viewer = DB_ARGS(DB_TEXT("viewer", viewer));
    int rc = object_of(r, DB_OVERVIEW_AGENTS, DB_ARGS(DB_TEXT("viewer", viewer), DB_INT("now", r->now_ms)), agent_names,
                       o->agents, err);
    if (rc == 0)
        rc = object_of(r, DB_OVERVIEW_RUNNING, only_viewer, running_names, o->backups, err);
    if (rc == 0)
        rc = object_of(r, DB_OVERVIEW_FINISHED, DB_ARGS(DB_TEXT("viewer", viewer), DB_INT("since", r->now_ms - DAY_MS)),
                       finished_names, o->backups, err);
    if (rc == 0)
        rc = object_of(r, DB_OVERVIEW_LAST_COMPLETED, only_viewer, last_names, o->backups, err);
    if (rc == 0)
        rc = object_of(r, DB_ALERT_OPEN_COUNT, only_viewer, alert_names, o->alerts, err);
    if (rc == 0)
        rc = list_of(r, DB_OVERVIEW_VERSIONS, "version", o->versions, err);
    if (rc == 0)
        rc = list_of(r, DB_OVERVIEW_PLATFORMS, "platform", o->platforms, err);
    if (rc == 0)
        rc = days_of(r, o->days, err);
    return rc;
}

void ops_overview(struct req *r)
{
    struct err err = {0};
    struct overview o = {json_object(), json_object(), json_object(), json_array(), json_array(), json_array()};
    int rc = db_read_begin(r->db, &err); /* one moment for all the numbers */
    if (rc == 0) {
        rc = count_all(r, &o, &err);
        db_read_end(r->db);
    }
    if (rc == 0)
        reply_json(r, 200,
                   json_pack("{s:O, s:O, s:O, s:O, s:O, s:O}", "agents", o.agents, "backups", o.backups, "alerts_open",
                             json_object_get(o.alerts, "alerts_open"), "versions", o.versions, "platforms", o.platforms,
                             "days", o.days));
    else
        reply_error(r, &err);
    json_decref(o.agents);
    json_decref(o.backups);
    json_decref(o.alerts);
    json_decref(o.versions);
    json_decref(o.platforms);
    json_decref(o.days);
}
