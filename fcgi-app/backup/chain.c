#include "backup/chain.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

void chain_read_options(const char *options, struct chain_ask *ask)
{
    json_t *json = json_loads(options, 0, NULL);
    const char *type = json_string_value(json_object_get(json, "type"));
    const json_t *every = json_object_get(json, "fullEvery");
    ask->incremental = type != NULL && strcmp(type, "incremental") == 0;
    ask->full_every = json_is_integer(every) ? json_integer_value(every) : CHAIN_FULL_EVERY_DEFAULT;
    json_decref(json);
}

/* NULL: nothing speaks against an incremental run. */
static const char *why_full(const struct chain_ask *ask, const struct chain_newest *newest)
{
    if (!ask->multipart)
        return "The agent sends its backups in one piece.";
    if (!newest->found)
        return "No earlier backup of this config by this agent is kept.";
    if (ask->base == NULL)
        return "The agent has no list of what it backed up last.";
    if (strcmp(ask->base, newest->id) != 0)
        return "The agent's list is not of the newest backup that is kept.";
    if (newest->kept != newest->seq + 1)
        return "A backup of the chain is not there any more.";
    if (newest->broken > 0)
        return "A backup of the chain could not be read back.";
    if (!newest->indexed)
        return "The last backup has no index.";
    if (ask->encrypted != newest->encrypted)
        return ask->encrypted ? "The chain is not encrypted, and backups are now."
                              : "The chain is encrypted, and backups are not any more.";
    if (ask->full_every > 0 && newest->seq + 1 > ask->full_every)
        return "The chain has as many incremental backups as the config allows.";
    return NULL;
}

void chain_decide(const struct chain_ask *ask, const struct chain_newest *newest, struct chain_choice *ret)
{
    *ret = (struct chain_choice){.reason = ""};
    if (!ask->incremental)
        return;
    const char *why = why_full(ask, newest);
    if (why != NULL) {
        ret->reason = why;
        return;
    }
    ret->incremental = true;
    ret->seq = newest->seq + 1;
    memcpy(ret->chain_id, newest->chain_id, sizeof ret->chain_id);
    memcpy(ret->base_id, newest->id, sizeof ret->base_id);
}

int chain_newest_find(struct db *db, const char *config_id, const char *agent_id, struct chain_newest *ret,
                      struct err *err)
{
    struct db_rows rows;
    struct chain_newest newest = {0};
    int rc = db_query_one(db, DB_BACKUP_RUN_CHAIN,
                          DB_ARGS(DB_TEXT("config_id", config_id), DB_TEXT("agent_id", agent_id)), &rows, err);
    if (rc < 0)
        return rc;
    if (rc == DB_ROW) {
        newest.found = true;
        (void)snprintf(newest.id, sizeof newest.id, "%s", db_rows_text(&rows, 0));
        (void)snprintf(newest.chain_id, sizeof newest.chain_id, "%s", db_rows_text(&rows, 1));
        newest.seq = db_rows_int(&rows, 2, 0);
        newest.encrypted = db_rows_int(&rows, 3, 0) != 0;
        newest.indexed = db_rows_int(&rows, 4, 0) > 0;
        newest.kept = db_rows_int(&rows, 5, 0);
        newest.broken = db_rows_int(&rows, 6, 0);
        db_rows_done(&rows);
    }
    *ret = newest;
    return 0;
}
