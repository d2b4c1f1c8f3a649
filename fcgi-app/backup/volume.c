#include "backup/volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "store/store.h"

enum { MAKE_BUDGET_MS = 20 * 1000, DROP_BUDGET_MS = 5 * 1000, DROP_BATCH = 100 };

/* --- beginning ------------------------------------------------------------------------------------------------------
 */

static int begin(struct app *app, struct db *db, const struct upload *u, int64_t number, struct arena *arena,
                 struct upload_object *ret, struct err *err)
{
    char upload_id[STORE_UPLOAD_ID_SIZE];
    struct upload_object before;
    int rc = number > 1 ? upload_object_find(db, u->run_id, number - 1, arena, &before, err) : 0;
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_CONFLICT, "The parts before have not been announced.");
    if (rc != 0)
        return rc;
    const char *path = upload_object_path(arena, u->path, number);
    const char *hint = arena_printf(arena, "%s-%lld", u->run_id, (long long)number);
    if (path == NULL || hint == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an object");
    rc = store_upload_begin(app->store, path, hint, upload_id, err);
    if (rc != 0)
        return rc;
    *ret =
        (struct upload_object){.number = number, .path = path, .upload_id = arena_strdup(arena, upload_id), .size = -1};
    return ret->upload_id == NULL ? err_set(err, ERR_NOMEM, "no memory for an object") : 0;
}

int volume_open(struct app *app, struct db *db, const struct upload *u, int64_t number, struct arena *arena,
                struct upload_object *ret, bool *ret_begun, struct err *err)
{
    *ret_begun = false;
    int rc = upload_object_find(db, u->run_id, number, arena, ret, err);
    if (rc == 0 && ret->size >= 0)
        return err_set(err, ERR_CONFLICT, "The object that this part belongs to is finished.");
    if (rc != ERR_NOT_FOUND)
        return rc;
    rc = begin(app, db, u, number, arena, ret, err);
    *ret_begun = rc == 0;
    return rc;
}

int volume_note(struct db *db, const char *run_id, struct upload_object *o, struct arena *arena, struct err *err)
{
    int64_t added = 0;
    int rc = db_exec(db, DB_BACKUP_OBJECT_ADD,
                     DB_ARGS(DB_TEXT("run_id", run_id), DB_INT("number", o->number), DB_TEXT("s3_path", o->path),
                             DB_TEXT("upload_id", o->upload_id)),
                     &added, err);
    return rc == 0 && added == 0 ? upload_object_find(db, run_id, o->number, arena, o, err) : rc;
}

void volume_unbegin(struct app *app, struct db *db, const char *run_id, const struct upload_object *begun,
                    struct arena *arena)
{
    struct upload_object noted;
    struct err err = {0};
    int rc = upload_object_find(db, run_id, begun->number, arena, &noted, &err);
    if (rc == 0 && strcmp(noted.upload_id, begun->upload_id) == 0)
        return;
    if (rc == 0 || rc == ERR_NOT_FOUND)
        rc = store_upload_forget(app->store, begun->path, begun->upload_id, &err);
    if (rc != 0)
        log_warning("an upload that nobody needs is left to the sweep: %s", err.msg);
}

/* --- making ---------------------------------------------------------------------------------------------------------
 */

/* The parts of one object. */
struct parts {
    size_t count;
    int64_t size;
    struct store_part list[UPLOAD_PARTS_PER_OBJECT];
    char digest[UPLOAD_PARTS_PER_OBJECT][PART_DIGEST_SIZE];
};

static int add_part(struct parts *p, const struct db_rows *rows, bool tracked, struct err *err)
{
    size_t i = p->count;
    if (i == UPLOAD_PARTS_PER_OBJECT)
        return err_set(err, ERR_INTERNAL, "an object has too many parts");
    if (tracked && db_rows_null(rows, 3))
        return err_set(err, ERR_CONFLICT, "part %lld has not been stored", (long long)db_rows_int(rows, 0, 0));
    (void)snprintf(p->digest[i], sizeof p->digest[i], "%s", db_rows_text(rows, 2));
    p->list[i] =
        (struct store_part){.number = db_rows_int(rows, 0, 0), .size = db_rows_int(rows, 1, 0), .digest = p->digest[i]};
    p->size += p->list[i].size;
    p->count++;
    return 0;
}

static int read_parts(struct db *db, const char *run_id, int64_t number, bool tracked, struct parts *ret,
                      struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query(db, DB_BACKUP_PART_LIST, DB_ARGS(DB_TEXT("run_id", run_id), DB_INT("object", number)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = add_part(ret, &rows, tracked, err);
    db_rows_done(&rows);
    return rc;
}

struct made {
    const char *run_id;
    int64_t number;
    struct store_made store;
    int64_t now_ms;
};

/* What the parts were is of no use any more. */
static int write_made(struct db *db, void *ctx, struct err *err)
{
    const struct made *m = ctx;
    int64_t changed = 0;
    int rc =
        db_exec(db, DB_BACKUP_OBJECT_MADE,
                DB_ARGS(DB_TEXT("run_id", m->run_id), DB_INT("number", m->number), DB_INT("size_bytes", m->store.size),
                        DB_TEXT("etag", m->store.etag), DB_INT("now", m->now_ms)),
                &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_CONFLICT, "The run has ended meanwhile.");
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_PART_DROP, DB_ARGS(DB_TEXT("run_id", m->run_id), DB_INT("object", m->number)), NULL,
                     err);
    return rc;
}

int volume_make(struct app *app, struct db *db, const char *run_id, const struct upload_object *o, bool full,
                struct err *err)
{
    struct parts *parts = calloc(1, sizeof *parts);
    struct made made = {.run_id = run_id, .number = o->number, .now_ms = clock_now_ms(app->clock)};
    if (parts == NULL)
        return err_set(err, ERR_NOMEM, "no memory for parts");
    int rc = read_parts(db, run_id, o->number, store_tracks_parts(app->store), parts, err);
    if (rc == 0 && (parts->count == 0 || (full && parts->size != UPLOAD_PARTS_PER_OBJECT * (int64_t)STORE_PART_SIZE)))
        rc = err_set(err, ERR_CONFLICT, "object %lld is not complete", (long long)o->number);
    if (rc == 0)
        rc = store_upload_complete(app->store, o->path, o->upload_id, parts->list, parts->count, &made.store, err);
    if (rc == 0)
        rc = db_write(app->writer, write_made, &made, err);
    free(parts);
    return rc;
}

static bool is_made(struct db *db, const char *run_id, int64_t number, struct arena *arena)
{
    struct upload_object o;
    return upload_object_find(db, run_id, number, arena, &o, NULL) == 0 && o.size >= 0;
}

/* Another request, or the tick, may make the same object at the same time: then its parts are gone under our hands. */
int volume_make_all(struct app *app, struct db *db, const char *run_id, struct arena *arena, struct err *err)
{
    int64_t deadline_ms = clock_monotonic_ms(app->clock) + MAKE_BUDGET_MS;
    for (;;) {
        struct db_rows rows;
        struct upload_object o;
        int rc = db_query_one(db, DB_BACKUP_OBJECT_UNMADE, DB_ARGS(DB_TEXT("run_id", run_id)), &rows, err);
        if (rc != DB_ROW)
            return rc;
        bool fits = upload_object_row(&rows, 0, arena, &o);
        db_rows_done(&rows);
        if (!fits)
            return err_set(err, ERR_NOMEM, "no memory for an object");
        if (clock_monotonic_ms(app->clock) >= deadline_ms)
            return err_set(err, ERR_UNAVAILABLE, "The archive is being put together; ask again.");
        rc = volume_make(app, db, run_id, &o, false, err);
        if (rc == ERR_CONFLICT && is_made(db, run_id, o.number, arena))
            rc = 0;
        if (rc != 0)
            return rc;
    }
}

/* --- giving up ------------------------------------------------------------------------------------------------------
 */

/* One page of a run's objects; *after becomes the last one's number. */
static int drop_page(struct app *app, struct db *db, const char *run_id, struct arena *arena, int64_t *after,
                     size_t *ret_count, struct err *err)
{
    struct upload_object *page = arena_array(arena, DROP_BATCH, sizeof *page);
    struct db_rows rows;
    size_t count = 0;
    if (page == NULL)
        return err_set(err, ERR_NOMEM, "no memory for objects");
    int rc = db_query(db, DB_BACKUP_OBJECT_LIST,
                      DB_ARGS(DB_TEXT("run_id", run_id), DB_INT("after", *after), DB_INT("limit", (int64_t)DROP_BATCH)),
                      &rows, err);
    while (rc == 0 && count < DROP_BATCH && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = upload_object_row(&rows, 0, arena, &page[count++]) ? 0 : err_set(err, ERR_NOMEM, "no memory for objects");
    db_rows_done(&rows);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = store_upload_abort(app->store, page[i].path, page[i].upload_id, err);
        *after = page[i].number;
    }
    *ret_count = count;
    return rc;
}

void volume_drop_all(struct app *app, struct db *db, const char *run_id, struct arena *arena)
{
    int64_t deadline_ms = clock_monotonic_ms(app->clock) + DROP_BUDGET_MS;
    int64_t after = -1;
    size_t count = DROP_BATCH;
    struct err err = {0};
    int rc = 0;
    while (rc == 0 && count == DROP_BATCH && clock_monotonic_ms(app->clock) < deadline_ms)
        rc = drop_page(app, db, run_id, arena, &after, &count, &err);
    if (rc != 0)
        log_warning("the uploads of run %s are left to the sweep: %s", run_id, err.msg);
}
