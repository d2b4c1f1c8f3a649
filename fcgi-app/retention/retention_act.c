#include "retention/retention_act.h"

#include <stdio.h>
#include <string.h>

static int audited(struct db *db, const struct retention_act *a, const char *action, const char *kind, const char *id,
                   const char *detail, struct err *err)
{
    char target[64];
    struct audit_entry entry = a->audit;
    (void)snprintf(target, sizeof target, "%s:%s", kind, id);
    entry.action = action;
    entry.target = target;
    entry.detail = detail;
    int rc = audit_append(db, a->audit_key, &entry, err);
    return rc == 0 ? db_changed(db, "runs", err) : rc;
}

/* --- pins -----------------------------------------------------------------------------------------------------------
 */

int retention_pin(struct db *db, void *ctx, struct err *err)
{
    const struct retention_act *a = ctx;
    int64_t changed = 0;
    int rc = db_exec(db, DB_RETENTION_PIN, DB_ARGS(DB_TEXT("id", a->run_id), DB_INT("now", a->now_ms)), &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_CONFLICT, "Only a run that is in the store can be pinned.");
    return rc == 0 ? audited(db, a, "run.pin", "run", a->run_id, NULL, err) : rc;
}

int retention_unpin(struct db *db, void *ctx, struct err *err)
{
    const struct retention_act *a = ctx;
    int rc = db_exec(db, DB_RETENTION_UNPIN, DB_ARGS(DB_TEXT("id", a->run_id)), NULL, err);
    return rc == 0 ? audited(db, a, "run.unpin", "run", a->run_id, NULL, err) : rc;
}

/* --- chains ---------------------------------------------------------------------------------------------------------
 */

int retention_chain_of(struct db *db, const char *run_id, const char *viewer, char ret[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_RETENTION_CHAIN_OF_RUN, DB_ARGS(DB_TEXT("id", run_id), DB_TEXT("viewer", viewer)),
                          &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such run.");
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(ret, UUID_SIZE, "%s", db_rows_text(&rows, 0));
    db_rows_done(&rows);
    return 0;
}

struct chain_state {
    int64_t runs, busy, pinned, bytes;
};

static int read_state(struct db *db, const char *chain_id, struct chain_state *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_RETENTION_CHAIN_STATE, DB_ARGS(DB_TEXT("chain_id", chain_id)), &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_INTERNAL, "a count gave nothing") : rc;
    *ret = (struct chain_state){.runs = db_rows_int(&rows, 0, 0),
                                .busy = db_rows_int(&rows, 1, 0),
                                .pinned = db_rows_int(&rows, 2, 0),
                                .bytes = db_rows_int(&rows, 3, 0)};
    db_rows_done(&rows);
    if (ret->runs == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such chain.");
    if (ret->busy > 0)
        return err_set(err, ERR_CONFLICT, "The chain is in use: a backup, a restore or a proof of it is under way.");
    if (ret->pinned > 0)
        return err_set(err, ERR_CONFLICT, "The chain is pinned; unpin its runs first.");
    return 0;
}

/* The config of a chain, as text in the arena; NULL when it was deleted. */
static int read_config(struct db *db, const struct retention_act *a, const char **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_RETENTION_CHAIN_CONFIG, DB_ARGS(DB_TEXT("chain_id", a->chain_id)), &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_NOT_FOUND, "There is no such chain.") : rc;
    const char *config_id = db_rows_text(&rows, 0);
    *ret = arena_strdup(a->arena, config_id);
    rc = config_id != NULL && *ret == NULL ? err_set(err, ERR_NOMEM, "no memory for a chain") : 0;
    db_rows_done(&rows);
    return rc;
}

static int check_last_resort(struct db *db, const struct retention_act *a, struct err *err)
{
    const struct retention_policy none = {0};
    struct retention_view view = {0};
    const char *config_id = NULL;
    int rc = read_config(db, a, &config_id, err);
    if (rc == 0 && config_id == NULL)
        return err_set(err, ERR_CONFLICT,
                       "The config of this chain is gone, so this may be the last good copy; force deletes it.");
    if (rc == 0)
        rc = retention_view(db, config_id, &none, a->now_ms, a->arena, &view, err);
    for (size_t i = 0; rc == 0 && i < view.count; i++)
        if (view.chains[i].verdict.newest && strcmp(view.chains[i].chain_id, a->chain_id) == 0)
            rc = err_set(err, ERR_CONFLICT, "This is the newest good backup of its config; force deletes it.");
    return rc;
}

int retention_delete(struct db *db, void *ctx, struct err *err)
{
    const struct retention_act *a = ctx;
    struct chain_state state;
    char reason[100], detail[120];
    int rc = read_state(db, a->chain_id, &state, err);
    if (rc == 0 && !a->force)
        rc = check_last_resort(db, a, err);
    if (rc != 0)
        return rc;
    (void)snprintf(reason, sizeof reason, "Deleted by %s.", a->audit.actor);
    (void)snprintf(detail, sizeof detail, "{\"why\":\"asked\",\"force\":%s,\"runs\":%lld,\"bytes\":%lld}",
                   a->force ? "true" : "false", (long long)state.runs, (long long)state.bytes);
    rc = db_exec(db, DB_RETENTION_CHAIN_DELETE,
                 DB_ARGS(DB_TEXT("chain_id", a->chain_id), DB_INT("now", a->now_ms), DB_TEXT("reason", reason)), NULL,
                 err);
    return rc == 0 ? audited(db, a, "chain.delete", "chain", a->chain_id, detail, err) : rc;
}
