/* jobs.h: the agent's children: `muster-agent backup …`, `restore`, `verify` and `update …`, each a process of its own.
 *
 * Started by fork and exec of our own program, never through a shell. A child dies with its parent. */
#ifndef MUSTER_AGENT_POLL_JOBS_H
#define MUSTER_AGENT_POLL_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"
#include "poll/ledger.h"

/* Backups, and one each of the other kinds. */
enum { JOBS_BACKUPS_MAX = 2, JOBS_MAX = JOBS_BACKUPS_MAX + 4 };

enum job_kind {
    JOB_BACKUP,
    JOB_READ_BACK,   /* `restore --job`, `verify --job` */
    JOB_REAP,        /* `backup --reap` */
    JOB_UPDATE,      /* `update check`, `update stage` */
    JOB_K8S_ROLLOUT, /* `update k8s-rollout` */
};

/* Exit codes of `muster-agent backup` that say it has told the server and the event log itself how it ended. */
enum { JOB_EXIT_COMPLETED = 0, JOB_EXIT_FAILED = 1, JOB_EXIT_WARNING = 3, JOB_EXIT_CANCELLED = 5 };

/* More of `restore --job` and `verify --job`, which tell the server, but not the event log. */
enum { JOB_EXIT_REFUSED = 4, JOB_EXIT_UNTOLD = 6 };

struct job {
    pid_t pid; /* 0: a free place */
    enum job_kind kind;
    char command_id[LEDGER_ID_SIZE];
    char config_id[LEDGER_ID_SIZE]; /* of a backup; of JOB_READ_BACK the job's id */
};

struct jobs {
    struct job list[JOBS_MAX];
};

/* Whether a backup of this config could be started now: none of it runs, and there is a free place. */
bool jobs_can_start(const struct jobs *jobs, const char *config_id);

/* config_path NULL: none. */
int jobs_start_backup(struct jobs *jobs, const char *config_path, const char *config_id, const char *command_id,
                      struct err *err) MUSTER_NODISCARD;

/* `restore --job JOB_ID` or `verify --job JOB_ID`. ERR_CONFLICT while another one runs. */
int jobs_start_read_back(struct jobs *jobs, const char *config_path, bool verify, const char *job_id,
                         const char *command_id, struct err *err) MUSTER_NODISCARD;

/* Has `muster-agent backup --reap` report what killed backups left behind. Does nothing when one is at it. */
int jobs_start_reap(struct jobs *jobs, const char *config_path, struct err *err) MUSTER_NODISCARD;

/* `update stage VERSION`, or, version NULL, `update check`. ERR_CONFLICT while another one runs. */
int jobs_start_update(struct jobs *jobs, const char *config_path, const char *version, bool downgrade,
                      struct err *err) MUSTER_NODISCARD;

/* `update k8s-rollout`, which keeps its progress in the file. ERR_CONFLICT while another one runs. */
int jobs_start_k8s_rollout(struct jobs *jobs, const char *config_path, const char *command_id, const char *version,
                           const char *state_path, struct err *err) MUSTER_NODISCARD;

/* Whether a child of the kind runs. */
bool jobs_run(const struct jobs *jobs, enum job_kind kind);

/* The next child that has ended, with its wait status; its place is free again. False when there is none. */
bool jobs_collect(struct jobs *jobs, struct job *ret, int *ret_status);

size_t jobs_running(const struct jobs *jobs);
void jobs_signal(const struct jobs *jobs, int signal);
void jobs_signal_kind(const struct jobs *jobs, enum job_kind kind, int signal);

#endif
