/* Alerts as people see them. */
#include "auth/audit.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "http/list.h"
#include "ops/ops.h"
#include "ops/viewer.h"

static json_t *time_or_null(const struct db_rows *rows, int column)
{
    return db_rows_null(rows, column) ? json_null() : json_integer(db_rows_int(rows, column, 0));
}

static json_t *alert_json(const struct db_rows *rows)
{
    const char *agent = db_rows_text(rows, 4);
    return json_pack("{s:s, s:I, s:s, s:s, s:s?, s:o, s:s?}", "id", db_rows_text(rows, 0), "created_ms",
                     (json_int_t)db_rows_int(rows, 1, 0), "kind", db_rows_text(rows, 2), "message",
                     db_rows_text(rows, 3), "agentId", agent, "acknowledged_ms", time_or_null(rows, 5), "person",
                     db_rows_text(rows, 6));
}

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"kind", "kind", CSV_PLAIN},
    {"message", "message", CSV_PLAIN},
    {"agent", "agentId", CSV_PLAIN},
    {"person", "person", CSV_PLAIN},
    {"raised", "created_ms", CSV_TIME},
    {"acknowledged", "acknowledged_ms", CSV_TIME},
    {NULL, NULL, CSV_PLAIN},
};

struct alert_query {
    struct list_ask ask;
    const char *state, *kind;
};

#define QUERY_ARGS(r, a)                                                                                               \
    DB_TEXT("viewer", viewer_of(&(r)->principal)), DB_TEXT("state", (a)->state), DB_TEXT("kind", (a)->kind),           \
        DB_TEXT("q", (a)->ask.pattern)

void ops_alert_list(struct req *r)
{
    static const char *const sorts[] = {"open", "created", "kind", NULL}, *const states[] = {"open", "acknowledged",
                                                                                             NULL};
    struct alert_query q = {0};
    struct list_out out;
    struct err err = {0};
    struct db_rows rows;
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "alerts"}, &q.ask) ||
        !list_choice(r, "state", states, "", &q.state))
        return;
    q.kind = list_filter(r, "kind", "");
    list_begin(&out, &q.ask, columns);
    int rc = list_count(r->db, DB_ALERT_PAGE_COUNT, DB_ARGS(QUERY_ARGS(r, &q)), &total, &err);
    if (rc == 0) {
        rc = db_query(r->db, DB_ALERT_PAGE,
                      DB_ARGS(QUERY_ARGS(r, &q), DB_TEXT("sort", q.ask.sort), DB_INT("descending", q.ask.descending),
                              DB_INT("limit", q.ask.limit), DB_INT("offset", q.ask.offset)),
                      &rows, &err);
        while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW)
            rc = list_add(&out, alert_json(&rows), &err);
        db_rows_done(&rows);
    }
    list_reply(r, &out, rc, total, &err);
}

struct acknowledge {
    struct req *r;
    const char *id;
    struct audit_entry entry;
};

static int acknowledge_write(struct db *db, void *ctx, struct err *err)
{
    const struct acknowledge *a = ctx;
    const struct req *r = a->r;
    int64_t changes = 0;
    int rc = db_exec(db, DB_ALERT_ACKNOWLEDGE,
                     DB_ARGS(DB_TEXT("id", a->id), DB_TEXT("viewer", viewer_of(&r->principal)),
                             DB_TEXT("by", r->principal.id), DB_INT("now", r->now_ms)),
                     &changes, err);
    if (rc != 0)
        return rc;
    if (changes == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such alert.");
    if ((rc = db_changed(db, "alerts", err)) != 0)
        return rc;
    return audit_append(db, secrets_audit_key(r->app->secrets), &a->entry, err);
}

void ops_alert_acknowledge(struct req *r)
{
    struct err err = {0};
    struct acknowledge a = {.r = r, .id = r->params[0]};
    a.entry = audit_of_request(r, "alert.acknowledge", arena_printf(r->arena, "alert:%.64s", a.id));
    if (db_write(r->app->writer, acknowledge_write, &a, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
