/* What has become due: runs that fell silent, uploads nobody will finish, bodies nobody came for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/store.h"
#include "backup/upload.h"
#include "common/log.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "ops/alert.h"

enum {
    SILENT_BATCH = 100,
    UPLOAD_AGE_S = 10 * 60, /* an upload is made before the row that names it */
    BODY_AGE_S = 60 * 60,
    LOOK_BACK_S = 60 * 60, /* for objects of runs that failed while a completion was under way */
    ARENA_BYTES = 1 << 20,
};

/* --- silent runs ----------------------------------------------------------------------------------------------------
 */

struct silent {
    char run_id[UUID_SIZE];
    char agent_id[UUID_SIZE]; /* "": deleted */
    char user_id[UUID_SIZE];
    char message[400];
};

struct silence {
    const struct silent *run;
    int64_t now_ms;
    int64_t before_ms;
    int timeout_s;
};

static int list_silent(struct db *db, int64_t before_ms, struct silent list[SILENT_BATCH], size_t *ret_count,
                       struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(db, DB_BACKUP_RUN_SILENT, DB_ARGS(DB_INT("before", before_ms)), &rows, err);
    while (rc == 0 && count < SILENT_BATCH && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct silent *s = &list[count++];
        const char *agent_id = db_rows_text(&rows, 1);
        (void)snprintf(s->run_id, sizeof s->run_id, "%s", db_rows_text(&rows, 0));
        (void)snprintf(s->agent_id, sizeof s->agent_id, "%s", agent_id != NULL ? agent_id : "");
        (void)snprintf(s->user_id, sizeof s->user_id, "%s", db_rows_text(&rows, 2));
        (void)snprintf(s->message, sizeof s->message, "The backup \"%.120s\" of %.120s fell silent and was ended.",
                       db_rows_text(&rows, 4), db_rows_text(&rows, 3));
        rc = 0;
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

static int write_silent(struct db *db, void *ctx, struct err *err)
{
    const struct silence *s = ctx;
    const char *agent_id = s->run->agent_id[0] != '\0' ? s->run->agent_id : NULL;
    char errors[200];
    int64_t changed = 0;
    (void)snprintf(
        errors, sizeof errors,
        "[{\"message\":\"Nothing was heard of this run for %d seconds: the agent or its network went away.\"}]",
        s->timeout_s);
    int rc = db_exec(db, DB_BACKUP_RUN_FAIL_SILENT,
                     DB_ARGS(DB_TEXT("id", s->run->run_id), DB_TEXT("errors", errors), DB_INT("now", s->now_ms),
                             DB_INT("before", s->before_ms)),
                     &changed, err);
    if (rc != 0 || changed == 0)
        return rc; /* it has spoken after all */
    const struct alert alert = {.kind = "backup.failed",
                                .message = s->run->message,
                                .user_id = s->run->user_id,
                                .agent_id = agent_id,
                                .time_ms = s->now_ms};
    return alert_raise(db, &alert, err);
}

static int fail_silent(struct app *app, struct db *db, int64_t now_ms, struct err *err)
{
    int timeout_s = app->settings->run_timeout_s;
    int64_t before_ms = now_ms - timeout_s * INT64_C(1000);
    struct silent *list = calloc(SILENT_BATCH, sizeof *list);
    size_t count = 0;
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for silent runs");
    int rc = list_silent(db, before_ms, list, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct silence silence = {.run = &list[i], .now_ms = now_ms, .before_ms = before_ms, .timeout_s = timeout_s};
        log_warning("run %s: %s", list[i].run_id, list[i].message);
        rc = db_write(app->writer, write_silent, &silence, err);
    }
    free(list);
    return rc;
}

/* --- leftovers ------------------------------------------------------------------------------------------------------
 */

struct sweep {
    struct app *app;
    struct db *db;
    struct arena *arena;
};

/* An upload whose run has ended, or was never stored, will not be finished. */
static int drop_upload(void *ctx, const char *path, const char *upload_id, int64_t started_ms, struct err *err)
{
    (void)started_ms;
    struct sweep *s = ctx;
    struct upload u;
    arena_reset(s->arena);
    int rc = path != NULL ? upload_by_path(s->db, path, s->arena, &u, err)
                          : upload_by_id(s->db, upload_id, s->arena, &u, err);
    if (rc == ERR_NOT_FOUND || (rc == 0 && strcmp(u.upload_id, upload_id) != 0))
        return store_upload_forget(s->app->store, path, upload_id, err);
    if (rc != 0 || upload_running(&u))
        return rc;
    bool failed = strcmp(u.status, "failed") == 0 || strcmp(u.status, "cancelled") == 0;
    return failed ? store_upload_abort(s->app->store, u.path, u.upload_id, err)
                  : store_upload_forget(s->app->store, path, upload_id, err);
}

/* Runs that ended badly while their object was being made. */
static int drop_objects(struct sweep *s, int64_t now_ms, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(s->db, DB_BACKUP_RUN_ENDED_BADLY, DB_ARGS(DB_INT("since", now_ms - LOOK_BACK_S * INT64_C(1000))),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = store_upload_abort(s->app->store, db_rows_text(&rows, 0), db_rows_text(&rows, 1), err);
    db_rows_done(&rows);
    return rc;
}

static int sweep(struct sweep *s, int64_t now_ms, struct err *err)
{
    int rc = fail_silent(s->app, s->db, now_ms, err);
    if (rc == 0)
        rc = drop_objects(s, now_ms, err);
    if (rc == 0)
        rc = store_upload_each(s->app->store, UPLOAD_AGE_S, drop_upload, s, err);
    return rc == 0 ? store_sweep(s->app->store, BODY_AGE_S, err) : rc;
}

void backup_tick(struct app *app)
{
    struct sweep s = {.app = app, .arena = arena_new(ARENA_BYTES)};
    struct err err = {0};
    int rc = s.arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : 0;
    if (rc == 0)
        rc = db_open(&(struct db_options){.path = app->settings->db_path, .read_only = true}, &s.db, &err);
    if (rc == 0)
        rc = sweep(&s, clock_now_ms(app->clock), &err);
    if (rc != 0)
        log_error("backups could not be tidied up: %s", err.msg);
    db_close(s.db);
    arena_free(s.arena);
}
