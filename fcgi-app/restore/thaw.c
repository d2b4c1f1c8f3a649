#include "restore/thaw.h"

#include <string.h>

#include "app.h"
#include "common/blocking.h"
#include "common/log.h"
#include "db/writer.h"
#include "restore/verified.h"
#include "store/store.h"

struct note {
    const char *run_id;
    int64_t number;
    const char *state;
};

struct looking {
    struct app *app;
    struct note *notes; /* what differs from what was noted */
    size_t note_count;
    struct thaw seen;
    const char *damaged; /* the run whose object is gone or is another; NULL: none */
    int64_t now_ms;
};

static int note_all(struct db *db, void *ctx, struct err *err)
{
    const struct looking *l = ctx;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < l->note_count; i++)
        rc = db_exec(db, DB_RESTORE_THAW_NOTE,
                     DB_ARGS(DB_TEXT("run_id", l->notes[i].run_id), DB_INT("number", l->notes[i].number),
                             DB_TEXT("thaw", l->notes[i].state), DB_INT("now", l->now_ms)),
                     NULL, err);
    return rc;
}

/* What is to be noted of an object. An archived one is asked for at once. */
static int look(struct looking *l, const struct restorable_object *o, const char **ret, struct err *err)
{
    struct store_object seen;
    int rc = store_object_head(l->app->store, o->path, &seen, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_CONFLICT, "A part of this backup is no longer in the store.");
    if (rc == 0 && seen.size != o->size)
        return err_set(err, ERR_CONFLICT, "A part of this backup is not what was stored.");
    if (rc == 0 && seen.thaw == STORE_ARCHIVED)
        rc = store_object_thaw(l->app->store, o->path, THAW_DAYS, err);
    if (rc != 0)
        return rc;
    bool waiting = seen.thaw == STORE_ARCHIVED || seen.thaw == STORE_THAWING;
    l->seen.objects++;
    l->seen.waiting += waiting ? 1 : 0;
    *ret = waiting ? "asked" : seen.thaw == STORE_THAWED ? "ready" : "";
    return 0;
}

static int look_at_all(struct looking *l, const struct restorable *r, struct err *err)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct restorable_link *link = &r->links[i];
        for (size_t k = 0; k < link->object_count; k++) {
            const char *state = "";
            int rc = look(l, &link->objects[k], &state, err);
            if (rc == ERR_CONFLICT)
                l->damaged = link->run_id;
            if (rc != 0)
                return rc;
            if (strcmp(state, link->objects[k].thaw) != 0)
                l->notes[l->note_count++] = (struct note){link->run_id, link->objects[k].number, state};
        }
    }
    return 0;
}

/* Found out by looking, as reading it back would have: nobody shall think that it is there. */
static void tell_damage(const struct looking *l, const struct restorable *r, const char *why)
{
    struct err err = {0};
    struct verified v = {.run_id = l->damaged,
                         .agent_id = r->agent_id,
                         .owner_id = r->user_id,
                         .config_name = r->config_name,
                         .detail = why,
                         .verdict = VERDICT_FAILED,
                         .now_ms = l->now_ms};
    if (db_write(l->app->writer, verified_write, &v, &err) != 0)
        log_error("run %s: %s: %s", l->damaged, why, err.msg);
}

int thaw_chain(struct app *app, const struct restorable *r, int64_t now_ms, struct arena *arena, struct thaw *ret,
               struct err *err)
{
    struct looking l = {.app = app, .now_ms = now_ms};
    size_t total = 0;
    for (size_t i = 0; i < r->count; i++)
        total += r->links[i].object_count;
    l.notes = arena_array(arena, total, sizeof *l.notes);
    if (l.notes == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the objects of a chain");
    blocking_begin();
    int rc = look_at_all(&l, r, err);
    blocking_end();
    if (l.damaged != NULL)
        tell_damage(&l, r, err->msg);
    /* What was asked for is noted even when a later object failed. */
    struct err note_err = {0};
    int noted = l.note_count > 0 ? db_write(app->writer, note_all, &l, rc == 0 ? err : &note_err) : 0;
    if (rc == 0)
        rc = noted;
    if (rc == 0)
        *ret = l.seen;
    return rc;
}

int thaw_over(struct db *db, int64_t now_ms, struct err *err)
{
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    return db_exec(db, DB_RESTORE_THAW_OVER,
                   DB_ARGS(DB_INT("now", now_ms), DB_INT("before", now_ms - THAW_DAYS * day_ms)), NULL, err);
}
