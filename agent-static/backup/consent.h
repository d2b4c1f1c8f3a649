/* consent.h: whether this host wants what a configuration asks of it: its own agent.conf has the last word.
 *
 * - Sources must lie inside BACKUP_ROOTS. One that is not there is a warning.
 * - With AGE_RECIPIENTS set all is encrypted: to those of them that the configuration names, or to all. A recipient
 * that is not among them is refused, and so is encryption without them.
 * - Hooks must be in the file that HOOKS names.
 * - The smaller of the two limits on the rate counts. */
#ifndef MUSTER_AGENT_BACKUP_CONSENT_H
#define MUSTER_AGENT_BACKUP_CONSENT_H

#include "agent.h"
#include "backup/hooks.h"
#include "backup/pipeline.h"
#include "backup/remote.h"
#include "backup/report.h"
#include "common/arena.h"

struct consent {                     /* in the arena */
    struct pipeline_source *sources; /* none inside another; sorted, a directory before what is in it */
    size_t source_count;
    const char **recipients; /* none: not encrypted */
    size_t recipient_count;
    struct hook pre, post; /* name NULL: none */
    int64_t rate_bytes;    /* a second; 0: as fast as it goes */
};

/* ERR_DENIED with the reason: the host refuses. Also on failure *ret is to be closed. */
int consent_ask(const struct agent *agent, const struct remote_config *config, struct arena *arena,
                struct report *report, struct consent *ret, struct err *err) MUSTER_NODISCARD;

/* Closes the sources. */
void consent_close(struct consent *c);

#endif
