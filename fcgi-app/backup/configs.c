/* Configs, as people see them: /api/configs. */
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "backup/backup.h"
#include "backup/config.h"
#include "backup/run.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "http/list.h"
#include "http/problem.h"
#include "http/request.h"
#include "restore/proof.h"

enum { CONFIGS_ARENA_BYTES = 16 * 1024 * 1024 };

/* The name of the agent that makes it, for people. */
static int show_agent(struct req *r, const struct backup_config *c, json_t *json, struct err *err)
{
    struct db_rows rows;
    json_t *name = json_null();
    int rc = c->runner_id == NULL
                 ? DB_DONE
                 : db_query_one(r->db, DB_BACKUP_AGENT_FACTS, DB_ARGS(DB_TEXT("id", c->runner_id)), &rows, err);
    if (rc == DB_ROW) {
        name = json_string(db_rows_text(&rows, 1));
        db_rows_done(&rows);
    } else if (rc != DB_DONE) {
        return rc;
    }
    return json_object_set_new(json, "agentName", name) == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for a config");
}

/* The shape of the contract: the config, and how its newest run went. */
static json_t *shown(struct req *r, const struct backup_config *c, struct err *err)
{
    json_t *last = NULL;
    int rc = run_last_json(r->db, c->id, &last, err);
    json_t *json = rc == 0 ? config_json(r->app, c) : NULL;
    if (rc == 0 && (json == NULL || json_object_set(json, "lastRun", last) != 0))
        rc = err_set(err, ERR_NOMEM, "no memory for a config");
    if (rc == 0)
        rc = config_times_json(r->db, c, json, err);
    if (rc == 0)
        rc = show_agent(r, c, json, err);
    if (rc != 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(last);
    if (json != NULL && proof_show(r->db, c->id, json, err) != 0) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

static void reply_config(struct req *r, int status, const char *id)
{
    struct backup_config c;
    struct err err = {0};
    json_t *json = NULL;
    if (config_get(r->db, id, run_viewer(r), r->arena, &c, &err) == 0)
        json = shown(r, &c, &err);
    if (json == NULL)
        reply_error(r, &err);
    else
        reply_json(r, status, json);
}

/* At most LIST_MAX from offset on. */
static int read_page(struct req *r, const struct list_ask *ask, int64_t offset, struct arena *arena,
                     struct backup_config *list, size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int64_t limit = ask->limit < LIST_MAX ? ask->limit : LIST_MAX;
    int rc = db_query(r->db, DB_BACKUP_CONFIG_PAGE,
                      DB_ARGS(DB_TEXT("agent_id", req_query(r, "agentId")), DB_TEXT("q", ask->pattern),
                              DB_TEXT("viewer", run_viewer(r)), DB_TEXT("sort", ask->sort),
                              DB_INT("descending", ask->descending), DB_INT("limit", limit), DB_INT("offset", offset)),
                      &rows, err);
    while (rc == 0 && count < LIST_MAX && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = config_row(&rows, arena, &list[count++]) ? 0 : err_set(err, ERR_NOMEM, "no memory for configs");
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

static int add_page(struct req *r, const struct list_ask *ask, int64_t offset, struct list_out *out, size_t *ret_count,
                    struct err *err)
{
    struct arena *arena = arena_new(CONFIGS_ARENA_BYTES); /* of a page: a file has many */
    struct backup_config *list = arena != NULL ? arena_array(arena, LIST_MAX, sizeof *list) : NULL;
    size_t count = 0;
    int rc = list != NULL ? read_page(r, ask, offset, arena, list, &count, err)
                          : err_set(err, ERR_NOMEM, "no memory for configs");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        json_t *item = shown(r, &list[i], err);
        rc = item != NULL ? list_add(out, item, err) : err->code;
    }
    arena_free(arena);
    *ret_count = count;
    return rc;
}

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"name", "name", CSV_PLAIN},
    {"agent", "agentName", CSV_PLAIN},
    {"sources", "sources", CSV_PLAIN},
    {"type", "options.type", CSV_PLAIN},
    {"schedule", "options.schedule", CSV_PLAIN},
    {"next run", "nextRun_ms", CSV_TIME},
    {"last run", "lastRun.status", CSV_PLAIN},
    {"last run finished", "lastRun.finished_ms", CSV_TIME},
    {"added", "created_ms", CSV_TIME},
    {NULL, NULL, CSV_PLAIN},
};

void backup_config_list(struct req *r)
{
    static const char *const sorts[] = {"name", "agent", "created", "next", NULL};
    struct list_ask ask;
    struct list_out out;
    struct err err = {0};
    int64_t total = 0;
    size_t count = LIST_MAX;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .name = "backups"}, &ask))
        return;
    list_begin(&out, &ask, columns);
    int rc = db_query_number(r->db, DB_BACKUP_CONFIG_COUNT,
                             DB_ARGS(DB_TEXT("agent_id", req_query(r, "agentId")), DB_TEXT("q", ask.pattern),
                                     DB_TEXT("viewer", run_viewer(r))),
                             &total, &err);
    for (int64_t offset = ask.offset; rc == 0 && count == LIST_MAX && offset < ask.offset + ask.limit;
         offset += LIST_MAX)
        rc = add_page(r, &ask, offset, &out, &count, &err);
    list_reply(r, &out, rc, total, &err);
}

void backup_config_get(struct req *r)
{
    reply_config(r, 200, r->params[0]);
}

static bool check_agent(struct req *r, const char *id, const char *pointer, const char *reason)
{
    struct err err = {0};
    int rc = id != NULL ? fleet_agent_may_see(r, id, &err) : 0;
    if (rc == ERR_NOT_FOUND)
        reply_invalid_field(r, pointer, NULL, reason);
    else if (rc != 0)
        reply_error(r, &err);
    return rc == 0;
}

/* Who makes the backup reads files, who verifies it reads what was stored: both must be the person's to see. */
static bool check_agents(struct req *r, bool agent_needed, const struct config_change *change)
{
    const char *runner = NULL;
    struct err err = {0};
    bool server = strcmp(change->execution_mode, "server") == 0;
    int rc = config_change_runner(r->db, change, r->arena, &runner, &err);
    if (rc == ERR_CONFLICT)
        reply_invalid_field(r, "/executionMode", NULL, err.msg);
    else if (rc != 0)
        reply_error(r, &err);
    else if (runner == NULL && agent_needed)
        reply_invalid_field(r, "/agentId", NULL, "must name the agent that makes the backup");
    if (rc != 0 || (runner == NULL && agent_needed))
        return false;
    json_t *options = json_loads(change->options, 0, NULL);
    const char *verifier = arena_strdup(r->arena, json_string_value(json_object_get(options, "verifyAgentId")));
    json_decref(options);
    return check_agent(r, runner, server ? "/executionMode" : "/agentId",
                       server ? "is not for you: the server's own agent is not yours" : "must be an agent of yours") &&
           check_agent(r, verifier, "/options/verifyAgentId", "must be an agent of yours");
}

/* Reads the body, and that the agent it names is one the person may see. False after a reply was set. */
static bool read_change(struct req *r, bool agent_needed, struct config_change *ret)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return false;
    int rc = config_read(&body, r->arena, ret, &err);
    if (!req_fields_ok(r, &wrong))
        return false;
    if (rc != 0) {
        reply_error(r, &err);
        return false;
    }
    return check_agents(r, agent_needed, ret);
}

static struct config_write new_write(struct req *r, const struct config_change *change, const struct backup_config *old)
{
    return (struct config_write){
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
        .change = change,
        .old = old,
        .now_ms = r->now_ms,
    };
}

void backup_config_create(struct req *r)
{
    struct config_change change;
    struct err err = {0};
    if (!read_change(r, true, &change))
        return;
    struct config_write write = new_write(r, &change, NULL);
    if (db_write(r->app->writer, config_create, &write, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    reply_config(r, 201, write.id);
}

void backup_config_change(struct req *r)
{
    struct config_change change;
    struct backup_config old;
    struct err err = {0};
    if (!read_change(r, false, &change))
        return;
    if (config_get(r->db, r->params[0], run_viewer(r), r->arena, &old, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    struct config_write write = new_write(r, &change, &old);
    if (db_write(r->app->writer, config_update, &write, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    reply_config(r, 200, old.id);
}

void backup_config_delete(struct req *r)
{
    struct backup_config old;
    struct err err = {0};
    if (config_get(r->db, r->params[0], run_viewer(r), r->arena, &old, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    struct config_write write = new_write(r, NULL, &old);
    if (db_write(r->app->writer, config_delete, &write, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

void backup_config_run(struct req *r)
{
    struct backup_config config;
    struct err err = {0};
    if (config_get(r->db, r->params[0], run_viewer(r), r->arena, &config, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    struct config_run run = {.write = new_write(r, NULL, &config),
                             .created_by = arena_printf(r->arena, "user:%s", r->principal.id)};
    if (db_write(r->app->writer, config_run, &run, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    fleet_agent_wake(r->app, config.runner_id);
    reply_json(r, 200, json_pack("{s:b, s:s, s:s}", "success", 1, "runId", run.run_id, "commandId", run.command_id));
}
