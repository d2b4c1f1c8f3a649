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

enum { REPORT_PROBLEMS_MAX = 100, REPORT_SKIPPED_MAX = 20, REPORT_PATH_MAX = 1024, REPORT_MESSAGE_MAX = 200 };

enum report_kind {
    REPORT_UNREADABLE, /* not, or not all of it */
    REPORT_VANISHED,   /* between seeing its name and reading it */
    REPORT_CHANGED,    /* while it was read */
    REPORT_SKIPPED,    /* left out on purpose, which is no problem */
    REPORT_OTHER,
    REPORT_KINDS
};

struct report_problem {
    enum report_kind kind;
    char *path; /* made printable; NULL: of the whole run */
    char *message;
};

struct report {
    atomic_uint_fast64_t files;        /* entries stored or restored */
    atomic_uint_fast64_t bytes;        /* of file content */
    atomic_uint_fast64_t sent;         /* of the archive, as stored */
    atomic_uint_fast64_t skipped;      /* left out on purpose: sockets, other file systems, … */
    atomic_uint_fast64_t listed_files; /* entries that the tree holds, stored by this run or not, and */
    atomic_uint_fast64_t listed_bytes; /* their content; in the middle of a run: as far as it has come */
    pthread_mutex_t lock;              /* of what follows */
    uint64_t counts[REPORT_KINDS];
    uint64_t problem_count;
    size_t kept, skipped_kept;
    struct report_problem problems[REPORT_PROBLEMS_MAX];
    struct report_problem skips[REPORT_SKIPPED_MAX]; /* apart, so that they take no problem's place */
};

void report_init(struct report *r);
void report_done(struct report *r);

/* Records what became of the file of this path (raw bytes; NULL: the whole run). */
void report_outcome(struct report *r, const char *path, enum report_kind kind, const char *fmt, ...)
    MUSTER_PRINTF(4, 5);

/* The same with REPORT_OTHER. */
void report_problem(struct report *r, const char *path, const char *fmt, ...) MUSTER_PRINTF(3, 4);

/* All but the skipped ones. */
uint64_t report_problems(struct report *r);

uint64_t report_count(struct report *r, enum report_kind kind);

/* What is kept, as the wire's "errors": [{"path","message","kind"}], the skipped ones last. NULL when memory is out. */
json_t *report_errors_json(struct report *r);

/* A path of any bytes as UTF-8 without control characters: what is not, and the backslash, becomes \ooo as ls and tar
 * do, so that a name can neither forge a line nor drive a terminal. Cut with "…" when it does not fit. */
void report_printable(const char *path, char *ret, size_t ret_size);

/* The length of the well-formed, printable UTF-8 sequence at s, or 0. Overlong forms, surrogates, controls (C1, too)
 * and the backslash are not: RFC 3629 §4. */
size_t report_utf8_length(const unsigned char *s);

#endif
