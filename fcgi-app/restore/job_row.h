/* job_row.h: jobs as people see them. Private to restore/. */
#ifndef MUSTER_RESTORE_JOB_ROW_H
#define MUSTER_RESTORE_JOB_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"
#include "http/list.h"

bool job_status_known(const char *status);

/* viewer NULL: an admin. ERR_NOT_FOUND also for what the viewer may not see. The caller json_decref()s. */
int job_row_get(struct db *db, const char *id, const char *viewer, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* What is NULL does not matter. */
struct job_filter {
    const char *config_id;
    const char *run_id;
    const char *status;
    const char *kind;
    const char *viewer;
    struct list_ask ask;
};
int job_row_count(struct db *db, const struct job_filter *filter, int64_t *ret, struct err *err) MUSTER_NODISCARD;
int job_row_list(struct db *db, const struct job_filter *filter, struct list_out *out,
                 struct err *err) MUSTER_NODISCARD;

#endif
