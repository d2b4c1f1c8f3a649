/* pipeline.h: sources in, stored parts out: the threads of a backup.
 *
 * The walk reads, archives and compresses into one part; the caller's thread hashes the part before, asks for its URL,
 * reports progress and listens for SIGTERM and the server's cancel; two uploaders send what is ready, so that the
 * network is busy while the store still makes sure of the part before. Three parts exist at any time (parts.h), so
 * memory does not depend on the size of the backup and no temporary file is written.
 *
 * A part that does not get through is tried again with back-off and a fresh URL for PIPELINE_RETRY_MS; then the run
 * fails. A part is known to the server by its number, so a repeated one replaces itself. */
#ifndef MUSTER_AGENT_BACKUP_PIPELINE_H
#define MUSTER_AGENT_BACKUP_PIPELINE_H

#include "agent.h"
#include "backup/remote.h"
#include "backup/report.h"

enum { PIPELINE_RETRY_MS = 10 * 60 * 1000, PIPELINE_PROGRESS_MS = 2000 };

struct pipeline_source {
    const char *path;
    int fd; /* O_PATH; -1: could not be opened, and is in the report already */
};

struct pipeline_options {
    const struct agent *agent;
    struct api *api;
    const char *log_id;
    size_t part_size;
    const struct remote_config *config;
    const struct pipeline_source *sources;
    size_t source_count;
    struct report *report;
    bool progress; /* a line on standard error every second */
};

struct pipeline_result {
    struct remote_stored *parts; /* free() */
    size_t part_count;
    char sha256[65]; /* of the whole archive */
};

/* Blocks until the whole archive is stored. ERR_CONFLICT: cancelled by a signal or the server. SIGTERM and SIGINT are
 * blocked meanwhile and taken here; one that was taken is forgotten. On failure nothing is to be freed. */
int pipeline_run(const struct pipeline_options *options, struct pipeline_result *ret, struct err *err) MUSTER_NODISCARD;

#endif
