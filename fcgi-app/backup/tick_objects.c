/* Objects: volumes that can be made while their run goes on, and what is left of those that will never be any.
 *
 * What one object meets in the store is no reason to leave the others alone: it is logged, and tried again at the next
 * tick. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/tick.h"
#include "backup/volume.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "store/store.h"

enum {
    RIPE_BATCH = 20,
    LEFTOVER_BATCH = 100,
    GRACE_S = 10 * 60,         /* what was under way when a run ended has ended, too */
    WHOLE_GRACE_S = 3 * 3600,  /* a URL for one body is in force for an hour, and that body may be slow */
    UPLOAD_AGE_S = 10 * 60,    /* an upload is begun before the row that names it */
    LATE = 1,                  /* ends a walk without an error */
    LOOK_EVERY_MS = 60 * 1000, /* at a store that is asked over a network */
};

struct item {
    char run_id[UUID_SIZE];
    struct upload_object object;
};

/* Rows of run_id, number, s3_path, upload_id. */
static int list_items(struct tick *t, enum db_statement statement, struct db_args args, struct item *list, size_t max,
                      size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(t->db, statement, args, &rows, err);
    while (rc == 0 && count < max && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct item *item = &list[count++];
        (void)snprintf(item->run_id, sizeof item->run_id, "%s", db_rows_text(&rows, 0));
        rc = upload_object_row(&rows, 1, t->arena, &item->object) ? 0 : err_set(err, ERR_NOMEM, "no memory");
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

/* --- ripe -----------------------------------------------------------------------------------------------------------
 */

static int make_ripe(struct tick *t, struct err *err)
{
    size_t count = 0;
    struct item *list = arena_array(t->arena, RIPE_BATCH, sizeof *list);
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for volumes");
    int rc = list_items(t, DB_BACKUP_OBJECT_RIPE, DB_NO_ARGS, list, RIPE_BATCH, &count, err);
    for (size_t i = 0; rc == 0 && i < count && !tick_late(t); i++) {
        struct err why = {0};
        int made = volume_make(t->app, t->db, list[i].run_id, &list[i].object, true, &why);
        if (made != 0 && made != ERR_CONFLICT) /* what is missing is for its agent to be told, at the end */
            log_warning("volume %lld of run %s is not made yet: %s", (long long)list[i].object.number, list[i].run_id,
                        why.msg);
    }
    return rc;
}

/* --- leftovers ------------------------------------------------------------------------------------------------------
 */

struct gone {
    const struct item *list;
    const bool *done;
    size_t count;
};

static int write_gone(struct db *db, void *ctx, struct err *err)
{
    const struct gone *g = ctx;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->count; i++)
        if (g->done[i])
            rc = db_exec(db, DB_BACKUP_OBJECT_GONE,
                         DB_ARGS(DB_TEXT("run_id", g->list[i].run_id), DB_INT("number", g->list[i].object.number)),
                         NULL, err);
    return rc;
}

/* Runs that ended badly: once more, after all that was under way has ended, and until the store has said yes. */
static int drop_leftovers(struct tick *t, struct err *err)
{
    size_t count = 0;
    bool done[LEFTOVER_BATCH] = {0};
    struct item *list = arena_array(t->arena, LEFTOVER_BATCH, sizeof *list);
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for leftovers");
    int64_t whole_s =
        store_tracks_parts(t->app->store) ? GRACE_S : WHOLE_GRACE_S; /* ours takes no body of an ended run */
    int rc = list_items(t, DB_BACKUP_OBJECT_LEFTOVER,
                        DB_ARGS(DB_INT("before", t->now_ms - GRACE_S * INT64_C(1000)),
                                DB_INT("whole_before", t->now_ms - whole_s * INT64_C(1000))),
                        list, LEFTOVER_BATCH, &count, err);
    for (size_t i = 0; rc == 0 && i < count && !tick_late(t); i++) {
        struct err why = {0};
        done[i] = store_upload_abort(t->app->store, list[i].object.path, list[i].object.upload_id, &why) == 0;
        if (!done[i])
            log_warning("object %lld of run %s is not given up yet: %s", (long long)list[i].object.number,
                        list[i].run_id, why.msg);
    }
    struct gone gone = {.list = list, .done = done, .count = count};
    return rc == 0 && count > 0 ? db_write(t->app->writer, write_gone, &gone, err) : rc;
}

/* --- uploads that the store knows -----------------------------------------------------------------------------------
 */

/* An upload whose run has ended, or was never stored, will not be finished. */
static int drop_upload(struct tick *t, const char *path, const char *upload_id, struct err *err)
{
    struct upload u;
    struct upload_object o;
    if (path != NULL && !store_path_valid(path))
        return 0; /* somebody else's: the bucket may be shared */
    int rc = upload_by_upload(t->db, upload_id, t->arena, &u, &o, err);
    if (rc == ERR_NOT_FOUND || (rc == 0 && path != NULL && strcmp(o.path, path) != 0))
        return store_upload_forget(t->app->store, path, upload_id, err);
    if (rc != 0)
        return rc;
    if (upload_ended_badly(&u))
        return store_upload_abort(t->app->store, o.path, o.upload_id, err);
    return upload_running(&u) && o.size < 0 ? 0 : store_upload_forget(t->app->store, o.path, upload_id, err);
}

static int on_upload(void *ctx, const char *path, const char *upload_id, int64_t started_ms, struct err *err)
{
    (void)started_ms;
    (void)err;
    struct tick *t = ctx;
    struct err why = {0};
    arena_reset(t->arena);
    if (drop_upload(t, path, upload_id, &why) != 0)
        log_warning("an upload is not given up yet: %s", why.msg);
    return tick_late(t) ? LATE : 0;
}

/* A store on this machine is looked at every time; another one by the minute. */
static bool is_due(const struct tick *t)
{
    int64_t now_ms = clock_monotonic_ms(t->app->clock);
    if (!store_tracks_parts(t->app->store) && now_ms < t->upkeep->uploads_next_ms)
        return false;
    t->upkeep->uploads_next_ms = now_ms + LOOK_EVERY_MS;
    return true;
}

int tick_objects(struct tick *t, struct err *err)
{
    arena_reset(t->arena);
    int rc = make_ripe(t, err);
    arena_reset(t->arena);
    if (rc == 0)
        rc = drop_leftovers(t, err);
    if (rc == 0 && is_due(t))
        rc = store_upload_each(t->app->store, UPLOAD_AGE_S, on_upload, t, err);
    return rc == LATE ? 0 : rc;
}
