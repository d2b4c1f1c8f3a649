/* run.h: a run as people see it. Private to backup/. */
#ifndef MUSTER_BACKUP_RUN_H
#define MUSTER_BACKUP_RUN_H

#include <jansson.h>

#include "db/db.h"
#include "http/request.h"

/* Whose eyes a statement looks through: NULL for admins, who see all. */
const char *run_viewer(const struct req *r);

/* The current row of a statement that selects * from backup_runs_shown. NULL: out of memory. */
json_t *run_row_json(const struct db_rows *rows);

/* How far a run under way is. Each is -1 when it cannot be told. */
struct run_pace {
    int64_t percent;          /* 0 to 99 while it runs */
    int64_t bytes_per_second; /* read, on average */
    int64_t eta_s;
};

/* What run_pace_of goes by; counts that are not known are -1. */
struct run_state {
    const char *status;
    bool incremental;
    int64_t files;
    int64_t bytes_read;
    int64_t total_files;
    int64_t total_bytes;
    int64_t elapsed_ms; /* up to its last sign of life, or its end */
};

/* No I/O. */
struct run_pace run_pace_of(const struct run_state *state);

/* Replies {"run": …}, or 404 when the person may not see it. */
void run_reply(struct req *r, const char *id);

/* The newest run of a config; *ret is JSON null when there is none. The caller json_decref()s. */
int run_last_json(struct db *db, const char *config_id, json_t **ret, struct err *err) MUSTER_NODISCARD;

#endif
