#include "retention/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

enum { REASON_BYTES = 40 };

struct point {
    size_t chain;
    int64_t received_ms;
    bool asked;
    bool proven; /* all of the chain up to here */
};

struct judge {
    const struct retention_policy *policy;
    int64_t now_ms;
    struct arena *arena;
    struct retention_verdict *verdicts;
    bool believe;         /* what was found damaged counts for nothing */
    struct point *points; /* newest first; those whose time has not come are not among them */
    size_t count;
};

bool retention_policy_empty(const struct retention_policy *p)
{
    return p->last <= 0 && p->daily <= 0 && p->weekly <= 0 && p->monthly <= 0 && p->yearly <= 0 && p->days <= 0;
}

/* Each reason once: many points of a chain may be wanted by one rule. */
static int keep(struct judge *j, size_t chain, const char *text, struct err *err)
{
    struct retention_reason **end = &j->verdicts[chain].reasons;
    for (; *end != NULL; end = &(*end)->next)
        if (strcmp((*end)->text, text) == 0)
            return 0;
    struct retention_reason *added = arena_alloc(j->arena, sizeof *added);
    const char *copy = arena_strdup(j->arena, text);
    if (added == NULL || copy == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the reasons of a retention");
    added->text = copy;
    *end = added;
    j->verdicts[chain].keep = true;
    return 0;
}

/* --- restore points -------------------------------------------------------------------------------------------------
 */

static int add_point(struct judge *j, size_t chain, const struct retention_run *run, bool proven, struct err *err)
{
    if (j->believe)
        j->verdicts[chain].restorable = true;
    if (run->received_ms > j->now_ms)
        return keep(j, chain, "ahead of the clock", err);
    j->points[j->count++] =
        (struct point){.chain = chain, .received_ms = run->received_ms, .asked = run->asked, .proven = proven};
    return 0;
}

/* What a chain has, and what speaks for it whatever the policy says. */
static int look_at_chain(struct judge *j, size_t chain, const struct retention_chain *c, struct err *err)
{
    int64_t next_seq = 0;
    bool proven = true;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        const struct retention_run *run = &c->runs[i];
        if (run->received_ms > j->verdicts[chain].newest_ms)
            j->verdicts[chain].newest_ms = run->received_ms;
        if (run->busy)
            rc = keep(j, chain, "in use", err);
        if (rc == 0 && run->pinned)
            rc = keep(j, chain, "pinned", err);
        if (rc != 0 || !run->good || run->seq != next_seq || (j->believe && run->damaged))
            continue;
        proven = proven && run->proven;
        next_seq++;
        rc = add_point(j, chain, run, proven, err);
    }
    return rc == 0 && next_seq == 0 && !j->believe ? keep(j, chain, "not whole", err) : rc;
}

static int newest_first(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    if (p->received_ms != q->received_ms)
        return p->received_ms < q->received_ms ? 1 : -1;
    return p->chain < q->chain ? 1 : p->chain > q->chain ? -1 : 0;
}

static int prepare(struct judge *j, const struct retention_chain *chains, size_t count, struct err *err)
{
    size_t runs = 0;
    for (size_t i = 0; i < count; i++) {
        runs += chains[i].count;
        j->verdicts[i] = (struct retention_verdict){.newest_ms = INT64_MIN};
    }
    j->points = arena_array(j->arena, runs + 1, sizeof *j->points);
    return j->points != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for restore points");
}

static int collect(struct judge *j, const struct retention_chain *chains, size_t count, struct err *err)
{
    int rc = 0;
    j->count = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = look_at_chain(j, i, &chains[i], err);
    qsort(j->points, j->count, sizeof *j->points, newest_first);
    return rc;
}

/* --- what is never deleted ------------------------------------------------------------------------------------------
 */

static bool was_asked(const struct point *p)
{
    return p->asked;
}

static bool was_not_asked(const struct point *p)
{
    return !p->asked;
}

static bool is_proven(const struct point *p)
{
    return p->proven;
}

/* The newest `max` points that are such; NULL: any. */
static int keep_newest(struct judge *j, bool (*such)(const struct point *), int64_t max, const char *why,
                       struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && max > 0 && i < j->count; i++) {
        if (such != NULL && !such(&j->points[i]))
            continue;
        rc = keep(j, j->points[i].chain, why, err);
        max--;
    }
    return rc;
}

static int keep_last_resorts(struct judge *j, struct err *err)
{
    int rc = keep_newest(j, NULL, 1, "newest good", err);
    if (rc == 0)
        rc = keep_newest(j, was_asked, 1, "newest asked for", err);
    if (rc == 0)
        rc = keep_newest(j, is_proven, 1, "newest proven", err);
    if (j->count > 0)
        j->verdicts[j->points[0].chain].newest = true;
    return rc;
}

/* --- rules ----------------------------------------------------------------------------------------------------------
 */

enum period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_YEAR };

/* The period a time lies in, as a reason says it: it is also what tells periods apart. */
static int period_of(int64_t time_ms, enum period period, char ret[REASON_BYTES], struct err *err)
{
    time_t seconds = (time_t)(time_ms / 1000 - (time_ms % 1000 < 0));
    struct tm day;
    size_t len = 0;
    if (gmtime_r(&seconds, &day) == NULL)
        return err_set(err, ERR_INVALID, "a run was received at a time beyond any calendar");
    switch (period) {
    case PERIOD_DAY: len = strftime(ret, REASON_BYTES, "daily %Y-%m-%d", &day); break;
    case PERIOD_WEEK: len = strftime(ret, REASON_BYTES, "weekly %G-W%V", &day); break;
    case PERIOD_MONTH: len = strftime(ret, REASON_BYTES, "monthly %Y-%m", &day); break;
    case PERIOD_YEAR: len = strftime(ret, REASON_BYTES, "yearly %Y", &day); break;
    }
    return len > 0 ? 0 : err_set(err, ERR_INVALID, "a run was received in a year beyond any calendar");
}

/* points[first..end) are one period, newest first. */
static const struct point *slot_holder(const struct judge *j, size_t first, size_t end)
{
    for (size_t i = end; i-- > first;)
        if (j->points[i].asked)
            return &j->points[i];
    return &j->points[end - 1];
}

/* Where the period that begins (from the newest) at points[first] ends. Its name goes into ret. */
static int period_end(const struct judge *j, enum period period, size_t first, char ret[REASON_BYTES], size_t *ret_end,
                      struct err *err)
{
    char other[REASON_BYTES];
    size_t end = first + 1;
    int rc = period_of(j->points[first].received_ms, period, ret, err);
    for (; rc == 0 && end < j->count; end++) {
        rc = period_of(j->points[end].received_ms, period, other, err);
        if (rc == 0 && strcmp(ret, other) != 0)
            break;
    }
    *ret_end = end;
    return rc;
}

/* One point of each of the newest `max` periods that have any. */
static int keep_periods(struct judge *j, int64_t max, enum period period, struct err *err)
{
    char why[REASON_BYTES];
    int rc = 0;
    for (size_t first = 0, end = 0; rc == 0 && max > 0 && first < j->count; first = end, max--) {
        rc = period_end(j, period, first, why, &end, err);
        if (rc == 0)
            rc = keep(j, slot_holder(j, first, end)->chain, why, err);
    }
    return rc;
}

static int keep_young(struct judge *j, struct err *err)
{
    char why[REASON_BYTES];
    int rc = 0;
    (void)snprintf(why, sizeof why, "within %lld days", (long long)j->policy->days);
    for (size_t i = 0; rc == 0 && i < j->count; i++) {
        if (j->points[i].received_ms < j->now_ms - j->policy->days * DAY_MS)
            break; /* the others are older */
        rc = keep(j, j->points[i].chain, why, err);
    }
    return rc;
}

static int keep_last(struct judge *j, struct err *err)
{
    char why[REASON_BYTES];
    (void)snprintf(why, sizeof why, "last %lld", (long long)j->policy->last);
    int rc = keep_newest(j, was_asked, j->policy->last, why, err);
    (void)snprintf(why, sizeof why, "last %lld of the agent's own", (long long)j->policy->last);
    return rc == 0 ? keep_newest(j, was_not_asked, j->policy->last, why, err) : rc;
}

static int apply_policy(struct judge *j, struct err *err)
{
    const struct retention_policy *p = j->policy;
    int rc = p->last > 0 ? keep_last(j, err) : 0;
    if (rc == 0 && p->days > 0)
        rc = keep_young(j, err);
    if (rc == 0)
        rc = keep_periods(j, p->daily, PERIOD_DAY, err);
    if (rc == 0)
        rc = keep_periods(j, p->weekly, PERIOD_WEEK, err);
    if (rc == 0)
        rc = keep_periods(j, p->monthly, PERIOD_MONTH, err);
    return rc == 0 ? keep_periods(j, p->yearly, PERIOD_YEAR, err) : rc;
}

int retention_judge(const struct retention_chain *chains, size_t count, const struct retention_policy *policy,
                    int64_t now_ms, struct arena *arena, struct retention_verdict *ret, struct err *err)
{
    struct judge j = {.policy = policy, .now_ms = now_ms, .arena = arena, .verdicts = ret};
    int rc = prepare(&j, chains, count, err);
    for (int pass = 0; rc == 0 && pass < 2; pass++) {
        j.believe = pass == 1;
        rc = collect(&j, chains, count, err);
        if (rc == 0)
            rc = keep_last_resorts(&j, err);
        if (rc == 0)
            rc = apply_policy(&j, err);
    }
    for (size_t i = 0; rc == 0 && retention_policy_empty(policy) && i < count; i++)
        rc = keep(&j, i, "no rule", err);
    return rc;
}

int64_t retention_hold(int64_t seen_ms, int64_t hold_ms, int64_t now_ms)
{
    bool back = now_ms < seen_ms - HOUR_MS; /* other processes' clocks differ by less */
    bool ahead = now_ms > seen_ms + DAY_MS;
    bool never_ends = hold_ms > now_ms + DAY_MS;
    return back || ahead || never_ends ? now_ms + DAY_MS : hold_ms;
}
