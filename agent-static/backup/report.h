/* report.h: what a backup or a restore has to say about itself: how much it did, and what went wrong, file by file.
 *
 * One thread writes the problems; the counters may be read by others meanwhile (progress). A hostile or rotten tree can
 * have millions of bad files, so only the first REPORT_PROBLEMS_MAX are kept in full; all are counted. */
#ifndef MUSTER_AGENT_BACKUP_REPORT_H
#define MUSTER_AGENT_BACKUP_REPORT_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { REPORT_PROBLEMS_MAX = 100, REPORT_PATH_MAX = 1024, REPORT_MESSAGE_MAX = 200 };

struct report_problem {
    char *path; /* made printable; NULL: of the whole run */
    char *message;
};

struct report {
    atomic_uint_fast64_t files;   /* entries stored or restored */
    atomic_uint_fast64_t bytes;   /* of file content */
    atomic_uint_fast64_t sent;    /* of the archive, as stored */
    atomic_uint_fast64_t skipped; /* sockets and file systems of the kernel, which nobody wants back */
    pthread_mutex_t lock;         /* of what follows */
    uint64_t problem_count;
    size_t kept;
    struct report_problem problems[REPORT_PROBLEMS_MAX];
};

void report_init(struct report *r);
void report_done(struct report *r);

/* Records a problem with the file of this path (raw bytes; NULL: the whole run). */
void report_problem(struct report *r, const char *path, const char *fmt, ...) MUSTER_PRINTF(3, 4);

uint64_t report_problems(struct report *r);

/* The kept problems as the wire's "errors": [{"path","message"}]. NULL when memory is out. */
json_t *report_errors_json(struct report *r);

/* A path of any bytes as UTF-8 without control characters: what is not, and the backslash, becomes \ooo as ls and tar
 * do, so that a name can neither forge a line nor drive a terminal. Cut with "…" when it does not fit. */
void report_printable(const char *path, char *ret, size_t ret_size);

#endif
