/* backup.h: the one face of all that backups are: backup/ (configs and runs), store/ (where their objects lie),
 * schedule/ (what is due), retention/ (what is kept) and restore/ (restores, proofs, what is inside).
 *
 * A config says what an agent backs up and how. A run is one backup of a config: started, fed with parts through
 * pre-signed URLs, then ended in one of four ways and never changed again. The object store behind the URLs is
 * store.h. Handlers stand in routes.c, commands in main.c. */
#ifndef MUSTER_BACKUP_BACKUP_H
#define MUSTER_BACKUP_BACKUP_H

#include "command.h"
#include "http/request.h"

struct app;

/* What has become due: runs silent for longer than MUSTER_RUN_TIMEOUT end as lost, volumes of long runs are made,
 * uploads of ended runs and bodies that nginx left behind are removed. Called about every ten seconds on a thread of
 * its own; logs its own failures. Opens a read connection for the time. Blocks on the store, for seconds. */
struct backup_upkeep {
    int64_t uploads_next_ms; /* monotonic; start with 0 */
};
void backup_tick(struct app *app, struct backup_upkeep *upkeep);

/* What retention has to do, about every ten seconds as well: chains that no rule wants are given up, their objects
 * removed, and once an hour it is noted how much is stored. Logs its own failures. Blocks on the store, for seconds. */
struct backup_retention_schedule {
    int64_t measure_next_ms; /* start with zeros */
    int64_t purge_after_ms;  /* the run that was tried last, so that one that cannot be removed keeps no other back */
    char purge_after_id[40];
};
void backup_retention_tick(struct app *app, struct backup_retention_schedule *schedule);

/* Until when nothing is deleted for its age, because the clock has jumped or the server was away; 0: nothing is in the
 * way. */
int backup_retention_hold(struct db *db, int64_t *ret_until_ms, struct err *err) MUSTER_NODISCARD;

/* The scheduler: configs that are due get a run, runs are handed out to agents that are there, and what is late is
 * said. Every second, from a thread of its own; logs its own failures. Several processes may do so. Blocks on the disk.
 */
struct backup_schedule { /* start with zeros */
    struct db *db;
    int64_t waiting_ms, watch_ms, retry_ms; /* monotonic */
    char watched[40];                       /* the last config that was looked at */
};
void backup_schedule_tick(struct app *app, struct backup_schedule *schedule);
void backup_schedule_end(struct backup_schedule *schedule);

/* Configs, as people see them. */
void backup_config_list(struct req *r);
void backup_config_create(struct req *r);
void backup_config_get(struct req *r);
void backup_config_change(struct req *r);
void backup_config_delete(struct req *r);
void backup_config_run(struct req *r);

/* Runs, as people see them. */
void backup_run_list(struct req *r);
void backup_run_get(struct req *r);
void backup_run_cancel(struct req *r);
void backup_agent_runs(struct req *r);
void backup_run_files(struct req *r);

/* Restores and proofs, as people ask for them and see them. */
void backup_run_restore(struct req *r);
void backup_run_verify(struct req *r);
void backup_job_list(struct req *r);
void backup_job_get(struct req *r);
void backup_job_cancel(struct req *r);

/* What is kept, and how much that is. */
enum { BACKUP_HISTORY_DAYS = 90 };
void backup_chain_list(struct req *r);
void backup_chain_delete(struct req *r);
void backup_retention_preview(struct req *r);
void backup_run_pin(struct req *r);
void backup_run_unpin(struct req *r);
void backup_storage(struct req *r);

/* What agents call. */
void backup_agent_configs(struct req *r);
void backup_start(struct req *r);
void backup_part(struct req *r);
void backup_progress(struct req *r);
void backup_complete(struct req *r);
void backup_restore(struct req *r);
void backup_verified(struct req *r);
void backup_job_report(struct req *r);
void backup_agent_backups(struct req *r);

/* The local object store; nginx calls these around the bodies it reads and sends itself. */
void backup_object_get(struct req *r);
void backup_object_put(struct req *r);

/* Commands. */
extern const struct cli_option backup_config_add_options[]; /* of "change", too */
extern const char backup_config_add_details[];
extern const char backup_config_change_details[];
extern const struct cli_option backup_config_run_options[];
int backup_command_config_add(const struct cli_args *args, void *ctx);
int backup_command_config_change(const struct cli_args *args, void *ctx);
int backup_command_config_remove(const struct cli_args *args, void *ctx);
int backup_command_config_list(const struct cli_args *args, void *ctx);
int backup_command_config_run(const struct cli_args *args, void *ctx);
extern const struct cli_option backup_runs_options[];
extern const struct cli_option backup_files_options[];
extern const struct cli_option backup_restore_options[];
extern const struct cli_option backup_verify_options[];
int backup_command_runs(const struct cli_args *args, void *ctx);
int backup_command_files(const struct cli_args *args, void *ctx);
int backup_command_restore(const struct cli_args *args, void *ctx);
int backup_command_verify(const struct cli_args *args, void *ctx);
int backup_command_jobs(const struct cli_args *args, void *ctx);
extern const struct cli_option backup_retention_options[];
extern const struct cli_option backup_delete_chain_options[];
int backup_command_retention(const struct cli_args *args, void *ctx);
int backup_command_pin(const struct cli_args *args, void *ctx);
int backup_command_unpin(const struct cli_args *args, void *ctx);
int backup_command_delete_chain(const struct cli_args *args, void *ctx);

#endif
