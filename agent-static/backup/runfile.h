/* runfile.h: STATE_DIR/run/<config id>: one backup of a configuration at a time, and a trace of those that were killed.
 *
 * The file is locked (flock) as long as its process lives, and holds what is needed to report the run's end should
 * that process not live to do so. Nobody removes a file but the holder of its lock. */
#ifndef MUSTER_AGENT_BACKUP_RUNFILE_H
#define MUSTER_AGENT_BACKUP_RUNFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent.h"
#include "backup/remote.h"

struct runfile_content {
    char config_id[REMOTE_ID_SIZE];
    char config_name[201];
    char log_id[REMOTE_ID_SIZE];     /* "": the server has not been told of the run */
    char command_id[REMOTE_ID_SIZE]; /* "": none */
    int64_t started_ms;
};

struct runfile;

/* Takes the lock of this configuration. ERR_CONFLICT when another process has it; *ret_other (may be NULL) is then what
 * its file says, as far as it can be read. ERR_INVALID for an id that can be no file's name. */
int runfile_take(const struct agent *agent, const char *config_id, struct runfile **ret,
                 struct runfile_content *ret_other, struct err *err) MUSTER_NODISCARD;

/* What the file says; false when it says nothing readable. */
bool runfile_read(const struct runfile *r, struct runfile_content *ret);

/* Durably puts content into the file. */
int runfile_write(struct runfile *r, const struct runfile_content *content, struct err *err) MUSTER_NODISCARD;

/* Removes the file, durably, and gives the lock back. Frees r in any case. */
int runfile_remove(struct runfile *r, struct err *err) MUSTER_NODISCARD;

/* Gives the lock back and leaves the file. NULL does nothing. */
void runfile_release(struct runfile *r);

/* The ids of all files that are there, locked or not: calls each(ctx, id) until it returns non-zero, which is returned.
 */
int runfile_each(const struct agent *agent, int (*each)(void *ctx, const char *config_id, struct err *err), void *ctx,
                 struct err *err) MUSTER_NODISCARD;

#endif
