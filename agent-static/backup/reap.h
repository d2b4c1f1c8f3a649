/* reap.h: telling the end of runs whose process did not live to tell it. */
#ifndef MUSTER_AGENT_BACKUP_REAP_H
#define MUSTER_AGENT_BACKUP_REAP_H

#include "backup/runfile.h"
#include "net/api.h"
#include "poll/eventlog.h"

/* Tells the server and the event log that the run of this content failed. The caller holds the lock of its file, and
 * removes or rewrites it afterwards. 0 also when the server knows of an end already. */
int reap_dead(const struct agent *agent, struct eventlog *log, struct api *api, const struct runfile_content *content,
              struct err *err) MUSTER_NODISCARD;

#endif
