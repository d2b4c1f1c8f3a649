/* What auth does by the clock. */
#include <inttypes.h>
#include <stdio.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/failures.h"
#include "auth/limits.h"
#include "auth/secrets.h"
#include "auth/session.h"
#include "common/log.h"
#include "db/writer.h"

enum { SWEEP_EVERY_MS = 60 * 1000 };

void auth_failure_note_of(struct app *app, const char *action, const char *address, const char *user_id)
{
    char target[FAILURES_TARGET_SIZE];
    if (app->logins == NULL)
        return;
    (void)snprintf(target, sizeof target, "%s%.40s", user_id[0] != '\0' ? "user:" : "", user_id);
    failures_note(login_limits_failures(app->logins), action, address, target, clock_now_ms(app->clock));
}

void auth_failure_note(struct app *app, const char *action, const char *address)
{
    auth_failure_note_of(app, action, address, "");
}

struct failure_rows {
    const struct audit_key *key;
    int64_t now_ms;
    int count;
    struct failure list[FAILURES_MAX];
};

static int write_failures(struct db *db, void *ctx, struct err *err)
{
    const struct failure_rows *rows = ctx;
    int rc = 0;
    for (int i = 0; rc == 0 && i < rows->count; i++) {
        const struct failure *f = &rows->list[i];
        char detail[96];
        (void)snprintf(detail, sizeof detail, "{\"count\":%" PRId64 ",\"minute_ms\":%" PRId64 "}", f->count,
                       f->minute_ms);
        struct audit_entry entry = {
            .time_ms = rows->now_ms,
            .actor = "anonymous",
            .action = f->action,
            .target = f->target,
            .result = AUDIT_DENIED,
            .address = f->address,
            .detail = detail,
        };
        rc = audit_append(db, rows->key, &entry, err);
    }
    return rc;
}

static void flush_failures(struct app *app, int64_t now_ms, bool everything)
{
    struct failures *failures = login_limits_failures(app->logins);
    struct failure_rows rows = {.key = secrets_audit_key(app->secrets), .now_ms = now_ms};
    struct err err = {0};
    rows.count = failures_take(failures, now_ms, everything, rows.list);
    if (rows.count == 0 || db_write(app->writer, write_failures, &rows, &err) == 0)
        return;
    log_error("counted sign-in failures not written, kept for later: %s", err.msg);
    for (int i = 0; i < rows.count; i++)
        failures_return(failures, &rows.list[i]);
}

struct sweep {
    int64_t now_ms;
    int64_t idle_since_ms;
};

static int delete_over(struct db *db, void *ctx, struct err *err)
{
    const struct sweep *sweep = ctx;
    int rc = db_exec(db, DB_AUTH_SESSION_DELETE_OVER,
                     DB_ARGS(DB_INT("now", sweep->now_ms), DB_INT("idle_since", sweep->idle_since_ms)), NULL, err);
    static const enum db_statement others[] = {DB_STEPUP_DELETE_OVER, DB_SIGNIN_DELETE_OVER, DB_DEVICE_DELETE_OVER,
                                               DB_CHALLENGE_DELETE_OVER};
    for (size_t i = 0; rc == 0 && i < sizeof others / sizeof others[0]; i++)
        rc = db_exec(db, others[i], DB_ARGS(DB_INT("now", sweep->now_ms)), NULL, err);
    int64_t since_ms = sweep->now_ms - SESSION_ADDRESS_DAYS * INT64_C(24) * 3600 * 1000;
    return rc != 0 ? rc : db_exec(db, DB_SIGNIN_ADDRESS_DELETE_OLD, DB_ARGS(DB_INT("since", since_ms)), NULL, err);
}

void auth_tick(struct app *app)
{
    int64_t now_ms = clock_now_ms(app->clock);
    if (app->logins == NULL)
        return;
    flush_failures(app, now_ms, false);
    if (!login_limits_due(app->logins, now_ms, SWEEP_EVERY_MS))
        return;
    struct err err = {0};
    struct sweep sweep = {now_ms, now_ms - app->settings->session_idle_s * INT64_C(1000)};
    if (db_write(app->writer, delete_over, &sweep, &err) != 0)
        log_error("sessions that are over not deleted: %s", err.msg);
}

void auth_flush(struct app *app)
{
    if (app->logins != NULL)
        flush_failures(app, clock_now_ms(app->clock), true);
}
