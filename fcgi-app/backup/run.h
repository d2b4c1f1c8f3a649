/* run.h: a run as people see it. Private to backup/. */
#ifndef MUSTER_BACKUP_RUN_H
#define MUSTER_BACKUP_RUN_H

#include <jansson.h>

#include "db/db.h"
#include "http/request.h"

/* Whose eyes a statement looks through: NULL for admins, who see all. */
const char *run_viewer(const struct req *r);

/* The current row of one of the statements that select a run. NULL: out of memory. */
json_t *run_row_json(const struct db_rows *rows);

/* The newest run of a config; *ret is JSON null when there is none. The caller json_decref()s. */
int run_last_json(struct db *db, const char *config_id, json_t **ret, struct err *err) MUSTER_NODISCARD;

#endif
