#include "backup/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "backup/runs.h"
#include "backup/store.h"
#include "common/uuid.h"
#include "fleet/fleet.h"

enum {
    NAME_BYTES = 120,
    PATH_BYTES = 4096,
    SOURCES_MAX = 100,
    EXCLUDES_MAX = 200,
    RETENTION_DAYS_MAX = 3650,
};

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a backup config");
}

/* --- rows -----------------------------------------------------------------------------------------------------------
 */

bool config_row(const struct db_rows *rows, struct arena *arena, struct backup_config *ret)
{
    const char *agent_id = db_rows_text(rows, 2);
    struct backup_config c = {
        .id = arena_strdup(arena, db_rows_text(rows, 0)),
        .user_id = arena_strdup(arena, db_rows_text(rows, 1)),
        .agent_id = arena_strdup(arena, agent_id),
        .execution_mode = arena_strdup(arena, db_rows_text(rows, 3)),
        .name = arena_strdup(arena, db_rows_text(rows, 4)),
        .sources = arena_strdup(arena, db_rows_text(rows, 5)),
        .options = arena_strdup(arena, db_rows_text(rows, 6)),
        .rev = db_rows_int(rows, 7, 0),
        .created_ms = db_rows_int(rows, 8, 0),
        .updated_ms = db_rows_int(rows, 9, 0),
    };
    *ret = c;
    return c.id != NULL && c.user_id != NULL && c.execution_mode != NULL && c.name != NULL && c.sources != NULL &&
           c.options != NULL && (c.agent_id != NULL || agent_id == NULL);
}

int config_get(struct db *db, const char *id, const char *viewer, struct arena *arena, struct backup_config *ret,
               struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_CONFIG_GET, DB_ARGS(DB_TEXT("id", id), DB_TEXT("viewer", viewer)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup config.");
    if (rc != DB_ROW)
        return rc;
    bool fits = config_row(&rows, arena, ret);
    db_rows_done(&rows);
    return fits ? 0 : nomem(err);
}

int config_resolve(struct db *db, const char *key, char ret[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(db, DB_BACKUP_CONFIG_RESOLVE, DB_ARGS(DB_TEXT("key", key)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        (void)snprintf(ret, UUID_SIZE, "%s", db_rows_text(&rows, 0));
        count++;
        rc = 0;
    }
    db_rows_done(&rows);
    if (rc != 0)
        return rc;
    if (count == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no backup config %s", key);
    return count == 1 ? 0 : err_set(err, ERR_CONFLICT, "several backup configs are called %s: name the id", key);
}

int config_list_of_agent(struct db *db, const char *agent_id, size_t max, struct arena *arena,
                         struct backup_config **ret, size_t *ret_count, struct err *err)
{
    struct backup_config *list = arena_array(arena, max, sizeof *list);
    size_t count = 0;
    struct db_rows rows;
    if (list == NULL)
        return nomem(err);
    int rc = db_query(
        db, DB_BACKUP_CONFIG_LIST,
        DB_ARGS(DB_TEXT("agent_id", agent_id), DB_NULL("viewer"), DB_INT("limit", (int64_t)max), DB_INT("offset", 0)),
        &rows, err);
    while (rc == 0 && count < max && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = config_row(&rows, arena, &list[count++]) ? 0 : nomem(err);
    db_rows_done(&rows);
    if (rc != 0)
        return rc;
    *ret = list;
    *ret_count = count;
    return 0;
}

json_t *config_json(const struct app *app, const struct backup_config *c)
{
    json_t *sources = json_loads(c->sources, 0, NULL);
    json_t *options = json_loads(c->options, 0, NULL);
    char prefix[STORE_PATH_MAX];
    (void)snprintf(prefix, sizeof prefix, "users/%s/agents/%s/configs/%s", c->user_id,
                   c->agent_id != NULL ? c->agent_id : "-", c->id);
    if (sources == NULL || options == NULL || json_object_set_new(options, "rev", json_integer(c->rev)) != 0) {
        json_decref(sources);
        json_decref(options);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:o, s:{s:s, s:s, s:s}, s:o, s:s?, s:s, s:I, s:I, s:I}", "id", c->id, "name", c->name,
                     "sources", sources, "destination", "bucket", store_bucket(app->store), "region",
                     store_region(app->store), "prefix", prefix, "options", options, "agentId", c->agent_id,
                     "executionMode", c->execution_mode, "rev", (json_int_t)c->rev, "created_ms",
                     (json_int_t)c->created_ms, "updated_ms", (json_int_t)c->updated_ms);
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

/* JSON as text in the arena; takes json. NULL: out of memory. */
static const char *dump(struct arena *arena, json_t *take)
{
    char *text = take == NULL ? NULL : json_dumps(take, JSON_COMPACT);
    const char *copy = arena_strdup(arena, text);
    free(text);
    json_decref(take);
    return copy;
}

/* Absolute, and no segment that walks back up: what a host allows is a matter of its own agent.conf. */
static void check_path(struct jsonread *item, const char *path)
{
    if (path == NULL)
        return;
    size_t len = strlen(path);
    bool up = strstr(path, "/../") != NULL || (len >= 3 && strcmp(path + len - 3, "/..") == 0);
    if (path[0] != '/' || up)
        jsonread_fail(item, "path", "must be an absolute path without ..");
}

static json_t *read_sources(struct jsonread *r)
{
    const json_t *list = NULL;
    size_t count = jsonread_array(r, "sources", 1, SOURCES_MAX, &list);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        struct jsonread item;
        jsonread_item(r, "sources", list, i, &item);
        const char *path = jsonread_text(&item, "path", 1, PATH_BYTES);
        check_path(&item, path);
        if (path != NULL)
            (void)json_array_append_new(out, json_pack("{s:s}", "path", path));
    }
    return out;
}

static json_t *read_excludes(struct jsonread *options)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(options, "excludes", EXCLUDES_MAX, &list);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *pattern = jsonread_item_str(options, "excludes", list, i, 1, PATH_BYTES);
        if (pattern != NULL)
            (void)json_array_append_new(out, json_string(pattern));
    }
    return out;
}

/* What this version cannot do is refused, not quietly done otherwise: nobody shall think that a backup is encrypted
 * when it is not. */
static json_t *read_options(struct jsonread *r)
{
    static const char *const types[] = {"full", "incremental", NULL};
    static const char *const methods[] = {"zstd", "gzip", NULL};
    static const int default_level[] = {3, 6};
    static const int max_level[] = {19, 9};
    struct jsonread o;
    jsonread_object_or_none(r, "options", &o);
    int type = jsonread_enum_or(&o, "type", types, 0);
    bool compression = jsonread_bool_or(&o, "compression", true);
    bool encryption = jsonread_bool_or(&o, "encryption", false);
    int64_t retention = jsonread_int_or(&o, "retentionDays", 1, RETENTION_DAYS_MAX, 30);
    int method = jsonread_enum_or(&o, "method", methods, 0);
    if (method < 0 || method > 1)
        method = 0;
    int64_t level = jsonread_int_or(&o, "level", 1, max_level[method], default_level[method]);
    json_t *excludes = read_excludes(&o);
    if (type == 1)
        jsonread_fail(&o, "type", "incremental backups are not possible yet; use full");
    if (encryption)
        jsonread_fail(&o, "encryption", "encrypted backups are not possible yet; leave it false");
    return json_pack("{s:s, s:b, s:b, s:I, s:s, s:I, s:o}", "type", types[0], "compression", compression, "encryption",
                     0, "retentionDays", (json_int_t)retention, "method", methods[method], "level", (json_int_t)level,
                     "excludes", excludes);
}

int config_read(struct jsonread *r, struct arena *arena, struct config_change *ret, struct err *err)
{
    const char *name = jsonread_str(r, "name", 1, NAME_BYTES);
    const char *agent_id = jsonread_str_or(r, "agentId", 1, UUID_SIZE, NULL);
    if (agent_id != NULL && !uuid_valid(agent_id))
        jsonread_fail(r, "agentId", "must be an agent's id");
    struct config_change change = {
        .sources = dump(arena, read_sources(r)),
        .options = dump(arena, read_options(r)),
        .name = arena_strdup(arena, name),
        .agent_id = arena_strdup(arena, agent_id),
    };
    if (r->error->failed)
        return err_set(err, ERR_INVALID, "%s %s", r->error->pointer, r->error->reason);
    if (change.sources == NULL || change.options == NULL || change.name == NULL)
        return nomem(err);
    *ret = change;
    return 0;
}

/* --- writing --------------------------------------------------------------------------------------------------------
 */

static int audited(struct db *db, struct config_write *w, const char *action, const char *config_id, struct err *err)
{
    char target[64];
    (void)snprintf(target, sizeof target, "config:%s", config_id);
    struct audit_entry entry = w->audit;
    entry.action = action;
    entry.target = target;
    return audit_append(db, w->audit_key, &entry, err);
}

/* Whose the agent is. */
static int agent_owner(struct db *db, const char *agent_id, char ret[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_AGENT_FACTS, DB_ARGS(DB_TEXT("id", agent_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such agent.");
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(ret, UUID_SIZE, "%s", db_rows_text(&rows, 0));
    db_rows_done(&rows);
    return 0;
}

int config_create(struct db *db, void *ctx, struct err *err)
{
    struct config_write *w = ctx;
    char owner[UUID_SIZE];
    int rc = agent_owner(db, w->change->agent_id, owner, err);
    if (rc != 0)
        return rc;
    if (!uuid_v7(w->now_ms, token_random, w->id))
        return err_set(err, ERR_INTERNAL, "the system's generator failed");
    rc = db_exec(db, DB_BACKUP_CONFIG_INSERT,
                 DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("user_id", owner), DB_TEXT("agent_id", w->change->agent_id),
                         DB_TEXT("execution_mode", "agent"), DB_TEXT("name", w->change->name),
                         DB_TEXT("sources", w->change->sources), DB_TEXT("options", w->change->options),
                         DB_INT("now", w->now_ms)),
                 NULL, err);
    if (rc == 0)
        rc = fleet_agent_configs_changed(db, w->change->agent_id, err);
    return rc == 0 ? audited(db, w, "config.create", w->id, err) : rc;
}

/* A config stays with its owner: another owner's agent could read what the first one stored. */
static int check_owner(struct db *db, const struct config_write *w, struct err *err)
{
    char owner[UUID_SIZE];
    if (w->change->agent_id == NULL)
        return 0;
    int rc = agent_owner(db, w->change->agent_id, owner, err);
    if (rc == 0 && strcmp(owner, w->old->user_id) != 0)
        return err_set(err, ERR_CONFLICT, "The agent belongs to another owner than the config.");
    return rc;
}

static int changed_for_both(struct db *db, const char *before, const char *after, struct err *err)
{
    int rc = fleet_agent_configs_changed(db, before, err);
    bool same = before != NULL && after != NULL && strcmp(before, after) == 0;
    return rc == 0 && !same ? fleet_agent_configs_changed(db, after, err) : rc;
}

int config_update(struct db *db, void *ctx, struct err *err)
{
    struct config_write *w = ctx;
    int64_t changed = 0;
    int rc = check_owner(db, w, err);
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_CONFIG_UPDATE,
                     DB_ARGS(DB_TEXT("id", w->old->id), DB_TEXT("agent_id", w->change->agent_id),
                             DB_TEXT("execution_mode", "agent"), DB_TEXT("name", w->change->name),
                             DB_TEXT("sources", w->change->sources), DB_TEXT("options", w->change->options),
                             DB_INT("now", w->now_ms)),
                     &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup config.");
    if (rc == 0)
        rc = changed_for_both(db, w->old->agent_id, w->change->agent_id, err);
    return rc == 0 ? audited(db, w, "config.change", w->old->id, err) : rc;
}

int config_delete(struct db *db, void *ctx, struct err *err)
{
    struct config_write *w = ctx;
    int64_t changed = 0;
    int rc = db_exec(db, DB_BACKUP_CONFIG_DELETE, DB_ARGS(DB_TEXT("id", w->old->id)), &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup config.");
    if (rc == 0)
        rc = fleet_agent_configs_changed(db, w->old->agent_id, err);
    return rc == 0 ? audited(db, w, "config.delete", w->old->id, err) : rc;
}

int config_run(struct db *db, void *ctx, struct err *err)
{
    struct config_run *run = ctx;
    const struct backup_config *c = run->write.old;
    const struct run_queue queue = {.config_id = c->id, .origin = "person", .now_ms = run->write.now_ms};
    if (c->agent_id == NULL)
        return err_set(err, ERR_CONFLICT, "The config is assigned to no agent.");
    int rc = run_queue(db, &queue, run->run_id, err);
    const struct run_hand_out hand_out = {.run_id = run->run_id,
                                          .config_id = c->id,
                                          .agent_id = c->agent_id,
                                          .created_by = run->created_by,
                                          .now_ms = run->write.now_ms};
    if (rc == 0)
        rc = run_hand_out(db, &hand_out, run->command_id, err);
    return rc == 0 ? audited(db, &run->write, "config.run", c->id, err) : rc;
}
