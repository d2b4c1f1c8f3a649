/* finish.h: the end of a run as its agent tells it. Between finish_read.c and complete.c. */
#ifndef MUSTER_BACKUP_FINISH_H
#define MUSTER_BACKUP_FINISH_H

#include "backup/upload.h"
#include "http/request.h"

enum finish_outcome { FINISH_COMPLETED, FINISH_WARNING, FINISH_FAILED, FINISH_CANCELLED };
extern const char *const finish_outcome_names[];

struct finish {
    const char *run_id;
    const char *agent_id;
    const char *owner_id;
    int outcome; /* enum finish_outcome; completed with losses has become warning */
    int64_t files;
    int64_t bytes_read; /* -1: not said */
    int64_t bytes_transferred;
    int64_t duration_ms;
    const char *sha256; /* NULL: not said */
    const char *errors; /* JSON list, the first ones */
    int64_t error_count;
    int64_t listed_files; /* -1: not said */
    int64_t listed_bytes;
    int64_t unreadable;
    int64_t vanished;
    int64_t changed;
    int64_t skipped;
    struct upload_claim claim;
    int64_t size; /* of the archive; -1: none */
    int64_t now_ms;
};

/* Fills in what the body says. False after a reply was set. */
bool finish_read(struct req *r, struct finish *f);

#endif
