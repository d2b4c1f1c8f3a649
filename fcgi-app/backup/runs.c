#include "backup/runs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet.h"

/* Strings of the row stay valid until db_rows_done. */
static int insert(struct db *db, const struct run_queue *q, const struct db_rows *facts, const char *id,
                  struct err *err)
{
    bool agents_own = strcmp(q->origin, "agent") == 0; /* it begins at once and never waits */
    int rc = db_exec(
        db, DB_BACKUP_RUN_QUEUE,
        DB_ARGS(DB_TEXT("id", id), DB_TEXT("config_id", q->config_id), DB_TEXT("agent_id", db_rows_text(facts, 2)),
                DB_TEXT("user_id", db_rows_text(facts, 0)), DB_TEXT("config_name", db_rows_text(facts, 1)),
                DB_TEXT("agent_name", db_rows_text(facts, 3)), DB_TEXT("origin", q->origin),
                agents_own ? DB_NULL("queued_ms") : DB_INT("queued_ms", q->now_ms), DB_INT("now", q->now_ms)),
        NULL, err);
    return rc == ERR_CONFLICT ? err_set(err, ERR_CONFLICT, "A run of this config is queued or under way.") : rc;
}

int run_queue(struct db *db, const struct run_queue *queue, char ret_run_id[UUID_SIZE], struct err *err)
{
    char id[UUID_SIZE];
    struct db_rows facts;
    if (queue->run_id != NULL)
        (void)snprintf(id, sizeof id, "%s", queue->run_id);
    else if (!uuid_v7(queue->now_ms, token_random, id))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    int rc = db_query_one(db, DB_BACKUP_RUN_FACTS,
                          DB_ARGS(DB_TEXT("id", queue->config_id), DB_TEXT("agent_id", queue->agent_id)), &facts, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup config, or it is assigned to no agent.");
    if (rc != DB_ROW)
        return rc;
    rc = insert(db, queue, &facts, id, err);
    db_rows_done(&facts);
    if (rc == 0)
        rc = db_changed(db, "runs", err);
    if (rc == 0)
        memcpy(ret_run_id, id, sizeof id);
    return rc;
}

int run_hand_out(struct db *db, const struct run_hand_out *h, char ret_command_id[UUID_SIZE], struct err *err)
{
    char args[64];
    char id[UUID_SIZE];
    int64_t changed = 0;
    (void)snprintf(args, sizeof args, "{\"configId\":\"%s\"}", h->config_id);
    const struct fleet_command_new command = {
        .agent_id = h->agent_id,
        .kind = "backup",
        .args = args,
        .created_by = h->created_by,
        .now_ms = h->now_ms,
        .expires_ms = h->expires_ms,
    };
    int rc = fleet_command_create(db, &command, id, err);
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_RUN_HANDED_OUT, DB_ARGS(DB_TEXT("id", h->run_id), DB_TEXT("command_id", id)),
                     &changed, err);
    if (rc == 0 && changed == 0)
        rc = err_set(err, ERR_CONFLICT, "The run is not waiting to be handed out.");
    if (rc == 0)
        memcpy(ret_command_id, id, sizeof id);
    return rc;
}

static char *errors_of(const char *why)
{
    json_t *list = json_pack("[{s:s}]", "message", why);
    char *text = list == NULL ? NULL : json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

int run_end(struct db *db, const struct run_end *end, bool *ret_ended, struct err *err)
{
    int64_t changed = 0;
    int64_t withdrawn = 0;
    char *errors = errors_of(end->why);
    *ret_ended = false;
    if (errors == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the end of a run");
    int rc = db_exec(db, DB_BACKUP_RUN_END,
                     DB_ARGS(DB_TEXT("id", end->run_id), DB_TEXT("was", end->was), DB_TEXT("status", end->status),
                             DB_TEXT("errors", errors), DB_INT("now", end->now_ms),
                             DB_INT("silent_since", end->silent_since_ms == 0 ? INT64_MAX : end->silent_since_ms)),
                     &changed, err);
    free(errors);
    if (rc != 0 || changed == 0)
        return rc;
    *ret_ended = true;
    rc = db_exec(db, DB_BACKUP_COMMAND_WITHDRAW,
                 DB_ARGS(DB_TEXT("run_id", end->run_id), DB_TEXT("detail", end->why), DB_INT("now", end->now_ms)),
                 &withdrawn, err);
    if (rc == 0 && withdrawn > 0)
        rc = db_changed(db, "commands", err);
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_PART_DROP_ALL, DB_ARGS(DB_TEXT("run_id", end->run_id)), NULL, err);
    return rc == 0 ? db_changed(db, "runs", err) : rc;
}
