/* What has become due: runs that fell silent, volumes that can be made, uploads nobody will finish, bodies nobody came
 * for. */
#include "backup/tick.h"

#include "app.h"
#include "backup/backup.h"
#include "common/clock.h"
#include "common/log.h"
#include "restore/jobs.h"
#include "store/store.h"

enum { BODY_AGE_S = 60 * 60, ARENA_BYTES = 1 << 20, TICK_BUDGET_MS = 20 * 1000 };

bool tick_late(const struct tick *t)
{
    return clock_monotonic_ms(t->app->clock) >= t->deadline_ms;
}

/* One part failing keeps none of the others from its work. */
static void note(int rc, const char *what, const struct err *err)
{
    if (rc != 0)
        log_error("backups: %s: %s", what, err->msg);
}

static void all_parts(struct tick *t)
{
    struct err err = {0};
    note(tick_runs(t, &err), "runs whose agent went away could not be ended", &err);
    note(tick_objects(t, &err), "objects could not be tidied up", &err);
    note(jobs_tick(t->app, t->db, t->now_ms, &err), "restores and proofs could not be seen to", &err);
    note(store_sweep(t->app->store, BODY_AGE_S, &err), "bodies could not be tidied up", &err);
}

void backup_tick(struct app *app, struct backup_upkeep *upkeep)
{
    struct tick t = {.app = app,
                     .arena = arena_new(ARENA_BYTES),
                     .now_ms = clock_now_ms(app->clock),
                     .deadline_ms = clock_monotonic_ms(app->clock) + TICK_BUDGET_MS,
                     .upkeep = upkeep};
    struct err err = {0};
    int rc = t.arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : 0;
    if (rc == 0)
        rc = db_open(&(struct db_options){.path = app->settings->db_path, .read_only = true}, &t.db, &err);
    if (rc == 0)
        all_parts(&t);
    note(rc, "the database cannot be read", &err);
    db_close(t.db);
    arena_free(t.arena);
}
