/* The nightly copy of the database. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "db/backup.h"
#include "db/writer.h"
#include "ops/alert.h"
#include "ops/ops.h"

enum { COPIES_KEPT = 7, COPY_HOUR = 2, LOOK_EVERY_MS = 60 * 1000, RETRY_AFTER_MS = 60 * 60 * 1000 };

/* The name of this night's copy: nights are told apart by UTC days, and begin at COPY_HOUR. */
static int copy_path(const struct settings *settings, int64_t now_ms, char ret[DB_PATH_MAX], struct err *err)
{
    time_t night = (time_t)(now_ms / 1000 - INT64_C(3600) * COPY_HOUR);
    struct tm day;
    char name[16] = "";
    if (gmtime_r(&night, &day) == NULL || strftime(name, sizeof name, "%Y%m%d", &day) == 0)
        return err_set(err, ERR_INTERNAL, "the clock is beyond any calendar");
    int len = snprintf(ret, DB_PATH_MAX, "%s/nightly-%s.sqlite", settings->backup_dir, name);
    if (len < 0 || len >= DB_PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "MUSTER_DB_BACKUP_DIR is too long");
    return 0;
}

static int copy_nightly(const struct settings *settings, int64_t now_ms, struct err *err)
{
    char path[DB_PATH_MAX];
    int rc = copy_path(settings, now_ms, path, err);
    if (rc != 0 || access(path, F_OK) == 0)
        return rc;
    rc = file_mkdirs(settings->backup_dir, 0700, err);
    if (rc == 0)
        rc = db_backup(settings->db_path, path, err);
    if (rc == 0)
        rc = db_backup_prune(settings->backup_dir, "nightly-", COPIES_KEPT, err);
    if (rc == 0)
        log_info("database copied to %s", path);
    return rc;
}

static int raise_failure(struct db *db, void *ctx, struct err *err)
{
    return alert_raise(db, ctx, err);
}

void ops_tick(struct app *app, struct ops_schedule *schedule)
{
    int64_t now_ms = clock_now_ms(app->clock);
    if (now_ms < schedule->copy_next_ms)
        return;
    struct err err = {0};
    schedule->copy_next_ms = now_ms + LOOK_EVERY_MS;
    if (copy_nightly(app->settings, now_ms, &err) == 0)
        return;
    schedule->copy_next_ms = now_ms + RETRY_AFTER_MS;
    log_error("the nightly copy of the database: %s; tried again in an hour", err.msg);
    struct alert alert = {.kind = "database.backup",
                          .message = "The nightly copy of the database failed; the server's log says why.",
                          .time_ms = now_ms};
    if (db_write(app->writer, raise_failure, &alert, &err) != 0)
        log_error("alert: %s", err.msg);
}
