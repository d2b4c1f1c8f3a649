/* progress.h: the line for people who wait, on standard error: files, megabytes, megabytes a second, and, where it is
 * known how much there will be, how much of it is done and how long the rest will take. */
#ifndef MUSTER_AGENT_BACKUP_PROGRESS_H
#define MUSTER_AGENT_BACKUP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "backup/report.h"
#include "common/clock.h"

struct progress {
    const struct clock *clock;
    bool shown;    /* at all */
    bool terminal; /* the line is rewritten in place; else lines follow each other, more seldom */
    bool dirty;    /* a line stands there without its end */
    int64_t started_ms, next_ms;
    uint64_t total_files, total_bytes; /* what the report's listed_… may come to; 0: unknown */
};

void progress_init(struct progress *p, const struct clock *clock, bool shown);

/* Shows how far r is, when it is time to. */
void progress_show(struct progress *p, struct report *r);

/* How many thousandths are done; -1: unknown. Never all of them: the totals are a guess. */
int progress_permille(const struct progress *p, uint64_t files, uint64_t bytes);

/* Leaves a clean line behind. */
void progress_end(struct progress *p);

#endif
