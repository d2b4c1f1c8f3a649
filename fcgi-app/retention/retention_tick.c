/* Retention by the clock: what no rule wants is given up, objects of what was given up are removed from the store until
 * none is left, and once an hour it is noted how much is stored.
 *
 * Giving up is a row; the objects follow it, never the other way. So whatever is cut off is done again, and what the
 * database calls stored is there. Any number of processes may do this beside each other. */
#include <stdio.h>

#include "app.h"
#include "auth/secrets.h"
#include "backup/backup.h"
#include "common/log.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "ops/alert.h"
#include "retention/retention_config.h"
#include "store/store.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

enum {
    ARENA_BYTES = 64 << 20,
    CONFIGS_A_ROUND = 100,
    RUNS_A_PAGE = 50,
    PURGE_MS = 5000, /* a round holds up everything else that is done on this thread */
    SEEN_EVERY_MS = 10 * 60 * 1000,
    ROWS_DAYS = 90, /* runs that came to nothing are listed for so long */
};

struct round {
    struct app *app;
    struct db *db;
    struct arena *arena;
    int64_t now_ms;
};

/* --- the clock ------------------------------------------------------------------------------------------------------
 */

static int write_seen(struct db *db, void *ctx, struct err *err)
{
    const int64_t *seen_and_hold = ctx;
    return db_exec(db, DB_RETENTION_CLOCK_SET,
                   DB_ARGS(DB_INT("seen", seen_and_hold[0]), DB_INT("hold", seen_and_hold[1])), NULL, err);
}

/* *ret: until when nothing is deleted. */
static int look_at_clock(const struct round *r, int64_t *ret, struct err *err)
{
    int64_t seen_ms = r->now_ms - SEEN_EVERY_MS, hold_ms = 0;
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_RETENTION_CLOCK_GET, DB_NO_ARGS, &rows, err);
    if (rc < 0)
        return rc;
    if (rc == DB_ROW) {
        seen_ms = db_rows_int(&rows, 0, 0);
        hold_ms = db_rows_int(&rows, 1, 0);
        db_rows_done(&rows);
    }
    int64_t hold = retention_hold(seen_ms, hold_ms, r->now_ms);
    *ret = hold;
    if (hold == hold_ms && r->now_ms - seen_ms < SEEN_EVERY_MS)
        return 0;
    if (hold != hold_ms)
        log_warning("the clock has jumped or the server was away: retention deletes nothing for a day");
    return db_write(r->app->writer, write_seen, (int64_t[]){r->now_ms, hold}, err);
}

int backup_retention_hold(struct db *db, int64_t *ret_until_ms, struct err *err)
{
    struct db_rows rows;
    *ret_until_ms = 0;
    int rc = db_query_one(db, DB_RETENTION_CLOCK_GET, DB_NO_ARGS, &rows, err);
    if (rc != DB_ROW)
        return rc;
    *ret_until_ms = db_rows_int(&rows, 1, 0);
    db_rows_done(&rows);
    return 0;
}

/* --- giving up ------------------------------------------------------------------------------------------------------
 */

static int list_due(const struct round *r, char ids[CONFIGS_A_ROUND][UUID_SIZE], size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(
        r->db, DB_RETENTION_DUE,
        DB_ARGS(DB_INT("now", r->now_ms), DB_INT("horizon", r->now_ms + 2 * HOUR_MS), DB_INT("limit", CONFIGS_A_ROUND)),
        &rows, err);
    while (rc == 0 && count < CONFIGS_A_ROUND && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        (void)snprintf(ids[count++], UUID_SIZE, "%s", db_rows_text(&rows, 0));
        rc = 0;
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

/* One config's trouble is no other's. */
static void give_up_due(const struct round *r, struct err *err)
{
    char ids[CONFIGS_A_ROUND][UUID_SIZE];
    size_t count = 0;
    if (list_due(r, ids, &count, err) != 0)
        log_error("retention: %s", err->msg);
    for (size_t i = 0; i < count; i++) {
        arena_reset(r->arena);
        struct retention_apply apply = {
            .audit_key = secrets_audit_key(r->app->secrets),
            .audit = {.time_ms = r->now_ms, .actor = "system", .address = "", .request_id = ""},
            .config_id = ids[i],
            .now_ms = r->now_ms,
            .only_due = true,
            .arena = r->arena,
        };
        if (db_write(r->app->writer, retention_apply, &apply, err) != 0)
            log_error("retention of config %s: %s", ids[i], err->msg);
        else if (apply.chains > 0)
            log_info("retention of config %s: %lld chains of %lld bytes given up", ids[i], (long long)apply.chains,
                     (long long)apply.freed_bytes);
    }
}

/* --- removing objects -----------------------------------------------------------------------------------------------
 */

struct deleted_run {
    char id[UUID_SIZE];
    int64_t deleted_ms;
};

struct purged {
    const char *run_id;
    int64_t now_ms;
};

static int write_purged(struct db *db, void *ctx, struct err *err)
{
    const struct purged *p = ctx;
    return db_exec(db, DB_RETENTION_PURGED, DB_ARGS(DB_TEXT("id", p->run_id), DB_INT("now", p->now_ms)), NULL, err);
}

struct path {
    const char *path;
    struct path *next;
};

static int list_objects(const struct round *r, const char *run_id, struct path **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, DB_RETENTION_OBJECTS, DB_ARGS(DB_TEXT("run_id", run_id)), &rows, err);
    *ret = NULL;
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct path *p = arena_alloc(r->arena, sizeof *p);
        if (p == NULL || (p->path = arena_strdup(r->arena, db_rows_text(&rows, 0))) == NULL) {
            rc = err_set(err, ERR_NOMEM, "no memory for the objects of a run");
            break;
        }
        p->next = *ret;
        *ret = p;
        rc = 0;
    }
    db_rows_done(&rows);
    return rc;
}

/* Gone is what the store says is not there, not what it has promised to remove. */
static int remove_object(struct store *store, const char *path, struct err *err)
{
    struct store_object object;
    int rc = store_object_delete(store, path, err);
    if (rc == 0)
        rc = store_object_head(store, path, &object, err);
    if (rc == 0)
        return err_set(err, ERR_UNAVAILABLE, "the store still has %s", path);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int purge_run(const struct round *r, const char *run_id, struct err *err)
{
    struct path *paths = NULL;
    arena_reset(r->arena);
    int rc = list_objects(r, run_id, &paths, err);
    for (; rc == 0 && paths != NULL; paths = paths->next)
        rc = remove_object(r->app->store, paths->path, err);
    struct purged purged = {.run_id = run_id, .now_ms = r->now_ms};
    return rc == 0 ? db_write(r->app->writer, write_purged, &purged, err) : rc;
}

static int raise_stuck(struct db *db, void *ctx, struct err *err)
{
    return alert_raise(db, ctx, err);
}

static void complain(const struct round *r, const struct deleted_run *run, const struct err *why)
{
    struct err err = {0};
    struct alert alert = {.kind = "backup.purge",
                          .message = "Objects of deleted backups cannot be removed; the server's log says why.",
                          .time_ms = r->now_ms};
    log_warning("objects of the deleted run %s: %s; tried again", run->id, why->msg);
    if (run->deleted_ms < r->now_ms - DAY_MS && db_write(r->app->writer, raise_stuck, &alert, &err) != 0)
        log_error("alert: %s", err.msg);
}

/* Those behind the one that was tried last. */
static int list_unpurged(const struct round *r, const struct backup_retention_schedule *at,
                         struct deleted_run page[RUNS_A_PAGE], size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(r->db, DB_RETENTION_UNPURGED,
                      DB_ARGS(DB_INT("after_ms", at->purge_after_ms), DB_TEXT("after_id", at->purge_after_id),
                              DB_INT("limit", RUNS_A_PAGE)),
                      &rows, err);
    while (rc == 0 && count < RUNS_A_PAGE && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        (void)snprintf(page[count].id, UUID_SIZE, "%s", db_rows_text(&rows, 0));
        page[count++].deleted_ms = db_rows_int(&rows, 1, 0);
        rc = 0;
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

static void begin_anew(struct backup_retention_schedule *at)
{
    at->purge_after_ms = 0;
    at->purge_after_id[0] = '\0';
}

/* A store that does not answer, or refuses, ends the round; the next one goes on behind the run that was tried. */
static void purge(const struct round *r, struct backup_retention_schedule *at, struct err *err)
{
    int64_t deadline_ms = clock_monotonic_ms(r->app->clock) + PURGE_MS;
    struct deleted_run page[RUNS_A_PAGE];
    size_t count = 0;
    do {
        if (list_unpurged(r, at, page, &count, err) != 0) {
            log_error("deleted runs: %s", err->msg);
            return;
        }
        for (size_t i = 0; i < count; i++) {
            int rc = purge_run(r, page[i].id, err);
            at->purge_after_ms = page[i].deleted_ms;
            (void)snprintf(at->purge_after_id, sizeof at->purge_after_id, "%.39s", page[i].id);
            if (rc != 0)
                complain(r, &page[i], err);
            if (rc == ERR_UNAVAILABLE || clock_monotonic_ms(r->app->clock) > deadline_ms)
                return;
        }
    } while (count == RUNS_A_PAGE);
    begin_anew(at);
}

/* --- once an hour ---------------------------------------------------------------------------------------------------
 */

struct measure {
    int64_t now_ms;
    bool forget; /* the clock is good enough to say what is old */
};

static int write_measure(struct db *db, void *ctx, struct err *err)
{
    const struct measure *m = ctx;
    int64_t day_ms = m->now_ms - m->now_ms % DAY_MS;
    int64_t before_ms = m->forget ? day_ms - BACKUP_HISTORY_DAYS * DAY_MS : INT64_MIN;
    int64_t after_ms = m->forget ? day_ms : INT64_MAX;
    int rc = db_exec(db, DB_STORAGE_DAY_CLEAR,
                     DB_ARGS(DB_INT("day", day_ms), DB_INT("before", before_ms), DB_INT("after", after_ms)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_STORAGE_DAY_MEASURE, DB_ARGS(DB_INT("day", day_ms)), NULL, err);
    if (rc == 0 && m->forget)
        rc = db_exec(db, DB_RETENTION_FORGET, DB_ARGS(DB_INT("before", m->now_ms - ROWS_DAYS * DAY_MS)), NULL, err);
    return rc;
}

static void note_usage(const struct round *r, struct backup_retention_schedule *schedule, bool clock_holds,
                       struct err *err)
{
    int64_t monotonic_ms = clock_monotonic_ms(r->app->clock);
    struct measure m = {.now_ms = r->now_ms, .forget = clock_holds};
    if (monotonic_ms < schedule->measure_next_ms)
        return;
    schedule->measure_next_ms = monotonic_ms + HOUR_MS;
    if (db_write(r->app->writer, write_measure, &m, err) != 0)
        log_error("what is stored could not be noted: %s", err->msg);
}

void backup_retention_tick(struct app *app, struct backup_retention_schedule *schedule)
{
    struct round r = {.app = app, .arena = arena_new(ARENA_BYTES), .now_ms = clock_now_ms(app->clock)};
    struct err err = {0};
    int64_t hold_ms = 0;
    int rc = r.arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : 0;
    if (rc == 0)
        rc = db_open(&(struct db_options){.path = app->settings->db_path, .read_only = true}, &r.db, &err);
    if (rc == 0)
        rc = look_at_clock(&r, &hold_ms, &err);
    if (rc != 0) {
        log_error("retention: %s", err.msg);
    } else {
        bool clock_holds = hold_ms <= r.now_ms;
        if (clock_holds)
            give_up_due(&r, &err);
        purge(&r, schedule, &err);
        note_usage(&r, schedule, clock_holds, &err);
    }
    db_close(r.db);
    arena_free(r.arena);
}
