/* job_ask.h: a person, or the command line, wants a run restored or verified: what they say, and who may be asked.
 * Private to restore/. */
#ifndef MUSTER_RESTORE_JOB_ASK_H
#define MUSTER_RESTORE_JOB_ASK_H

#include <jansson.h>

#include "auth/audit.h"
#include "common/arena.h"
#include "common/jsonread.h"
#include "restore/jobs.h"

/* What a restore is to do, as the agent gets it: {"target"|"original", "paths", "patterns", "policy", "dryRun"}. Paths
 * lose slashes at their ends and \ooo (pathtext.h). What the host allows is its own to decide. NULL after something was
 * wrong (in the reader's error) or memory was out; the caller json_decref()s. */
json_t *job_restore_read(struct jsonread *body, struct arena *arena);

/* Fills in job's run, config and owner, and the agent: `wanted`, or when that is NULL the one that would be asked by
 * itself: for a proof the config's verifyAgentId, else the agent the config is assigned to, else the one that made the
 * run. viewer NULL: an admin. ERR_NOT_FOUND: no such run that the viewer sees; ERR_CONFLICT: it cannot be read back, or
 * there is nobody to ask; ERR_DENIED: that agent may not read it. job->kind is set before. */
int job_ask_plan(struct db *db, const char *run_id, const char *viewer, const char *wanted, struct arena *arena,
                 struct job_new *job, struct err *err) MUSTER_NODISCARD;

/* A closure for db_write whose ctx is a struct job_ask: makes the job, audited in the same transaction. */
struct job_ask {
    struct job_new job;
    const struct audit_key *audit_key;
    struct audit_entry audit; /* action, target and detail are filled in here */
    char id[UUID_SIZE];
};
int job_ask_write(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
