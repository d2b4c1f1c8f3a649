/* jobfile.h: STATE_DIR/jobs/<job id>.json: what the server asks to be restored or verified, as the command said it, for
 * the child that does it. The server is not trusted: everything is checked here, and what may be written by
 * RESTORE_ROOTS.
 */
#ifndef MUSTER_AGENT_RESTORE_JOBFILE_H
#define MUSTER_AGENT_RESTORE_JOBFILE_H

#include "restore/restore.h"

enum { JOBFILE_MEMORY = 1024 * 1024 };

/* Writes it, durably, 0600. job_id is an id (remote_id_valid). */
int jobfile_write(const struct agent *agent, const char *job_id, const json_t *args, struct err *err) MUSTER_NODISCARD;
void jobfile_remove(const struct agent *agent, const char *job_id);

/* Removes all of them: at start there is no child that would read one. */
void jobfile_sweep(const struct agent *agent);

/* Reads it back as options; texts live in the arena. ERR_INVALID: it does not say what is to be done. */
int jobfile_read(const struct agent *agent, const char *job_id, struct arena *arena, struct restore_options *ret,
                 struct err *err) MUSTER_NODISCARD;

/* The same from the command's args, for tests. */
int jobfile_parse(const json_t *args, struct arena *arena, struct restore_options *ret,
                  struct err *err) MUSTER_NODISCARD;

#endif
