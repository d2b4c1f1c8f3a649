#include "fleet/agents.h"

#include <stdio.h>
#include <string.h>

#include "fleet/fleet.h"

/* --- showing --- */

static json_t *int_or_null(const struct db_rows *rows, int column)
{
    return db_rows_null(rows, column) ? json_null() : json_integer((json_int_t)db_rows_int(rows, column, 0));
}

static json_t *object_or_empty(const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    json_t *object = text != NULL ? json_loads(text, 0, NULL) : NULL;
    return object != NULL ? object : json_object();
}

/* What the host lets backups read and restores write, as it says; null when it has not said. */
static json_t *roots_or_null(const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    json_t *object = text != NULL ? json_loads(text, 0, NULL) : NULL;
    return object != NULL ? object : json_null();
}

static json_t *facts_json(const struct db_rows *rows)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:o,s:o,s:I,s:o,s:o,s:o}", "id",
                     db_rows_text(rows, 0), "name", db_rows_text(rows, 1), "status", db_rows_text(rows, 2), "platform",
                     db_rows_text(rows, 3), "arch", db_rows_text(rows, 4), "version", db_rows_text(rows, 5),
                     "deploymentMode", db_rows_text(rows, 6), "hostname", db_rows_text(rows, 7), "address",
                     db_rows_text(rows, 8), "owner_id", db_rows_text(rows, 9), "created_ms",
                     (json_int_t)db_rows_int(rows, 10, 0), "last_seen_ms", int_or_null(rows, 11), "uptimeS",
                     int_or_null(rows, 12), "proto", (json_int_t)db_rows_int(rows, 13, 0), "certificateNotAfter_ms",
                     int_or_null(rows, 14), "labels", object_or_empty(rows, 15), "roots", roots_or_null(rows, 16));
}

static int last_backup_json(struct db *db, const char *id, json_t **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_AGENT_LAST_BACKUP, DB_ARGS(DB_TEXT("agent", id)), &rows, err);
    if (rc < 0)
        return rc;
    if (rc == DB_DONE) {
        *ret = json_null();
        return 0;
    }
    json_t *last = json_pack("{s:s,s:s,s:I}", "id", db_rows_text(&rows, 0), "status", db_rows_text(&rows, 1),
                             "finished_ms", (json_int_t)db_rows_int(&rows, 2, 0));
    db_rows_done(&rows);
    if (last == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = last;
    return 0;
}

int agent_json(struct db *db, const char *id, int64_t now_ms, json_t **ret, struct err *err)
{
    struct db_rows rows;
    json_t *last = NULL;
    int rc = db_query_one(db, DB_AGENT_GET, DB_ARGS(DB_TEXT("id", id), DB_INT("now", now_ms)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    if (rc < 0)
        return rc;
    json_t *agent = facts_json(&rows);
    db_rows_done(&rows);
    rc = last_backup_json(db, id, &last, err);
    if (rc == 0 && json_object_set_new(agent, "lastBackup", last) != 0)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc != 0)
        json_decref(agent);
    else
        *ret = agent;
    return rc;
}

/* --- finding --- */

void agent_name_lower(const char *name, char *ret, size_t size)
{
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < size; i++)
        ret[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + ('a' - 'A')) : name[i];
    ret[i] = '\0';
}

int fleet_agent_resolve(struct db *db, const char *id_or_name, char ret_id[UUID_SIZE], struct err *err)
{
    char name[AGENT_NAME_MAX + 2], id[UUID_SIZE] = "";
    struct db_rows rows;
    int found = 0;
    agent_name_lower(id_or_name, name, sizeof name);
    int rc = db_query(db, DB_AGENT_ID_BY_NAME, DB_ARGS(DB_TEXT("id", id_or_name), DB_TEXT("name", name)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        if (found++ == 0)
            (void)snprintf(id, sizeof id, "%s", db_rows_text(&rows, 0));
        rc = 0;
    }
    db_rows_done(&rows);
    if (rc != 0)
        return rc;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no agent has this id or name: %.120s", id_or_name);
    if (found > 1 && strcmp(id, id_or_name) != 0)
        return err_set(err, ERR_CONFLICT, "several agents are called %.120s; give the id", id_or_name);
    memcpy(ret_id, id, sizeof id);
    return 0;
}

int fleet_agent_live(struct db *db, const char *agent_id, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_AGENT_LIVE, DB_ARGS(DB_TEXT("id", agent_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    if (rc < 0)
        return rc;
    bool refused = !db_rows_null(&rows, 0) || !db_rows_null(&rows, 1) || !db_rows_null(&rows, 2);
    db_rows_done(&rows);
    return refused ? err_set(err, ERR_DENIED, "the agent is deactivated, quarantined, or its key denied") : 0;
}

/* --- changing --- */

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

int agent_insert(struct db *db, const struct agent_new *a, struct err *err)
{
    char lower[AGENT_NAME_MAX + 1];
    agent_name_lower(a->name, lower, sizeof lower);
    return db_exec(
        db, DB_AGENT_INSERT,
        DB_ARGS(DB_TEXT("id", a->id), DB_TEXT("name", a->name), DB_TEXT("name_lower", lower),
                DB_TEXT("user", a->owner_id), DB_TEXT("api_key_hash", a->api_key_hash), DB_TEXT("spki", a->spki),
                a->certificate_not_after_ms != 0 ? DB_INT("certificate_not_after", a->certificate_not_after_ms)
                                                 : DB_NULL("certificate_not_after"),
                DB_TEXT("hostname", or_empty(a->hostname)), DB_TEXT("platform", or_empty(a->platform)),
                DB_TEXT("arch", or_empty(a->arch)), DB_TEXT("version", or_empty(a->version)),
                DB_TEXT("deployment_mode", or_empty(a->deployment_mode)), DB_INT("proto", a->proto),
                DB_TEXT("capabilities", a->capabilities != NULL ? a->capabilities : "[]"),
                DB_TEXT("labels", a->labels != NULL ? a->labels : "{}"), DB_TEXT("address", or_empty(a->address)),
                DB_INT("poll_interval_s", a->poll_interval_s), DB_INT("now", a->now_ms)),
        NULL, err);
}

int fleet_agent_configs_changed(struct db *db, const char *agent_id, struct err *err)
{
    if (agent_id == NULL)
        return 0;
    int rc = db_exec(db, DB_AGENT_CONFIGS_CHANGED, DB_ARGS(DB_TEXT("id", agent_id)), NULL, err);
    return rc != 0 ? rc : db_changed(db, "configs", err);
}

/* What a deleted person had stays off until they are restored. */
static int owner_is_there(struct db *db, const char *id, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_AGENT_OWNER_DELETED, DB_ARGS(DB_TEXT("id", id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    db_rows_done(&rows);
    return err_set(err, ERR_CONFLICT, "The person this agent belongs to was deleted; restore them first.");
}

static int run_act(struct db *db, const struct agent_change *change, int64_t *ret_changes, struct err *err)
{
    static const enum db_statement statements[] = {[AGENT_DEACTIVATE] = DB_AGENT_DEACTIVATE,
                                                   [AGENT_ACTIVATE] = DB_AGENT_ACTIVATE,
                                                   [AGENT_APPROVE] = DB_AGENT_APPROVE};
    if (change->act == AGENT_ACTIVATE) {
        int rc = owner_is_there(db, change->id, err);
        if (rc != 0)
            return rc;
    }
    if (change->act != AGENT_DELETE)
        return db_exec(db, statements[change->act],
                       DB_ARGS(DB_TEXT("id", change->id), DB_INT("now", change->audit.time_ms)), ret_changes, err);
    int rc = db_exec(db, DB_AGENT_GRANTS_DELETE, DB_ARGS(DB_TEXT("id", change->id)), NULL, err);
    return rc != 0 ? rc : db_exec(db, DB_AGENT_DELETE, DB_ARGS(DB_TEXT("id", change->id)), ret_changes, err);
}

int agent_change(struct db *db, const struct agent_change *change, struct err *err)
{
    static const char *const actions[] = {[AGENT_DEACTIVATE] = "agent.deactivate",
                                          [AGENT_ACTIVATE] = "agent.activate",
                                          [AGENT_APPROVE] = "agent.approve",
                                          [AGENT_DELETE] = "agent.delete"};
    struct audit_entry entry = change->audit;
    char target[6 + UUID_SIZE];
    int64_t changes = 0;
    int rc = fleet_agent_live(db, change->id, err);
    if (rc != 0 && rc != ERR_DENIED)
        return rc;
    rc = run_act(db, change, &changes, err);
    if (rc != 0 || changes == 0)
        return rc;
    (void)snprintf(target, sizeof target, "agent:%s", change->id);
    entry.action = actions[change->act];
    entry.target = target;
    rc = audit_append(db, change->key, &entry, err);
    return rc != 0 ? rc : db_changed(db, "agents", err);
}
