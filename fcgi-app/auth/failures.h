/* failures.h: counting refused tries per source, action, target and minute, for the audit trail.
 *
 * A table of FAILURES_MAX counters; when it is full, further sources of that action are counted together under the
 * source "many" and without a target. So a minute of flood makes a bounded number of audit rows. Thread-safe. */
#ifndef MUSTER_AUTH_FAILURES_H
#define MUSTER_AUTH_FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum { FAILURES_MAX = 256, FAILURES_ADDRESS_SIZE = 48, FAILURES_ACTION_SIZE = 32, FAILURES_TARGET_SIZE = 48 };

struct failure {
    char action[FAILURES_ACTION_SIZE];
    char address[FAILURES_ADDRESS_SIZE];
    char target[FAILURES_TARGET_SIZE]; /* "user:<id>" of the account that was tried; "": none we know */
    int64_t minute_ms;                 /* when its minute began */
    int64_t count;
};

struct failures;

struct failures *failures_new(void); /* NULL: out of memory */
void failures_free(struct failures *f);

void failures_note(struct failures *f, const char *action, const char *address, const char *target, int64_t now_ms);

/* Takes out the counters of minutes that are over (all of them when everything), at most FAILURES_MAX; returns how
 * many. */
int failures_take(struct failures *f, int64_t now_ms, bool everything, struct failure ret[FAILURES_MAX]);

/* Puts one back that could not be written. */
void failures_return(struct failures *f, const struct failure *failure);

#endif
