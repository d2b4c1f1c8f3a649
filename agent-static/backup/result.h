/* result.h: how the end of a run is told: to the server, to the event log, to the one who waits. */
#ifndef MUSTER_AGENT_BACKUP_RESULT_H
#define MUSTER_AGENT_BACKUP_RESULT_H

#include <jansson.h>
#include <stdbool.h>

#include "agent.h"
#include "backup/backup.h"
#include "backup/pipeline.h"
#include "backup/remote.h"
#include "backup/report.h"
#include "backup/runfile.h"
#include "poll/eventlog.h"

enum { RESULT_RETRY_MS = 15 * 60 * 1000, RESULT_RETRY_CANCELLED_MS = 3000 };

struct result {
    const struct runfile_content *run;
    enum backup_outcome outcome;
    const char *reason; /* of a failure; NULL: none */
    const char *type;   /* "full", "incremental"; NULL: it did not come to be decided */
    bool encrypted;
    uint64_t files, bytes_read, bytes_sent, error_count;
    uint64_t listed_files, listed_bytes;
    uint64_t unreadable, vanished, changed, skipped;
    json_t *errors; /* borrowed; NULL: none */
    int64_t duration_ms;
    const char *sha256; /* of the archive; NULL: there is none, and no */
    struct pipeline_object archive, index;
};

/* The event log of this agent. */
int result_open_log(const struct agent *agent, struct eventlog **ret, struct err *err) MUSTER_NODISCARD;

/* Tells the server, trying again until give_up_ms is over. 0 also when the server knows of an end already.
 * ERR_CONFLICT: it refuses this one (parts are missing). ERR_NOT_FOUND: it no longer knows the run. */
int result_send(const struct agent *agent, struct api *api, const struct result *result, int give_up_ms,
                struct err *err) MUSTER_NODISCARD;

/* Whether telling the server again is pointless: it knows, or never wants to. rc is of result_send. */
bool result_settled(int rc);

/* Appends the event "backup" and, when a command asked for the run, its "command_result". */
int result_log(struct eventlog *log, const struct result *result, struct err *err) MUSTER_NODISCARD;

/* The result of a command alone: status "done", "failed", "refused", "unsupported". */
int result_log_command(struct eventlog *log, const char *command_id, const char *status, const char *detail,
                       struct err *err) MUSTER_NODISCARD;

/* One line: for people, or as JSON. */
void result_print(const struct result *result, bool json);

#endif
