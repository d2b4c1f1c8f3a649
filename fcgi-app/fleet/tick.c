/* What fleet does by the clock: every second the presence table is written, every minute what has run out is ended,
 * and once an hour what is no longer to be kept is deleted (retention.c). */
#include "app.h"
#include "common/log.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "fleet/presence_entry.h"
#include "fleet/retention.h"

enum { MINUTE_MS = 60 * 1000, FLUSH_PAUSE_MS = 10 };

/* --- every second --- */

static int read_audit_head(struct app *app, struct presence_chores *chores, struct err *err)
{
    char head[AUDIT_HEAD_SIZE];
    int rc = 0;
    if (chores->db == NULL)
        rc = db_open(&(struct db_options){.path = app->settings->db_path, .read_only = true}, &chores->db, err);
    if (rc == 0)
        rc = audit_head(chores->db, head, err);
    if (rc == 0)
        presence_set_audit_head(app->presence, head);
    return rc;
}

/* --- every minute --- */

struct expiry {
    int64_t now_ms;
};

static int end_what_ran_out(struct db *db, void *ctx, struct err *err)
{
    const struct expiry *expiry = ctx;
    int64_t expired = 0;
    int rc = db_exec(db, DB_OTP_WIPE_ANSWERS, DB_ARGS(DB_INT("now", expiry->now_ms)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_COMMAND_EXPIRE, DB_ARGS(DB_INT("now", expiry->now_ms)), &expired, err);
    return rc == 0 && expired > 0 ? db_changed(db, "commands", err) : rc;
}

static int run_chores(struct app *app, struct presence_chores *chores, int64_t now_ms, struct err *err)
{
    int rc = presence_flush(app, FLUSH_PAUSE_MS, err);
    if (rc == 0)
        rc = read_audit_head(app, chores, err);
    if (rc == 0 && fleet_due(&chores->minute_due_ms, now_ms, MINUTE_MS)) {
        presence_sweep(app->presence, now_ms);
        rc = db_write(app->writer, end_what_ran_out, &(struct expiry){now_ms}, err);
    }
    return rc != 0 ? rc : fleet_retention(app, chores, now_ms, err);
}

void fleet_tick(struct app *app)
{
    struct err err = {0};
    if (app->presence == NULL)
        return;
    struct presence_chores *chores = presence_chores(app->presence);
    bool failed = run_chores(app, chores, clock_now_ms(app->clock), &err) != 0;
    if (failed && !chores->failing) /* once, not every second of an outage */
        log_error("heartbeats are not being written: %s", err.msg);
    if (!failed && chores->failing)
        log_info("heartbeats are being written again");
    chores->failing = failed;
}
