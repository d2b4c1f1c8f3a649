/* What fleet does by the clock: every second the presence table is written, every minute what has run out is ended,
 * and once an hour what is older than MUSTER_LOG_RETENTION is deleted: ended commands, expired one-time passwords, and
 * events, those of a few agents at a time. */
#include <string.h>

#include "app.h"
#include "common/log.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "fleet/presence_entry.h"

enum { MINUTE_MS = 60 * 1000, RETENTION_EVERY_MS = 3600 * 1000, RETENTION_CHUNK = 200, FLUSH_PAUSE_MS = 10 };

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* The clock may be set back; then it is due. */
static bool due(int64_t *at_ms, int64_t now_ms, int64_t every_ms)
{
    if (now_ms < *at_ms && *at_ms - now_ms <= every_ms)
        return false;
    *at_ms = now_ms + every_ms;
    return true;
}

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

/* --- every hour --- */

struct retention {
    int64_t before_ms;
    char after[UUID_SIZE]; /* in and out; "" at the end of the round */
};

static int read_chunk(struct db *db, const char *after, char ids[RETENTION_CHUNK][UUID_SIZE], size_t *ret_count,
                      struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(db, DB_AGENT_IDS_AFTER, DB_ARGS(DB_TEXT("after", after), DB_INT("limit", RETENTION_CHUNK)), &rows,
                      err);
    while (rc == 0 && count < RETENTION_CHUNK && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        const char *id = db_rows_text(&rows, 0);
        ids[count][0] = '\0';
        strncat(ids[count++], id != NULL ? id : "", UUID_SIZE - 1);
        rc = 0;
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

static int delete_old_rest(struct db *db, int64_t before_ms, struct err *err)
{
    int rc = db_exec(db, DB_COMMAND_DELETE_BEFORE, DB_ARGS(DB_INT("before", before_ms)), NULL, err);
    return rc != 0 ? rc : db_exec(db, DB_OTP_DELETE_BEFORE, DB_ARGS(DB_INT("before", before_ms)), NULL, err);
}

static int delete_old(struct db *db, void *ctx, struct err *err)
{
    struct retention *retention = ctx;
    char ids[RETENTION_CHUNK][UUID_SIZE];
    size_t count = 0;
    int rc = read_chunk(db, retention->after, ids, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = db_exec(db, DB_EVENT_DELETE_BEFORE,
                     DB_ARGS(DB_TEXT("agent", ids[i]), DB_INT("before", retention->before_ms)), NULL, err);
    if (rc == 0 && retention->after[0] == '\0')
        rc = delete_old_rest(db, retention->before_ms, err);
    if (rc == 0)
        memcpy(retention->after, count == RETENTION_CHUNK ? ids[count - 1] : "",
               count == RETENTION_CHUNK ? UUID_SIZE : 1);
    return rc;
}

/* One chunk a call, so that nobody waits long behind it; a round that has begun goes on every second. */
static int keep_retention(struct app *app, struct presence_chores *chores, int64_t now_ms, struct err *err)
{
    if (chores->retention_after[0] == '\0' && !due(&chores->retention_due_ms, now_ms, RETENTION_EVERY_MS))
        return 0;
    struct retention retention = {.before_ms = now_ms - app->settings->log_retention_days * DAY_MS};
    memcpy(retention.after, chores->retention_after, sizeof retention.after);
    int rc = db_write(app->writer, delete_old, &retention, err);
    if (rc == 0)
        memcpy(chores->retention_after, retention.after, sizeof retention.after);
    return rc;
}

static int run_chores(struct app *app, struct presence_chores *chores, int64_t now_ms, struct err *err)
{
    int rc = presence_flush(app, FLUSH_PAUSE_MS, err);
    if (rc == 0)
        rc = read_audit_head(app, chores, err);
    if (rc == 0 && due(&chores->minute_due_ms, now_ms, MINUTE_MS)) {
        presence_sweep(app->presence, now_ms);
        rc = db_write(app->writer, end_what_ran_out, &(struct expiry){now_ms}, err);
    }
    return rc != 0 ? rc : keep_retention(app, chores, now_ms, err);
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
