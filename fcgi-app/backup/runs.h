/* runs.h: a run before it begins, and its ends that its agent did not tell. Private to backup/.
 *
 * A run is a row from the moment it is due. Queued or running, it holds the lease of its config: a unique index, so
 * that whoever asks - a schedule, a person, an agent - two runs of one config never overlap. The agent's start takes a
 * queued run over. All functions here run inside a write closure (db/writer.h). */
#ifndef MUSTER_BACKUP_RUNS_H
#define MUSTER_BACKUP_RUNS_H

#include "common/uuid.h"
#include "db/db.h"

struct run_queue {
    const char *config_id;
    const char *agent_id; /* who makes it; NULL: the config's own agent */
    const char *origin;   /* "schedule", "person" or "agent" */
    const char *run_id;   /* NULL: a new one */
    int64_t now_ms;
};

/* ERR_CONFLICT when a run of the config is queued or running; ERR_NOT_FOUND when there is no such config, or it has no
 * agent. */
int run_queue(struct db *db, const struct run_queue *queue, char ret_run_id[UUID_SIZE],
              struct err *err) MUSTER_NODISCARD;

struct run_hand_out {
    const char *run_id;
    const char *config_id;
    const char *agent_id;
    const char *created_by; /* "user:<id>", "cli:<uid>", "schedule" */
    int64_t now_ms;
    int64_t expires_ms; /* 0: in a week */
};

/* Queues the agent's command for a queued run; wake the agent (fleet_agent_wake) after the write. ERR_CONFLICT when it
 * has one, or is not queued any more. */
int run_hand_out(struct db *db, const struct run_hand_out *hand_out, char ret_command_id[UUID_SIZE],
                 struct err *err) MUSTER_NODISCARD;

struct run_end {
    const char *run_id;
    const char *was;    /* "queued" or "running": of another one nothing is changed */
    const char *status; /* "cancelled", "lost" or "failed" */
    const char *why;    /* one sentence */
    int64_t now_ms;
    int64_t silent_since_ms; /* only when it was not heard of since; 0: whenever */
};

/* Ends a run and withdraws its command when that was not answered yet. *ret_ended: whether there was anything to end.
 * What the run has in the store is the caller's to give up, after the write. */
int run_end(struct db *db, const struct run_end *end, bool *ret_ended, struct err *err) MUSTER_NODISCARD;

#endif
