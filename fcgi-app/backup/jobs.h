/* jobs.h: restores and proofs that the server asks an agent for. Private to backup/.
 *
 * A job is made queued by job_create, which any closure may do, and handed out as a command by jobs_tick, or at once by
 * jobs_hand_out: only then is the store asked whether everything is online, which a closure must not wait for. While
 * something must be brought back from an archive the job is `thawing`. It ends once: by what the agent reports, by what
 * became of the command, by a person's cancel, or as lost when the agent falls silent. An ended job does not change. */
#ifndef MUSTER_BACKUP_JOBS_H
#define MUSTER_BACKUP_JOBS_H

#include <jansson.h>
#include <stdint.h>

#include "common/err.h"
#include "common/uuid.h"
#include "db/db.h"

struct job_new {
    const char *kind; /* "restore", "verify" */
    const char *run_id;
    const char *config_id;  /* NULL: deleted */
    const char *agent_id;   /* who does it; that it may read the run is the caller's to see to */
    const char *user_id;    /* the run's owner */
    const json_t *request;  /* what the agent is told beside jobId and logId; NULL: no more */
    const char *created_by; /* "user:<id>", "cli:<uid>", "system" */
    int64_t now_ms;
};

/* Inside a write closure. The job is handed out within about ten seconds; nobody needs to be woken. ERR_CONFLICT when
 * the agent has yet to do a proof of the same run; ERR_NOT_FOUND when agent, run or owner are gone. */
int job_create(struct db *db, const struct job_new *job, char ret_id[UUID_SIZE], struct err *err) MUSTER_NODISCARD;

#endif
