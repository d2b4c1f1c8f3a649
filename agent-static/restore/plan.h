/* plan.h: what a restore would do, entry by entry, without doing it. */
#ifndef MUSTER_AGENT_RESTORE_PLAN_H
#define MUSTER_AGENT_RESTORE_PLAN_H

#include "restore/session.h"
#include "restore/staging.h"

/* Prints a line per entry (json: an object) on standard output: would it be written, replace what is there, or what is
 * there be kept; counts has how many of each. From the index, or, where there is none, the archive itself. */
int plan_restore(struct session *session, const struct staging *staging, const struct restore_options *options,
                 struct overlay *counts, struct err *err) MUSTER_NODISCARD;

/* Prints what is inside. */
int plan_list(struct session *session, const struct restore_options *options, struct err *err) MUSTER_NODISCARD;

#endif
