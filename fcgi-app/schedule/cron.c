#include "schedule/cron.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    FIELDS = 5,
    MINUTE_S = 60,
    HOUR_S = 3600,
    DAY_S = 24 * 3600,
    HORIZON_DAYS = 41 * 366, /* 29 February on one day of the week, across a year like 2100 */
};

static bool has(uint64_t set, int value)
{
    return (set >> value & 1) != 0;
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

struct field {
    const char *title;
    int min, max;
    const char *names; /* of three letters each, the first of value min; NULL: none */
};

static const struct field fields[FIELDS] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of the week", 0, 7, "sunmontuewedthufrisat"},
};

static const struct {
    const char *name;
    const char *line;
} shorthands[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
};

/* -1: a number it is not. Nothing that is allowed has more than two digits. */
static int read_number(const char **at)
{
    int value = 0;
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > 2)
        return -1;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (*at)[i] - '0';
    *at += digits;
    return value;
}

static int read_value(const struct field *f, const char **at, struct err *err)
{
    const char *start = *at;
    for (const char *name = f->names; name != NULL && *name != '\0'; name += 3) {
        if (strncasecmp(start, name, 3) == 0) {
            *at += 3;
            return f->min + (int)(name - f->names) / 3;
        }
    }
    int value = read_number(at);
    if (value < f->min || value > f->max)
        return err_set(err, ERR_INVALID, "%s: \"%.20s\" must begin with a number from %d to %d%s", f->title, start,
                       f->min, f->max, f->names != NULL ? " or a name of three letters" : "");
    return value;
}

/* "*", "5", "1-5", "*\/10", "1-30/2" */
static int read_element(const struct field *f, const char *element, uint64_t *set, struct err *err)
{
    const char *at = element;
    int first = f->min, last = f->max, step = 1;
    bool range = true;
    if (*at == '*') {
        at++;
    } else {
        if ((first = last = read_value(f, &at, err)) < 0)
            return first;
        range = *at == '-';
        if (range) {
            at++;
            if ((last = read_value(f, &at, err)) < 0)
                return last;
        }
    }
    if (last == 0 && first > 0 && f->max == 7)
        last = 7; /* SAT-SUN */
    if (first > last)
        return err_set(err, ERR_INVALID, "%s: \"%.20s\" begins after its end", f->title, element);
    if (*at == '/') {
        at++;
        if (!range)
            return err_set(err, ERR_INVALID, "%s: \"%.20s\": a step needs a range, as in %d-%d/5, or */5", f->title,
                           element, f->min, f->max);
        step = read_number(&at);
        if (step < 1)
            return err_set(err, ERR_INVALID, "%s: \"%.20s\" must have a step from 1 to 99", f->title, element);
    }
    if (*at != '\0')
        return err_set(err, ERR_INVALID, "%s: \"%.20s\" is not understood at \"%.10s\"", f->title, element, at);
    for (int value = first; value <= last; value += step)
        *set |= UINT64_C(1) << value;
    return 0;
}

static int read_field(const struct field *f, char *text, uint64_t *ret, struct err *err)
{
    uint64_t set = 0;
    int rc = 0;
    for (char *next = text; rc == 0 && next != NULL;) {
        char *element = strsep(&next, ",");
        rc = read_element(f, element, &set, err);
    }
    *ret = set;
    return rc;
}

/* Into words; more than FIELDS of them count as one more. */
static int split(char *text, char *words[FIELDS])
{
    int count = 0;
    char *save = NULL;
    for (char *word = strtok_r(text, " \t", &save); word != NULL; word = strtok_r(NULL, " \t", &save)) {
        if (count == FIELDS)
            return FIELDS + 1;
        words[count++] = word;
    }
    return count;
}

static bool some_day_exists(const struct cron *c)
{
    static const int longest[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!c->any_day && !c->any_weekday)
        return true; /* the day of the week does */
    for (int month = 1; month <= 12; month++)
        for (int day = 1; has(c->months, month) && day <= longest[month]; day++)
            if (has(c->days, day))
                return true;
    return false;
}

int cron_parse(const char *text, struct cron *ret, struct err *err)
{
    char copy[CRON_TEXT_MAX + 1];
    char *words[FIELDS] = {NULL};
    struct cron c = {0};
    uint64_t *sets[FIELDS] = {&c.minutes, &c.hours, &c.days, &c.months, &c.weekdays};
    const char *line = text;
    int rc = 0;
    for (size_t i = 0; i < sizeof shorthands / sizeof shorthands[0]; i++)
        if (strcasecmp(text, shorthands[i].name) == 0)
            line = shorthands[i].line;
    if (strlen(line) > CRON_TEXT_MAX)
        return err_set(err, ERR_INVALID, "a line of cron has at most %d bytes", CRON_TEXT_MAX);
    (void)snprintf(copy, sizeof copy, "%s", line);
    if (split(copy, words) != FIELDS)
        return err_set(err, ERR_INVALID,
                       "a line of cron has five fields, as in \"0 2 * * *\": minute, hour, day of the month, month, "
                       "day of the week; or is @hourly, @daily, @weekly, @monthly or @yearly");
    c.any_day = words[2][0] == '*';
    c.any_weekday = words[4][0] == '*';
    c.any_hour = words[1][0] == '*';
    for (int i = 0; rc == 0 && i < FIELDS; i++)
        rc = read_field(&fields[i], words[i], sets[i], err);
    if (rc != 0)
        return rc;
    if (has(c.weekdays, 7))
        c.weekdays |= 1;
    c.any_hour = c.any_hour || c.hours == (UINT64_C(1) << 24) - 1;
    if (!some_day_exists(&c))
        return err_set(err, ERR_INVALID, "no year has such a day: look at the day of the month and the month");
    *ret = c;
    return 0;
}

struct cron cron_daily(int minute_of_day)
{
    return (struct cron){
        .minutes = UINT64_C(1) << minute_of_day % 60,
        .hours = UINT64_C(1) << minute_of_day / 60,
        .days = UINT64_MAX,
        .months = UINT64_MAX,
        .weekdays = UINT64_MAX,
        .any_day = true,
        .any_weekday = true,
    };
}

/* --- telling when ---------------------------------------------------------------------------------------------------
 */

static int64_t floor_to(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

static bool is_its_day(const struct cron *c, int64_t local_s)
{
    struct tm tm;
    time_t t = (time_t)local_s;
    if (gmtime_r(&t, &tm) == NULL || !has(c->months, tm.tm_mon + 1))
        return false;
    bool day = has(c->days, tm.tm_mday), weekday = has(c->weekdays, tm.tm_wday);
    return c->any_day || c->any_weekday ? day && weekday : day || weekday;
}

/* The first time of the day that comes after after_s. What local time is not later than now cannot come later, either:
 * zone_first_s keeps the order. */
static bool next_of_day(const struct cron *c, const struct zone *zone, int64_t day_s, int64_t after_s, int64_t *ret_s)
{
    int64_t shown_s = after_s + zone_offset_s(zone, after_s);
    for (int minute = 0; minute < DAY_S / MINUTE_S; minute++) {
        int64_t local_s = day_s + minute * (int64_t)MINUTE_S;
        if (local_s <= shown_s || !has(c->hours, minute / 60) || !has(c->minutes, minute % 60))
            continue;
        int64_t at_s = zone_first_s(zone, local_s);
        if (at_s > after_s) {
            *ret_s = at_s;
            return true;
        }
    }
    return false;
}

static bool next_fixed(const struct cron *c, const struct zone *zone, int64_t after_s, int64_t *ret_s)
{
    int64_t day_s = floor_to(after_s + zone_offset_s(zone, after_s), DAY_S);
    for (int i = 0; i < HORIZON_DAYS; i++, day_s += DAY_S)
        if (is_its_day(c, day_s) && next_of_day(c, zone, day_s, after_s, ret_s))
            return true;
    return false;
}

/* How long it is at least until the clock shows a time of the line; 0: it does now. */
static int64_t wait_s(const struct cron *c, int64_t local_s)
{
    int64_t in_day_s = local_s - floor_to(local_s, DAY_S);
    int hour = (int)(in_day_s / HOUR_S), minute = (int)(in_day_s % HOUR_S / MINUTE_S);
    if (!is_its_day(c, local_s))
        return DAY_S - in_day_s;
    if (!has(c->hours, hour))
        return HOUR_S - in_day_s % HOUR_S;
    int next = minute;
    while (next < 60 && !has(c->minutes, next))
        next++;
    return (next - minute) * (int64_t)MINUTE_S;
}

/* From one moment that could be it to the next, and never across a change of the clocks. */
static bool next_shown(const struct cron *c, const struct zone *zone, int64_t after_s, int64_t *ret_s)
{
    int64_t at_s = floor_to(after_s, MINUTE_S) + MINUTE_S;
    for (int64_t end_s = at_s + (int64_t)HORIZON_DAYS * DAY_S; at_s < end_s;) {
        int64_t wait = wait_s(c, at_s + zone_offset_s(zone, at_s));
        if (wait == 0) {
            *ret_s = at_s;
            return true;
        }
        at_s = zone_change_s(zone, at_s, at_s + wait);
    }
    return false;
}

bool cron_next(const struct cron *c, const struct zone *zone, int64_t after_ms, int64_t *ret_ms)
{
    int64_t after_s = floor_to(after_ms, 1000) / 1000;
    int64_t at_s = 0;
    bool found = c->any_hour ? next_shown(c, zone, after_s, &at_s) : next_fixed(c, zone, after_s, &at_s);
    if (found)
        *ret_ms = at_s * 1000;
    return found;
}
