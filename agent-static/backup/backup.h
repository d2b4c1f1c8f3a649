/* backup.h: the backup area's face for those who start backups; restore.h is that of the way back. Each is a process of
 * its own.
 *
 * The poller starts backups as children (`muster-agent backup --config-id ID --command-id ID`), so that its own memory
 * stays small and nothing a hostile tree does to the walk can stop the polling. */
#ifndef MUSTER_AGENT_BACKUP_BACKUP_H
#define MUSTER_AGENT_BACKUP_BACKUP_H

#include "agent.h"

enum backup_outcome { BACKUP_COMPLETED, BACKUP_WARNING, BACKUP_FAILED, BACKUP_CANCELLED };

struct backup_options {
    const char *config_id; /* or config_name */
    const char *config_name;
    const char *command_id; /* NULL: not asked for by the server */
    bool full;              /* also where the config and the list of files would let it be an incremental one */
    bool progress;          /* a line on standard error every second, and one at the end on standard output */
    bool json;              /* the outcome as JSON on standard output */
};

/* Fetches the config, checks it against agent.conf (consent.h), runs it, tells the server and the event log how it
 * ended, and prints that for people (progress) or programs (json). Returns 0 when there is an outcome, also
 * BACKUP_FAILED and BACKUP_CANCELLED; err->msg then says why. Otherwise there was no run: ERR_CONFLICT when one of this
 * config runs already; ERR_DENIED when this host refuses what the config asks of it (told as an event
 * "backup_refused"). With a command_id the command's result is an event in either case, but not when that very command
 * is what runs already. */
int backup_run(struct agent *agent, const struct backup_options *options, enum backup_outcome *ret,
               struct err *err) MUSTER_NODISCARD;

/* "completed", "warning", "failed", "cancelled" */
const char *backup_outcome_name(enum backup_outcome outcome);

/* Runs that a killed backup process left behind: each is reported to the server as failed and its file removed. Called
 * at start and after a backup child ended. Runs that are alive are left alone. */
int backup_reap(struct agent *agent, struct err *err) MUSTER_NODISCARD;

#endif
