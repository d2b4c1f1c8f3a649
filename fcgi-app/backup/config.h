/* config.h: a backup config as a value: read from JSON, stored, shown. Private to backup/. */
#ifndef MUSTER_BACKUP_CONFIG_H
#define MUSTER_BACKUP_CONFIG_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/audit.h"
#include "common/arena.h"
#include "common/jsonread.h"
#include "common/uuid.h"
#include "db/db.h"

struct app;

/* A row of backup_configs. */
struct backup_config {
    const char *id;
    const char *user_id;
    const char *agent_id;       /* NULL: assigned to none, or made by the server's own host */
    const char *execution_mode; /* "agent", "server" */
    const char *name;
    const char *sources; /* JSON list of {"path"} */
    const char *options; /* JSON object, as it was stored: config_options_complete */
    int64_t rev;
    int64_t created_ms;
    int64_t updated_ms;
    int64_t due_ms;        /* of the next run by the schedule; -1: none */
    int64_t verify_due_ms; /* of the next proof; -1: none */
    int64_t late_since_ms; /* the success that it is late against; -1: it is not late */
    const char *runner_id; /* who makes it: agent_id, or the server's own agent; NULL: nobody */
};

/* The current row of one of the statements that select a config. False: out of memory. */
bool config_row(const struct db_rows *rows, struct arena *arena, struct backup_config *ret);

/* viewer NULL: an admin. ERR_NOT_FOUND also for what the viewer may not see. */
int config_get(struct db *db, const char *id, const char *viewer, struct arena *arena, struct backup_config *ret,
               struct err *err) MUSTER_NODISCARD;

/* By id or by name, for the command line. ERR_NOT_FOUND; ERR_CONFLICT when several have the name. */
int config_resolve(struct db *db, const char *key, char ret[UUID_SIZE], struct err *err) MUSTER_NODISCARD;

/* All configs that an agent makes, at most max. */
int config_list_of_agent(struct db *db, const char *agent_id, size_t max, struct arena *arena,
                         struct backup_config **ret, size_t *ret_count, struct err *err) MUSTER_NODISCARD;

/* The shape agents and people share; the caller json_decref()s. NULL: out of memory. */
json_t *config_json(const struct app *app, const struct backup_config *config);

/* Adds nextRun_ms, late and lastGood_ms to what config_json gave, for people. */
int config_times_json(struct db *db, const struct backup_config *config, json_t *json,
                      struct err *err) MUSTER_NODISCARD;

/* What people may say of a config. Strings live in the arena. */
struct config_change {
    const char *name;
    const char *agent_id;       /* NULL: none */
    const char *execution_mode; /* "server": by the agent that MUSTER_SERVER_AGENT names; then agent_id is NULL */
    const char *sources;
    const char *options;
};

/* Reads and checks the fields; what is wrong stands in the reader's error. Defaults are filled in, so that the options
 * that are stored are complete. */
int config_read(struct jsonread *r, struct arena *arena, struct config_change *ret, struct err *err) MUSTER_NODISCARD;

/* Who would make it; NULL: nobody. ret lives in the arena. */
int config_change_runner(struct db *db, const struct config_change *change, struct arena *arena, const char **ret,
                         struct err *err) MUSTER_NODISCARD;

/* The writes: closures for db_write (db/writer.h) whose ctx is a struct config_write, audited in the same transaction.
 */
struct config_write {
    const struct audit_key *audit_key;
    struct audit_entry audit; /* action and target are filled in here */
    const struct config_change *change;
    const struct backup_config *old; /* change, delete */
    char id[40];                     /* of the new one */
    int64_t now_ms;
};
int config_create(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;
int config_update(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;
int config_delete(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

/* "Run now": queues the run and the command for the config's agent; ERR_CONFLICT when one is queued or under way. ctx
 * is a struct config_run. Wake the agent (fleet_agent_wake) after the write. */
struct config_run {
    struct config_write write;
    const char *created_by;
    char run_id[40];
    char command_id[40];
};
int config_run(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
