/* Commands for agents: queued by other areas, fetched by a long poll, ended by a command_result event. Delivered at
 * least once: a command is in every reply until its result is in. */
#include <string.h>

#include "app.h"
#include "common/log.h"
#include "common/token.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "fleet/presence_entry.h"
#include "http/park.h"
#include "http/request.h"
#include "ops/changes.h"

enum { WAIT_MAX_S = 60, OVERLAP_MS = 10 * 1000 };

#define WEEK_MS (INT64_C(7) * 24 * 3600 * 1000)

int fleet_command_create(struct db *db, const struct fleet_command_new *command, char ret_id[UUID_SIZE],
                         struct err *err)
{
    char id[UUID_SIZE];
    int64_t expires_ms = command->expires_ms != 0 ? command->expires_ms : command->now_ms + WEEK_MS;
    if (!uuid_v7(command->now_ms, token_random, id))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    int rc = db_exec(db, DB_COMMAND_INSERT,
                     DB_ARGS(DB_TEXT("id", id), DB_TEXT("agent", command->agent_id), DB_TEXT("kind", command->kind),
                             DB_TEXT("args", command->args), DB_TEXT("created_by", command->created_by),
                             DB_INT("now", command->now_ms), DB_INT("expires", expires_ms)),
                     NULL, err);
    if (rc == ERR_CONFLICT)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    if (rc == 0)
        rc = db_changed(db, "commands", err);
    if (rc == 0)
        memcpy(ret_id, id, sizeof id);
    return rc;
}

void fleet_agent_wake(struct app *app, const char *agent_id)
{
    if (app->presence != NULL)
        presence_invalidate(app->presence);
    if (app->park != NULL)
        park_wake(app->park, agent_id);
}

/* --- hearing of changes --- */

static int on_agents_changed(struct db *db, void *ctx)
{
    (void)db;
    struct app *app = ctx;
    presence_invalidate(app->presence);
    return 0;
}

/* Wakes the polls of agents that have something new. How new a command is, is judged with room for clocks that differ:
 * a poll that is woken for nothing parks again. */
static int on_commands_changed(struct db *db, void *ctx)
{
    struct app *app = ctx;
    struct err err = {0};
    struct db_rows rows;
    presence_invalidate(app->presence);
    int64_t since_ms = clock_now_ms(app->clock) - OVERLAP_MS;
    int rc = db_query(db, DB_COMMAND_AGENTS_SINCE, DB_ARGS(DB_INT("since", since_ms)), &rows, &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW) {
        park_wake(app->park, db_rows_text(&rows, 0));
        rc = 0;
    }
    db_rows_done(&rows);
    if (rc != 0)
        log_warning("agents with new commands not read: %s", err.msg);
    return rc;
}

static int on_rollouts_changed(struct db *db, void *ctx)
{
    const struct app *app = ctx;
    struct err err = {0};
    int rc = presence_offers_changed(app->presence, db, &err);
    if (rc != 0)
        log_warning("new offers of updates not read: %s", err.msg);
    return rc;
}

int fleet_watch(struct app *app, struct err *err)
{
    int rc = changes_watch(app->changes, "agents", on_agents_changed, app, err);
    if (rc == 0)
        rc = changes_watch(app->changes, "configs", on_agents_changed, app, err);
    if (rc == 0)
        rc = changes_watch(app->changes, "commands", on_commands_changed, app, err);
    if (rc == 0)
        rc = changes_watch(app->changes, "rollouts", on_rollouts_changed, app, err);
    return rc;
}

/* --- the poll --- */

struct poll {
    int64_t deadline_ms; /* monotonic */
};

static int append_command(const struct db_rows *rows, json_t *list, struct err *err)
{
    const char *args = db_rows_text(rows, 2);
    json_t *object = args != NULL ? json_loads(args, 0, NULL) : NULL;
    json_t *command =
        json_pack("{s:s,s:s,s:o,s:I}", "id", db_rows_text(rows, 0), "kind", db_rows_text(rows, 1), "args",
                  object != NULL ? object : json_object(), "created_ms", (json_int_t)db_rows_int(rows, 3, 0));
    return json_array_append_new(list, command) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int read_pending(struct req *r, json_t *list, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query(r->db, DB_COMMAND_PENDING,
                 DB_ARGS(DB_TEXT("agent", r->principal.id), DB_INT("now", clock_now_ms(r->app->clock))), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = append_command(&rows, list, err);
    db_rows_done(&rows);
    return rc;
}

static void resume(struct req *r, enum park_reason reason, void *ctx);

/* False when the request cannot wait (any longer): it gets what there is. */
static bool park(struct req *r, uint64_t seen, struct poll *poll)
{
    struct err err = {0};
    int64_t wait_ms = poll->deadline_ms - clock_monotonic_ms(r->app->clock);
    return wait_ms > 0 && park_request(r, r->principal.id, seen, wait_ms, resume, poll, &err) == 0;
}

/* Replies with the pending commands; with none, waits when may_wait. */
static void answer(struct req *r, struct poll *poll, bool may_wait)
{
    struct err err = {0};
    uint64_t seen = park_generation(r->app->park);
    json_t *list = json_array();
    int rc = read_pending(r, list, &err);
    if (rc == 0 && may_wait && json_array_size(list) == 0 && park(r, seen, poll)) {
        json_decref(list);
        return;
    }
    if (rc != 0) {
        json_decref(list);
        reply_error(r, &err);
        return;
    }
    reply_json(r, 200, json_pack("{s:b,s:o}", "success", 1, "commands", list));
}

static void resume(struct req *r, enum park_reason reason, void *ctx)
{
    struct err err = {0};
    int rc = fleet_agent_live(r->db, r->principal.id, &err);
    if (rc == ERR_NOT_FOUND)
        reply_problem(r, PROBLEM_UNAUTHENTICATED, "This agent was deleted.");
    else if (rc == ERR_DENIED)
        reply_problem(r, PROBLEM_AGENT_DEACTIVATED, "This agent may no longer call.");
    else if (rc != 0)
        reply_error(r, &err);
    else
        answer(r, ctx, reason == PARK_WOKEN);
}

static void end_poll(void *entry)
{
    presence_poll_end(entry);
}

void fleet_commands(struct req *r)
{
    struct presence_entry *entry = r->principal.presence;
    int64_t wait_s = 0;
    if (!req_query_int(r, "wait", 0, WAIT_MAX_S, 0, &wait_s))
        return;
    struct poll *poll = arena_alloc(r->arena, sizeof *poll);
    if (poll == NULL) {
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return;
    }
    poll->deadline_ms = clock_monotonic_ms(r->app->clock) + wait_s * 1000;
    bool may_wait = wait_s > 0 && presence_poll_begin(entry);
    if (may_wait && arena_cleanup(r->arena, end_poll, entry) != 0) {
        presence_poll_end(entry);
        may_wait = false;
    }
    answer(r, poll, may_wait);
}
