#include "backup/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "backup/config_options.h"
#include "backup/runs.h"
#include "common/uuid.h"
#include "fleet/fleet.h"
#include "schedule/schedule.h"
#include "store/store.h"

enum {
    NAME_BYTES = 120,
    PATH_BYTES = 4096,
    SOURCES_MAX = 100,
};

#define DAY_MS (INT64_C(24) * 3600 * 1000)

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
        .due_ms = db_rows_int(rows, 10, -1),
        .verify_due_ms = db_rows_int(rows, 11, -1),
        .late_since_ms = db_rows_int(rows, 12, -1),
        .runner_id = arena_strdup(arena, db_rows_text(rows, 13)),
    };
    *ret = c;
    return c.id != NULL && c.user_id != NULL && c.execution_mode != NULL && c.name != NULL && c.sources != NULL &&
           c.options != NULL && (c.agent_id != NULL || agent_id == NULL) &&
           (c.runner_id != NULL || db_rows_null(rows, 13));
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
    int rc = db_query(db, DB_BACKUP_CONFIG_LIST_OF_AGENT,
                      DB_ARGS(DB_TEXT("agent_id", agent_id), DB_INT("limit", (int64_t)max)), &rows, err);
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
    json_t *options = config_options_complete(c->options);
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

static json_t *moment_json(int64_t ms)
{
    return ms >= 0 ? json_integer((json_int_t)ms) : json_null();
}

/* Late is what was alerted of; a success since then has ended it even when nobody has looked yet. */
int config_times_json(struct db *db, const struct backup_config *c, json_t *json, struct err *err)
{
    struct db_rows rows;
    int64_t good_ms = -1;
    int rc = db_query_one(db, DB_SCHEDULE_LAST_GOOD, DB_ARGS(DB_TEXT("config_id", c->id)), &rows, err);
    if (rc == DB_ROW) {
        good_ms = db_rows_int(&rows, 0, -1);
        db_rows_done(&rows);
    } else if (rc != DB_DONE) {
        return rc;
    }
    bool late = c->late_since_ms >= 0 && c->runner_id != NULL && good_ms <= c->late_since_ms;
    if (json_object_set_new(json, "nextRun_ms", moment_json(c->runner_id != NULL ? c->due_ms : -1)) != 0 ||
        json_object_set_new(json, "late", json_boolean(late)) != 0 ||
        json_object_set_new(json, "lastGood_ms", moment_json(good_ms)) != 0)
        return nomem(err);
    return 0;
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

int config_read(struct jsonread *r, struct arena *arena, struct config_change *ret, struct err *err)
{
    static const char *const modes[] = {"agent", "server", NULL};
    const char *name = jsonread_str(r, "name", 1, NAME_BYTES);
    const char *agent_id = jsonread_str_or(r, "agentId", 1, UUID_SIZE, NULL);
    int mode = jsonread_enum_or(r, "executionMode", modes, 0);
    if (agent_id != NULL && !uuid_valid(agent_id))
        jsonread_fail(r, "agentId", "must be an agent's id");
    if (agent_id != NULL && mode == 1)
        jsonread_fail(r, "agentId", "must be null when the server's own host makes the backup");
    struct config_change change = {
        .sources = dump(arena, read_sources(r)),
        .options = dump(arena, config_options_read(r)),
        .execution_mode = modes[mode == 1 ? 1 : 0],
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

static int server_agent(struct db *db, char ret[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_SCHEDULE_SERVER_AGENT, DB_NO_ARGS, &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_CONFLICT, "The setting MUSTER_SERVER_AGENT names no agent that could make the backup.");
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(ret, UUID_SIZE, "%s", db_rows_text(&rows, 0));
    db_rows_done(&rows);
    return 0;
}

int config_change_runner(struct db *db, const struct config_change *change, struct arena *arena, const char **ret,
                         struct err *err)
{
    char id[UUID_SIZE];
    *ret = change->agent_id;
    if (strcmp(change->execution_mode, "server") != 0)
        return 0;
    int rc = server_agent(db, id, err);
    if (rc != 0)
        return rc;
    *ret = arena_strdup(arena, id);
    return *ret != NULL ? 0 : nomem(err);
}

/* Who makes it after the write, and whose that agent is. ret_id is "" when nobody makes it. */
struct runner {
    char id[UUID_SIZE];
    char owner[UUID_SIZE];
};

static int find_runner(struct db *db, const struct config_change *change, struct runner *ret, struct err *err)
{
    int rc = 0;
    *ret = (struct runner){.id = ""};
    if (strcmp(change->execution_mode, "server") == 0)
        rc = server_agent(db, ret->id, err);
    else if (change->agent_id != NULL)
        (void)snprintf(ret->id, sizeof ret->id, "%s", change->agent_id);
    return rc == 0 && ret->id[0] != '\0' ? agent_owner(db, ret->id, ret->owner, err) : rc;
}

/* What proves its backups reads them, which is for agents of their owner alone. */
static int check_verifier(struct db *db, const json_t *options, const char *owner, struct err *err)
{
    char its_owner[UUID_SIZE];
    const char *id = json_string_value(json_object_get(options, "verifyAgentId"));
    if (id == NULL)
        return 0;
    int rc = agent_owner(db, id, its_owner, err);
    if (rc == ERR_NOT_FOUND || (rc == 0 && strcmp(owner, its_owner) != 0))
        return err_set(err, ERR_CONFLICT, "The agent that is to verify the backups belongs to another owner.");
    return rc;
}

/* When it is due by what it says now. -1: not. */
struct dues {
    int64_t run_ms;
    int64_t verify_ms;
};

static int dues_of(const struct config_write *w, const json_t *options, const char *id, int64_t made_ms,
                   struct dues *ret, struct err *err)
{
    struct schedule schedule;
    int64_t days = json_integer_value(json_object_get(options, "verifyEveryDays"));
    int rc = schedule_init(&schedule, options, id, made_ms, err);
    *ret = (struct dues){.run_ms = -1, .verify_ms = days > 0 ? w->now_ms + days * DAY_MS : -1};
    if (rc == 0)
        (void)schedule_next(&schedule, w->now_ms, &ret->run_ms);
    schedule_done(&schedule);
    return rc;
}

static struct db_arg moment_arg(const char *name, int64_t ms)
{
    return ms >= 0 ? DB_INT(name, ms) : DB_NULL(name);
}

static int insert(struct db *db, struct config_write *w, const struct runner *runner, const json_t *options,
                  struct err *err)
{
    const struct config_change *change = w->change;
    struct dues dues;
    int rc = dues_of(w, options, w->id, w->now_ms, &dues, err);
    if (rc != 0)
        return rc;
    rc = db_exec(db, DB_BACKUP_CONFIG_INSERT,
                 DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("user_id", runner->owner), DB_TEXT("agent_id", change->agent_id),
                         DB_TEXT("execution_mode", change->execution_mode), DB_TEXT("name", change->name),
                         DB_TEXT("sources", change->sources), DB_TEXT("options", change->options),
                         moment_arg("due", dues.run_ms), moment_arg("verify_due", dues.verify_ms),
                         DB_INT("now", w->now_ms)),
                 NULL, err);
    if (rc == 0)
        rc = fleet_agent_configs_changed(db, runner->id, err);
    return rc == 0 ? audited(db, w, "config.create", w->id, err) : rc;
}

int config_create(struct db *db, void *ctx, struct err *err)
{
    struct config_write *w = ctx;
    struct runner runner;
    int rc = find_runner(db, w->change, &runner, err);
    if (rc == 0 && runner.id[0] == '\0')
        rc = err_set(err, ERR_INVALID, "A new backup config needs an agent that makes it.");
    if (rc == 0 && !uuid_v7(w->now_ms, token_random, w->id))
        rc = err_set(err, ERR_INTERNAL, "the system's generator failed");
    if (rc != 0)
        return rc;
    json_t *options = config_options_complete(w->change->options);
    rc = options == NULL ? nomem(err) : check_verifier(db, options, runner.owner, err);
    if (rc == 0)
        rc = insert(db, w, &runner, options, err);
    json_decref(options);
    return rc;
}

static int changed_for_both(struct db *db, const char *before, const char *after, struct err *err)
{
    int rc = fleet_agent_configs_changed(db, before, err);
    bool same = before != NULL && after != NULL && strcmp(before, after) == 0;
    return rc == 0 && !same ? fleet_agent_configs_changed(db, after, err) : rc;
}

static bool same_option(const json_t *a, const json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key));
}

/* What was due stays due unless the schedule itself is another: renaming a config skips no run. */
static int update(struct db *db, struct config_write *w, const struct runner *runner, const json_t *before,
                  const json_t *after, struct err *err)
{
    const struct config_change *change = w->change;
    struct dues dues;
    int64_t changed = 0;
    int rc = dues_of(w, after, w->old->id, w->old->created_ms, &dues, err);
    bool keep_due = dues.run_ms >= 0 && same_option(before, after, "schedule") && same_option(before, after, "window");
    bool keep_verify = dues.verify_ms >= 0 && same_option(before, after, "verifyEveryDays");
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_CONFIG_UPDATE,
                     DB_ARGS(DB_TEXT("id", w->old->id), DB_TEXT("agent_id", change->agent_id),
                             DB_TEXT("execution_mode", change->execution_mode), DB_TEXT("name", change->name),
                             DB_TEXT("sources", change->sources), DB_TEXT("options", change->options),
                             DB_INT("keep_due", keep_due), moment_arg("due", dues.run_ms),
                             DB_INT("keep_verify", keep_verify), moment_arg("verify_due", dues.verify_ms),
                             DB_INT("now", w->now_ms)),
                     &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup config.");
    if (rc == 0)
        rc = changed_for_both(db, w->old->runner_id, runner->id[0] != '\0' ? runner->id : NULL, err);
    return rc == 0 ? audited(db, w, "config.change", w->old->id, err) : rc;
}

/* A config stays with its owner: another owner's agent could read what the first one stored. */
int config_update(struct db *db, void *ctx, struct err *err)
{
    struct config_write *w = ctx;
    struct runner runner;
    int rc = find_runner(db, w->change, &runner, err);
    if (rc == 0 && runner.id[0] != '\0' && strcmp(runner.owner, w->old->user_id) != 0)
        rc = err_set(err, ERR_CONFLICT, "The agent belongs to another owner than the config.");
    if (rc != 0)
        return rc;
    json_t *before = config_options_complete(w->old->options);
    json_t *after = config_options_complete(w->change->options);
    rc = before == NULL || after == NULL ? nomem(err) : check_verifier(db, after, w->old->user_id, err);
    if (rc == 0)
        rc = update(db, w, &runner, before, after, err);
    json_decref(before);
    json_decref(after);
    return rc;
}

int config_delete(struct db *db, void *ctx, struct err *err)
{
    struct config_write *w = ctx;
    int64_t changed = 0;
    int rc = db_exec(db, DB_BACKUP_CONFIG_GRANTS_DELETE, DB_ARGS(DB_TEXT("id", w->old->id)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_CONFIG_DELETE, DB_ARGS(DB_TEXT("id", w->old->id)), &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup config.");
    if (rc == 0)
        rc = fleet_agent_configs_changed(db, w->old->runner_id, err);
    return rc == 0 ? audited(db, w, "config.delete", w->old->id, err) : rc;
}

int config_run(struct db *db, void *ctx, struct err *err)
{
    struct config_run *run = ctx;
    const struct backup_config *c = run->write.old;
    const struct run_queue queue = {
        .config_id = c->id, .agent_id = c->runner_id, .origin = "person", .now_ms = run->write.now_ms};
    if (c->runner_id == NULL)
        return err_set(err, ERR_CONFLICT, "The config is assigned to no agent.");
    int rc = run_queue(db, &queue, run->run_id, err);
    const struct run_hand_out hand_out = {.run_id = run->run_id,
                                          .config_id = c->id,
                                          .agent_id = c->runner_id,
                                          .created_by = run->created_by,
                                          .now_ms = run->write.now_ms};
    if (rc == 0)
        rc = run_hand_out(db, &hand_out, run->command_id, err);
    return rc == 0 ? audited(db, &run->write, "config.run", c->id, err) : rc;
}
