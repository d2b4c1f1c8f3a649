/* What an agent reads: its configs, its backups, and the link to one of them. */
#include "app.h"
#include "backup/backup.h"
#include "backup/config.h"
#include "backup/store.h"
#include "common/clock.h"
#include "common/uuid.h"
#include "http/problem.h"
#include "http/request.h"

enum { CONFIGS_MAX = 1000, BACKUPS_MAX = 200, GET_EXPIRES_S = 3600, CONFIG_NAME_BYTES = 120 };

/* The revision is read before the configs: a change in between is fetched once more, not missed. */
static int configs_rev(struct req *r, int64_t *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_BACKUP_AGENT_FACTS, DB_ARGS(DB_TEXT("id", r->principal.id)), &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_NOT_FOUND, "There is no such agent.") : rc;
    *ret = db_rows_int(&rows, 2, 0);
    db_rows_done(&rows);
    return 0;
}

void backup_agent_configs(struct req *r)
{
    struct backup_config *configs = NULL;
    size_t count = 0;
    int64_t rev = 0;
    struct err err = {0};
    int rc = configs_rev(r, &rev, &err);
    if (rc == 0)
        rc = config_list_of_agent(r->db, r->principal.id, CONFIGS_MAX, r->arena, &configs, &count, &err);
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    json_t *list = json_array();
    bool ok = true;
    for (size_t i = 0; i < count; i++)
        ok = json_array_append_new(list, config_json(r->app, &configs[i])) == 0 && ok;
    if (!ok) {
        json_decref(list);
        list = NULL;
    }
    reply_json(r, 200,
               list == NULL
                   ? NULL
                   : json_pack("{s:b, s:o, s:I}", "success", 1, "configs", list, "configsRev", (json_int_t)rev));
}

/* --- backups --------------------------------------------------------------------------------------------------------
 */

struct wanted {
    const char *run_id;
    const char *config_id;
    const char *config_name;
    int64_t limit;
};

static int query_backups(struct req *r, const struct wanted *w, struct db_rows *rows, struct err *err)
{
    return db_query(r->db, DB_BACKUP_RESTORABLE,
                    DB_ARGS(DB_TEXT("agent_id", r->principal.id), DB_TEXT("run_id", w->run_id),
                            DB_TEXT("config_id", w->config_id), DB_TEXT("config_name", w->config_name),
                            DB_INT("limit", w->limit)),
                    rows, err);
}

static json_t *backup_json(const struct db_rows *rows)
{
    return json_pack("{s:s, s:s?, s:s, s:s, s:I, s:s?, s:s, s:I}", "logId", db_rows_text(rows, 0), "configId",
                     db_rows_text(rows, 1), "configName", db_rows_text(rows, 2), "filename", db_rows_text(rows, 3),
                     "size", (json_int_t)db_rows_int(rows, 4, 0), "sha256", db_rows_text(rows, 5), "status",
                     db_rows_text(rows, 6), "finished_ms", (json_int_t)db_rows_int(rows, 7, 0));
}

void backup_agent_backups(struct req *r)
{
    struct wanted wanted = {.config_id = req_query(r, "configId")};
    struct db_rows rows;
    struct err err = {0};
    if (!req_query_int(r, "limit", 1, BACKUPS_MAX, 50, &wanted.limit))
        return;
    json_t *items = json_array();
    int rc = query_backups(r, &wanted, &rows, &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW)
        rc = json_array_append_new(items, backup_json(&rows)) == 0 ? 0
                                                                   : err_set(&err, ERR_NOMEM, "no memory for backups");
    db_rows_done(&rows);
    if (rc != 0) {
        json_decref(items);
        reply_error(r, &err);
        return;
    }
    reply_json(r, 200, json_pack("{s:b, s:o}", "success", 1, "items", items));
}

/* The newest backup that fits, and where its object is. */
static int find_backup(struct req *r, const struct wanted *wanted, json_t **ret, const char **ret_path, struct err *err)
{
    struct db_rows rows;
    int rc = query_backups(r, wanted, &rows, err);
    if (rc == 0)
        rc = db_rows_next(&rows, err);
    if (rc == DB_DONE)
        rc = err_set(err, ERR_NOT_FOUND, "There is no such backup that this agent may read.");
    if (rc == DB_ROW) {
        json_t *json = backup_json(&rows);
        const char *path = arena_strdup(r->arena, db_rows_text(&rows, 8));
        rc = json == NULL || path == NULL ? err_set(err, ERR_NOMEM, "no memory for a backup") : 0;
        if (rc == 0) {
            *ret = json;
            *ret_path = path;
        } else {
            json_decref(json);
        }
    }
    db_rows_done(&rows);
    return rc;
}

static bool read_wanted(struct req *r, struct wanted *w)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    w->run_id = jsonread_str_or(&body, "logId", 1, UUID_SIZE, NULL);
    w->config_id = jsonread_str_or(&body, "configId", 1, UUID_SIZE, NULL);
    w->config_name = jsonread_str_or(&body, "configName", 1, CONFIG_NAME_BYTES, NULL);
    w->limit = 1;
    return req_fields_ok(r, &wrong);
}

void backup_restore(struct req *r)
{
    struct wanted wanted = {0};
    struct err err = {0};
    json_t *json = NULL;
    const char *path = NULL;
    const char *url = NULL;
    int64_t expires_ms = 0;
    if (!read_wanted(r, &wanted))
        return;
    int rc = find_backup(r, &wanted, &json, &path, &err);
    if (rc == 0) {
        const struct store_url want = {.agent_id = r->principal.id,
                                       .method = "GET",
                                       .path = path,
                                       .now_ms = r->now_ms,
                                       .expires_s = GET_EXPIRES_S};
        rc = store_presign(r->app->store, &want, r->arena, &url, &expires_ms, &err);
    }
    if (rc != 0) {
        json_decref(json);
        reply_error(r, &err);
        return;
    }
    char expires[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(expires_ms, expires);
    (void)json_object_set_new(json, "success", json_true());
    (void)json_object_set_new(json, "url", json_string(url));
    (void)json_object_set_new(json, "expiresAt", json_string(expires));
    reply_json(r, 200, json);
}
