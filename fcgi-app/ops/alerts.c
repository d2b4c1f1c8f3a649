/* Alerts as people see them. */
#include "auth/audit.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "ops/ops.h"
#include "ops/viewer.h"

enum { ALERTS_MAX = 200 };

static json_t *time_or_null(const struct db_rows *rows, int column)
{
    return db_rows_null(rows, column) ? json_null() : json_integer(db_rows_int(rows, column, 0));
}

static json_t *alert_json(const struct db_rows *rows)
{
    const char *agent = db_rows_text(rows, 4);
    return json_pack("{s:s, s:I, s:s, s:s, s:s?, s:o}", "id", db_rows_text(rows, 0), "created_ms",
                     (json_int_t)db_rows_int(rows, 1, 0), "kind", db_rows_text(rows, 2), "message",
                     db_rows_text(rows, 3), "agentId", agent, "acknowledged_ms", time_or_null(rows, 5));
}

void ops_alert_list(struct req *r)
{
    struct err err = {0};
    struct db_rows rows;
    json_t *items = json_array();
    int rc = db_query(r->db, DB_ALERT_LIST,
                      DB_ARGS(DB_TEXT("viewer", viewer_of(&r->principal)), DB_INT("limit", ALERTS_MAX)), &rows, &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW)
        rc = json_array_append_new(items, alert_json(&rows)) == 0 ? 0 : err_set(&err, ERR_NOMEM, "out of memory");
    db_rows_done(&rows);
    if (rc == 0) {
        reply_json(r, 200, json_pack("{s:o}", "items", items));
        return;
    }
    json_decref(items);
    reply_error(r, &err);
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
