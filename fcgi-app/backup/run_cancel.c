/* POST /api/runs/{id}/cancel: a person stops a run. One that waits never begins; the agent of one under way hears of it
 * with its next sign of life, and whatever it still sends is refused. */
#include <string.h>

#include "app.h"
#include "auth/audit.h"
#include "auth/secrets.h"
#include "backup/backup.h"
#include "backup/run.h"
#include "backup/runs.h"
#include "backup/volume.h"
#include "db/writer.h"
#include "http/problem.h"
#include "http/request.h"

struct cancel {
    struct req *req;
    bool began; /* it may have something in the store */
};

static int may_see(struct db *db, struct req *r, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_RUN_GET, DB_ARGS(DB_TEXT("id", r->params[0]), DB_TEXT("viewer", run_viewer(r))),
                          &rows, err);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such run.");
    return rc == DB_ROW ? 0 : rc;
}

static int write_cancel(struct db *db, void *ctx, struct err *err)
{
    struct cancel *c = ctx;
    struct req *r = c->req;
    struct run_end end = {.run_id = r->params[0],
                          .was = "queued",
                          .status = "cancelled",
                          .why = "A person cancelled this run.",
                          .now_ms = r->now_ms};
    bool ended = false;
    int rc = may_see(db, r, err);
    if (rc == 0)
        rc = run_end(db, &end, &ended, err);
    if (rc == 0 && !ended) {
        end.was = "running";
        rc = run_end(db, &end, &ended, err);
        c->began = ended;
    }
    if (rc == 0 && !ended)
        return err_set(err, ERR_CONFLICT, "The run is over.");
    if (rc != 0)
        return rc;
    const char *target = arena_printf(r->arena, "run:%s", r->params[0]);
    if (target == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an audit record");
    const struct audit_entry entry = audit_of_request(r, "run.cancel", target);
    return audit_append(db, secrets_audit_key(r->app->secrets), &entry, err);
}

void backup_run_cancel(struct req *r)
{
    struct cancel cancel = {.req = r};
    struct err err = {0};
    if (db_write(r->app->writer, write_cancel, &cancel, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    if (cancel.began)
        volume_drop_all(r->app, r->db, r->params[0], r->arena);
    run_reply(r, r->params[0]);
}
