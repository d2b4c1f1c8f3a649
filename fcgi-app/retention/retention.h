/* retention.h: which chains of a config are kept, and why. Pure: runs, a policy and the time in, a verdict out.
 *
 * A restore point is a run that is stored whole and stands on whole ones down to the full run of its chain. Rules want
 * points; what is kept or deleted is the chain, all of it, and a chain is kept when anything wants one of its points.
 *
 * What must hold whatever a host or a clock does:
 *   - times are those at which the server had a run whole; the host's clock has no say;
 *   - of a day, week, month or year the oldest point takes the slot, so that what comes later cannot push it out; one
 *     that the server asked for goes before one that it did not, whatever their times;
 *   - keepLast counts what the server asked for by itself, and what a host began of its own accord by itself, so that a
 *     host pushes out nothing by backing up often;
 *   - never deleted: the chain of the newest point, that of the newest the server asked for, that of the newest proven
 *     one, what a person has pinned, what is in use, and what bears a time that has not come yet;
 *   - a run that was found damaged pushes nothing out, but saying so, which its host may do, costs its chain nothing
 *     either: kept is what would be kept if it were true and what would be kept if it were not;
 *   - chains without a restore point are left alone, and without any rule all of them are.
 * Rules about periods count those that have a point, so a pause or a clock ahead of its time empties no slot. */
#ifndef MUSTER_RETENTION_RETENTION_H
#define MUSTER_RETENTION_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"

enum { RETENTION_KEEP_MAX = 10000, RETENTION_DAYS_MAX = 36500 };

/* 0: no such rule. */
struct retention_policy {
    int64_t last;
    int64_t daily;
    int64_t weekly;  /* ISO 8601 weeks */
    int64_t monthly; /* calendar periods are of UTC */
    int64_t yearly;
    int64_t days; /* everything not older than so many times 24 hours */
};

bool retention_policy_empty(const struct retention_policy *p);

struct retention_run {
    int64_t received_ms; /* the server's time when it was whole */
    int64_t seq;         /* in its chain; 0: the full one */
    bool good;           /* it ended as completed or warning, and all its objects are in the store */
    bool busy;           /* it is under way, or a job reads it */
    bool asked;          /* by the schedule or a person, not begun by the agent itself */
    bool pinned;
    bool proven;
    bool damaged; /* whoever read it back last could not */
};

/* Runs in ascending order of seq. */
struct retention_chain {
    const struct retention_run *runs;
    size_t count;
};

struct retention_reason {
    const char *text; /* "last 3", "daily 2026-11-27", "newest good", "pinned", … */
    struct retention_reason *next;
};

struct retention_verdict {
    bool keep;
    bool restorable;                  /* it has a restore point that is not damaged, be its time to come */
    bool newest;                      /* it has the newest one, damaged or not, or the newest that is not */
    int64_t newest_ms;                /* when its newest run was received; INT64_MIN: it has no run */
    struct retention_reason *reasons; /* why it is kept; NULL: it is not */
};

/* One verdict a chain, in ret[0..count). Reasons live in the arena. ERR_NOMEM; ERR_INVALID for a time beyond any
 * calendar: then nothing is to be deleted. */
int retention_judge(const struct retention_chain *chains, size_t count, const struct retention_policy *policy,
                    int64_t now_ms, struct arena *arena, struct retention_verdict *ret,
                    struct err *err) MUSTER_NODISCARD;

/* Until when nothing is deleted because the clock cannot be trusted: it was seen at seen_ms and shows now_ms. A clock
 * that went back, or leapt by more than a day, which is also how a server that was off looks from here, is given a day
 * in which it may be put right and somebody may look. hold_ms: what was said last time. */
int64_t retention_hold(int64_t seen_ms, int64_t hold_ms, int64_t now_ms);

#endif
