/* cron.h: when a line of cron comes true. Private to schedule/; nothing in here reads a clock.
 *
 * Five fields, as crontab(5) has them: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday);
 * lists, ranges, steps (of a range or of *), English names of three letters; or @yearly, @monthly, @weekly, @daily,
 * @hourly. When both day fields are restricted, that is: do not begin with *, either makes a day.
 *
 * When clocks change: a time that is left out comes at once after the change, one that is repeated comes the first time
 * only. Lines for every hour, or every so many (*, or a step of it), have no such times: they come when the clock shows
 * them. */
#ifndef MUSTER_SCHEDULE_CRON_H
#define MUSTER_SCHEDULE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "schedule/zone.h"

enum { CRON_TEXT_MAX = 200 };

/* Bit n: the value n. */
struct cron {
    uint64_t minutes;
    uint64_t hours;
    uint64_t days;
    uint64_t months;
    uint64_t weekdays;
    bool any_day, any_weekday; /* the field begins with * */
    bool any_hour;
};

/* ERR_INVALID, naming the field and what is wrong with it; also for a day that no year has (31 February). */
int cron_parse(const char *text, struct cron *ret, struct err *err) MUSTER_NODISCARD;

/* Every day at that time. */
struct cron cron_daily(int minute_of_day);

/* The first moment after after_ms. False: none within 41 years, which is never. */
bool cron_next(const struct cron *c, const struct zone *zone, int64_t after_ms, int64_t *ret_ms);

#endif
