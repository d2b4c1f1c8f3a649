/* pipeline.h: a run's bytes in, stored parts out: the threads of a backup.
 *
 * What is stored is written by callbacks (snapshot.h): the archive, then its index, each an object of parts numbered
 * from 1. One thread walks and reads, another compresses and encrypts into a part (behind.h); the caller's thread
 * hashes the part before, asks for its URL, reports progress and listens for SIGTERM, the server's cancel and the
 * deadline; uploaders send what is ready, so that the network is busy while the store still makes sure of the part
 * before. Memory does not depend on the size of the backup, nor does the one temporary file, which holds a few parts
 * (parts.h).
 *
 * A part that does not get through is tried again with back-off and a fresh URL for PIPELINE_RETRY_MS; then the run
 * fails. A part is known to the server by its number, so a repeated one replaces itself. */
#ifndef MUSTER_AGENT_BACKUP_PIPELINE_H
#define MUSTER_AGENT_BACKUP_PIPELINE_H

#include <stdatomic.h>

#include "agent.h"
#include "backup/part_digest.h"
#include "backup/remote.h"
#include "backup/report.h"

enum { PIPELINE_RETRY_MS = 10 * 60 * 1000, PIPELINE_PROGRESS_MS = 2000 };

struct pipeline_source {
    const char *path;
    int fd; /* O_PATH; -1: could not be opened, and is in the report already */
};

/* Writes all of an object's bytes to *out. ERR_CONFLICT when *stop became true. */
struct pipeline_content {
    int (*write)(void *ctx, const struct compress_receiver *out, const atomic_bool *stop, struct err *err);
    void *ctx;
};

struct pipeline_options {
    const struct agent *agent;
    struct api *api;
    const char *log_id;
    size_t part_size;
    enum part_digest_kind digest; /* what its parts are announced with */
    struct pipeline_content archive;
    struct pipeline_content index;     /* write NULL: none */
    const char *const *recipients;     /* age's; both objects are encrypted to them */
    size_t recipient_count;            /* 0: not encrypted */
    int64_t rate;                      /* bytes a second sent; 0: as fast as it goes */
    int64_t deadline_ms;               /* monotonic; 0: none */
    uint64_t total_files, total_bytes; /* what the report's listed_… may come to; 0: unknown */
    struct report *report;
    bool progress; /* a line on standard error every second */
};

struct pipeline_object {
    uint64_t part_count, size;
};

struct pipeline_result {
    struct pipeline_object archive, index;
    char sha256[65]; /* of the whole archive, as stored */
};

/* Blocks until all is stored. ERR_CONFLICT: cancelled by a signal or the server; ERR_TIMEOUT: by the deadline. SIGTERM
 * and SIGINT are blocked meanwhile and taken here; one that was taken is forgotten. */
int pipeline_run(const struct pipeline_options *options, struct pipeline_result *ret, struct err *err) MUSTER_NODISCARD;

#endif
