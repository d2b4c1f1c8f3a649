/* jobs.h: restores and proofs that the server asks an agent for. Private to restore/.
 *
 * A job is made queued by job_create, which any closure may do, and handed out as a command by jobs_tick, or at once by
 * jobs_hand_out: only then is the store asked whether everything is online, which a closure must not wait for. While
 * something must be brought back from an archive the job is `thawing`. It ends once: by what the agent reports, by what
 * became of the command, by a person's cancel, or as lost when the agent falls silent. An ended job does not change. */
#ifndef MUSTER_RESTORE_JOBS_H
#define MUSTER_RESTORE_JOBS_H

#include <jansson.h>
#include <stdint.h>

#include "common/err.h"
#include "common/uuid.h"
#include "db/db.h"

struct app;

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

/* Hands a waiting job out to its agent, or has what it needs brought back first; one whose run can no longer be read
 * ends as failed. Does nothing for another. Blocks on the store; wakes the agent. */
int jobs_hand_out(struct app *app, struct db *db, const char *id, struct err *err) MUSTER_NODISCARD;

/* What has become due: ends jobs whose command was answered otherwise or whose agent fell silent, forgets those that
 * ended 90 days ago, hands out those that wait. Part of backup_tick. */
int jobs_tick(struct app *app, struct db *db, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

struct job_end {
    const char *id;
    const char *status;
    const char *detail;
    int64_t now_ms;
    int64_t silent_since_ms; /* only when it was not heard of since; 0: whenever */
};

/* Inside a write closure: ends a job without the agent's word, and takes its command back. ERR_CONFLICT when it has
 * ended. */
int job_end(struct db *db, const struct job_end *end, struct err *err) MUSTER_NODISCARD;

/* Part of each end: a proof that came to nothing is an alert, since nobody watches the scheduled ones. */
int job_end_alert(struct db *db, const struct job_end *end, struct err *err) MUSTER_NODISCARD;

#endif
