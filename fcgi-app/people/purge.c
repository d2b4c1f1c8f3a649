/* What deleted people have left, once their grace is over: first what lies in the store, until the store has none of
 * it; then the rows, a few at a time so that nobody waits behind a long transaction; the account last. Each step may be
 * repeated, so a crash in between costs nothing. What is left is an id in the audit trail. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "backup/upload.h"
#include "common/clock.h"
#include "common/log.h"
#include "db/writer.h"
#include "ops/alert.h"
#include "people/people.h"
#include "people/person.h"
#include "store/store.h"

enum { BUDGET_MS = 20 * 1000, UNMADE_MAX = 100, ARENA_BYTES = 1 << 20, STUCK_MS = 24 * 60 * 60 * 1000 };

#define KEEP_INVITATIONS_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

struct purge {
    struct app *app;
    struct db *db;
    struct arena *arena;
    int64_t now_ms, deadline_ms; /* the latter is monotonic */
    char user_id[UUID_SIZE];
    int64_t deleted_ms;
    bool gone; /* the store has none of it */
};

static bool late(const struct purge *p)
{
    return clock_monotonic_ms(p->app->clock) >= p->deadline_ms;
}

/* --- the store ------------------------------------------------------------------------------------------------------
 */

static int write_begin(struct db *db, void *ctx, struct err *err)
{
    const struct purge *p = ctx;
    int64_t changes = 0;
    int rc =
        db_exec(db, DB_PEOPLE_PURGE_BEGIN, DB_ARGS(DB_TEXT("id", p->user_id), DB_INT("now", p->now_ms)), &changes, err);
    return rc == 0 && changes == 0 ? err_set(err, ERR_CONFLICT, "they were restored") : rc;
}

struct unmade {
    char run_ids[UNMADE_MAX][UUID_SIZE];
    struct upload_object objects[UNMADE_MAX];
    size_t count;
};

static int list_unmade(struct purge *p, struct unmade *ret, struct err *err)
{
    struct db_rows rows;
    ret->count = 0;
    int rc = db_query(p->db, DB_PEOPLE_PURGE_UNMADE, DB_ARGS(DB_TEXT("user", p->user_id)), &rows, err);
    while (rc == 0 && ret->count < UNMADE_MAX && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        (void)snprintf(ret->run_ids[ret->count], UUID_SIZE, "%s", db_rows_text(&rows, 0));
        rc =
            upload_object_row(&rows, 1, p->arena, &ret->objects[ret->count]) ? 0 : err_set(err, ERR_NOMEM, "no memory");
        ret->count++;
    }
    db_rows_done(&rows);
    return rc;
}

static int write_unmade_gone(struct db *db, void *ctx, struct err *err)
{
    const struct unmade *u = ctx;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < u->count; i++)
        rc = db_exec(db, DB_BACKUP_OBJECT_GONE,
                     DB_ARGS(DB_TEXT("run_id", u->run_ids[i]), DB_INT("number", u->objects[i].number)), NULL, err);
    return rc;
}

/* Uploads that the store does not know by their path. */
static int drop_unmade(struct purge *p, struct err *err)
{
    struct unmade *u = arena_array(p->arena, 1, sizeof *u);
    int rc = u == NULL ? err_set(err, ERR_NOMEM, "no memory for uploads") : 0;
    do {
        if (rc == 0)
            rc = list_unmade(p, u, err);
        for (size_t i = 0; rc == 0 && i < u->count; i++)
            rc = store_upload_abort(p->app->store, u->objects[i].path, u->objects[i].upload_id, err);
        if (rc == 0 && u->count > 0)
            rc = db_write(p->app->writer, write_unmade_gone, u, err);
    } while (rc == 0 && u->count > 0 && !late(p));
    return rc;
}

static int empty_store(struct purge *p, struct err *err)
{
    int rc = drop_unmade(p, err);
    int64_t left_ms = p->deadline_ms - clock_monotonic_ms(p->app->clock);
    if (rc == 0 && left_ms > 0)
        rc = store_user_remove(p->app->store, p->user_id, left_ms, &p->gone, err);
    return rc;
}

/* --- the rows -------------------------------------------------------------------------------------------------------
 */

struct chunk {
    const char *user_id;
    enum db_statement statement;
    int64_t changes;
};

static int write_chunk(struct db *db, void *ctx, struct err *err)
{
    struct chunk *c = ctx;
    return db_exec(db, c->statement, DB_ARGS(DB_TEXT("user", c->user_id)), &c->changes, err);
}

/* *ret_done: none is left. */
static int delete_rows(struct purge *p, bool *ret_done, struct err *err)
{
    static const enum db_statement statements[] = {DB_PEOPLE_PURGE_GRANTS, DB_PEOPLE_PURGE_LOGS,
                                                   DB_PEOPLE_PURGE_DAYS,   DB_PEOPLE_PURGE_RUNS,
                                                   DB_PEOPLE_PURGE_AGENTS, DB_PEOPLE_PURGE_CONFIGS};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof statements[0]; i++) {
        struct chunk c = {p->user_id, statements[i], 1};
        while (rc == 0 && c.changes > 0 && !late(p))
            rc = db_write(p->app->writer, write_chunk, &c, err);
        if (c.changes > 0)
            return rc;
    }
    *ret_done = rc == 0;
    return rc;
}

static int hand_over_rollouts(struct db *db, const struct purge *p, struct err *err)
{
    char heir[UUID_SIZE];
    int rc = auth_first_admin(db, heir, err);
    if (rc == 0)
        rc = db_exec(db, DB_PEOPLE_PURGE_ROLLOUTS_END, DB_ARGS(DB_TEXT("user", p->user_id), DB_INT("now", p->now_ms)),
                     NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_PEOPLE_PURGE_ROLLOUTS_HAND_OVER,
                     DB_ARGS(DB_TEXT("user", p->user_id), DB_TEXT("heir", heir)), NULL, err);
    return rc != 0 ? rc : db_changed(db, "rollouts", err);
}

/* Addresses stand in invitations, too. */
static int forget_address(struct db *db, const struct purge *p, struct err *err)
{
    struct db_rows rows;
    char email[256];
    int rc = db_query_one(db, DB_PEOPLE_STATE, DB_ARGS(DB_TEXT("id", p->user_id)), &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_CONFLICT, "somebody else was faster");
    (void)snprintf(email, sizeof email, "%s", db_rows_text(&rows, 5));
    db_rows_done(&rows);
    return db_exec(db, DB_INVITATION_FORGET_EMAIL, DB_ARGS(DB_TEXT("email", email)), NULL, err);
}

static int write_end(struct db *db, void *ctx, struct err *err)
{
    const struct purge *p = ctx;
    int64_t changes = 0;
    struct person_act act = {.key = secrets_audit_key(p->app->secrets),
                             .audit = {.time_ms = p->now_ms, .actor = "system"},
                             .id = p->user_id};
    int rc = forget_address(db, p, err);
    if (rc == 0)
        rc = person_access_end(db, p->user_id, err);
    if (rc == 0)
        rc = hand_over_rollouts(db, p, err);
    if (rc == 0)
        rc = db_exec(db, DB_PEOPLE_PURGE_USER, DB_ARGS(DB_TEXT("user", p->user_id)), &changes, err);
    if (rc == 0 && changes == 0)
        rc = err_set(err, ERR_CONFLICT, "somebody else was faster");
    if (rc == 0)
        rc = person_audit(db, &act, "user.purge", NULL, err);
    if (rc == 0)
        rc = db_changed(db, "agents", err);
    if (rc == 0)
        rc = db_changed(db, "configs", err);
    return rc != 0 ? rc : db_changed(db, "users", err);
}

static int purge_person(struct purge *p, struct err *err)
{
    bool done = false;
    int rc = db_write(p->app->writer, write_begin, p, err);
    if (rc == 0)
        rc = empty_store(p, err);
    if (rc == 0 && p->gone)
        rc = delete_rows(p, &done, err);
    if (rc == 0 && done)
        rc = db_write(p->app->writer, write_end, p, err);
    if (rc == 0 && done)
        log_info("what user:%s had is gone", p->user_id);
    return rc;
}

/* --- when -----------------------------------------------------------------------------------------------------------
 */

/* After the clock has jumped, retention waits before it believes it; what it says of a grace is no better. */
static int clock_holds(struct purge *p, bool *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(p->db, DB_RETENTION_CLOCK_GET, DB_NO_ARGS, &rows, err);
    *ret = rc == DB_DONE;
    if (rc != DB_ROW)
        return rc;
    *ret = db_rows_int(&rows, 1, 0) <= p->now_ms;
    db_rows_done(&rows);
    return 0;
}

static int next_due(struct purge *p, int64_t skip, bool *ret_found, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query_one(p->db, DB_PEOPLE_PURGE_DUE, DB_ARGS(DB_INT("now", p->now_ms), DB_INT("skip", skip)), &rows, err);
    *ret_found = rc == DB_ROW;
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(p->user_id, sizeof p->user_id, "%s", db_rows_text(&rows, 0));
    p->deleted_ms = db_rows_int(&rows, 1, 0);
    p->gone = false;
    db_rows_done(&rows);
    return 0;
}

static int raise_stuck(struct db *db, void *ctx, struct err *err)
{
    return alert_raise(db, ctx, err);
}

static void complain(const struct purge *p, const struct err *why)
{
    struct err err = {0};
    struct alert alert = {.kind = "user.purge",
                          .message = "What a deleted person had cannot be removed; the server's log says why.",
                          .time_ms = p->now_ms};
    log_warning("what user:%s had: %s; tried again", p->user_id, why->msg);
    if (p->deleted_ms + p->app->settings->user_grace_s * 1000 + STUCK_MS < p->now_ms &&
        db_write(p->app->writer, raise_stuck, &alert, &err) != 0)
        log_error("alert: %s", err.msg);
}

/* One that the store refuses holds up none of the others. */
static int purge_due(struct purge *p, struct err *err)
{
    bool holds = false, found = false;
    int64_t stuck = 0;
    int rc = clock_holds(p, &holds, err);
    while (rc == 0 && holds && !late(p)) {
        struct err why = {0};
        arena_reset(p->arena);
        rc = next_due(p, stuck, &found, err);
        if (rc != 0 || !found)
            break;
        int failed = purge_person(p, &why);
        if (failed != 0 && failed != ERR_CONFLICT) {
            complain(p, &why);
            stuck++;
        }
    }
    return rc;
}

static int write_forget(struct db *db, void *ctx, struct err *err)
{
    const int64_t *now_ms = ctx;
    return db_exec(db, DB_INVITATION_FORGET, DB_ARGS(DB_INT("before", *now_ms - KEEP_INVITATIONS_MS)), NULL, err);
}

/* A write only when there is something to write: this runs every ten seconds. */
static int forget_invitations(struct purge *p, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(p->db, DB_INVITATION_FORGETTABLE, DB_ARGS(DB_INT("before", p->now_ms - KEEP_INVITATIONS_MS)),
                          &rows, err);
    if (rc != DB_ROW)
        return rc;
    db_rows_done(&rows);
    return db_write(p->app->writer, write_forget, &p->now_ms, err);
}

void people_tick(struct app *app)
{
    struct purge p = {.app = app,
                      .arena = arena_new(ARENA_BYTES),
                      .now_ms = clock_now_ms(app->clock),
                      .deadline_ms = clock_monotonic_ms(app->clock) + BUDGET_MS};
    struct err err = {0};
    int rc = p.arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : 0;
    if (rc == 0)
        rc = db_open(&(struct db_options){.path = app->settings->db_path, .read_only = true}, &p.db, &err);
    if (rc == 0)
        rc = purge_due(&p, &err);
    if (rc == 0)
        rc = forget_invitations(&p, &err);
    if (rc != 0)
        log_error("deleted people: %s", err.msg);
    db_close(p.db);
    arena_free(p.arena);
}
