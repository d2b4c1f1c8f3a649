/* progress.h: the line for people who wait: files, megabytes, megabytes a second, on standard error. */
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
};

void progress_init(struct progress *p, const struct clock *clock, bool shown);

/* Shows how far r is, when it is time to. */
void progress_show(struct progress *p, struct report *r);

/* Leaves a clean line behind. */
void progress_end(struct progress *p);

#endif
