/* What an agent reads: its configs and its backups. */
#include "app.h"
#include "backup/backup.h"
#include "backup/config.h"
#include "http/problem.h"
#include "http/request.h"
#include "restore/restorable.h"

enum { CONFIGS_MAX = 1000, BACKUPS_MAX = 200 };

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

static json_t *backup_json(const struct db_rows *rows)
{
    return json_pack("{s:s, s:s?, s:s, s:s, s:I, s:s?, s:s, s:I, s:s, s:I, s:b}", "logId", db_rows_text(rows, 0),
                     "configId", db_rows_text(rows, 1), "configName", db_rows_text(rows, 2), "filename",
                     db_rows_text(rows, 4), "size", (json_int_t)db_rows_int(rows, 5, 0), "sha256",
                     db_rows_text(rows, 6), "status", db_rows_text(rows, 7), "finished_ms",
                     (json_int_t)db_rows_int(rows, 8, 0), "type", db_rows_text(rows, 9), "chainSeq",
                     (json_int_t)db_rows_int(rows, 11, 0), "encrypted", db_rows_int(rows, 12, 0) != 0);
}

void backup_agent_backups(struct req *r)
{
    struct restorable_wanted wanted = {.agent_id = r->principal.id, .config_id = req_query(r, "configId")};
    int64_t limit = 0;
    struct db_rows rows;
    struct err err = {0};
    if (!req_query_int(r, "limit", 1, BACKUPS_MAX, 50, &limit))
        return;
    json_t *items = json_array();
    int rc = restorable_query(r->db, &wanted, limit, r->arena, &rows, &err);
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
