/* Alerts as people see them. */
#include <string.h>

#include "auth/audit.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "http/list.h"
#include "ops/alert.h"
#include "ops/ops.h"
#include "ops/viewer.h"
#include "route.h"

static json_t *time_or_null(const struct db_rows *rows, int column)
{
    return db_rows_null(rows, column) ? json_null() : json_integer(db_rows_int(rows, column, 0));
}

/* Of those that somebody sees: operators all, everybody what is about their own account. told_to: a user's id, or NULL
 * for what is told to admins. */
static bool may_acknowledge(const struct principal *p, const char *kind, const char *told_to)
{
    return p->role >= ROLE_OPERATOR || (told_to != NULL && strcmp(told_to, p->id) == 0 && alert_about_account(kind));
}

static json_t *alert_json(const struct principal *p, const struct db_rows *rows)
{
    const char *agent = db_rows_text(rows, 4), *kind = db_rows_text(rows, 2);
    return json_pack("{s:s, s:I, s:s, s:s, s:s?, s:o, s:s?, s:b}", "id", db_rows_text(rows, 0), "created_ms",
                     (json_int_t)db_rows_int(rows, 1, 0), "kind", kind, "message", db_rows_text(rows, 3), "agentId",
                     agent, "acknowledged_ms", time_or_null(rows, 5), "person", db_rows_text(rows, 6), "mayAcknowledge",
                     may_acknowledge(p, kind, db_rows_text(rows, 7)));
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
    int rc = db_query_number(r->db, DB_ALERT_PAGE_COUNT, DB_ARGS(QUERY_ARGS(r, &q)), &total, &err);
    if (rc == 0) {
        rc = db_query(r->db, DB_ALERT_PAGE,
                      DB_ARGS(QUERY_ARGS(r, &q), DB_TEXT("sort", q.ask.sort), DB_INT("descending", q.ask.descending),
                              DB_INT("limit", q.ask.limit), DB_INT("offset", q.ask.offset)),
                      &rows, &err);
        while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW)
            rc = list_add(&out, alert_json(&r->principal, &rows), &err);
        db_rows_done(&rows);
    }
    list_reply(r, &out, rc, total, &err);
}

struct acknowledge {
    struct req *r;
    const char *id;
    struct audit_entry entry;
};

/* ERR_NOT_FOUND: for them it is not there. ERR_DENIED: they see it, and it is for somebody else to see to it. */
static int acknowledge_allowed(struct db *db, const struct acknowledge *a, struct err *err)
{
    const struct principal *p = &a->r->principal;
    struct db_rows rows;
    int rc =
        db_query_one(db, DB_ALERT_TOLD_TO, DB_ARGS(DB_TEXT("id", a->id), DB_TEXT("viewer", viewer_of(p))), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such alert.");
    if (rc < 0)
        return rc;
    bool allowed = may_acknowledge(p, db_rows_text(&rows, 0), db_rows_text(&rows, 1));
    db_rows_done(&rows);
    return allowed ? 0
                   : err_set(err, ERR_DENIED,
                             "Your role lets you acknowledge only what is about your own account; ask an operator.");
}

static int acknowledge_write(struct db *db, void *ctx, struct err *err)
{
    const struct acknowledge *a = ctx;
    const struct req *r = a->r;
    int rc = acknowledge_allowed(db, a, err);
    if (rc == 0)
        rc =
            db_exec(db, DB_ALERT_ACKNOWLEDGE,
                    DB_ARGS(DB_TEXT("id", a->id), DB_TEXT("by", r->principal.id), DB_INT("now", r->now_ms)), NULL, err);
    if (rc == 0)
        rc = db_changed(db, "alerts", err);
    return rc != 0 ? rc : audit_append(db, secrets_audit_key(r->app->secrets), &a->entry, err);
}

void ops_alert_acknowledge(struct req *r)
{
    struct err err = {0};
    struct acknowledge a = {.r = r, .id = r->params[0]};
    a.entry = audit_of_request(r, "alert.acknowledge", arena_printf(r->arena, "alert:%.64s", a.id));
    int rc = db_write(r->app->writer, acknowledge_write, &a, &err);
    if (rc == ERR_DENIED)
        auth_denied(r, r->principal.id, "request.role", r->route->path, NULL);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
