#include "update/window.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "common/cursor.h"

enum { DAYS = 7, EVERY_DAY = 0x7f };

static const int64_t second_ms = 1000, minute_ms = 60000;

/* --- reading ----------------------------------------------------------------------------------------------------- */

static void skip_blanks(struct cursor *c)
{
    while (cursor_char(c, ' ') || cursor_char(c, '\t'))
        ;
}

static bool take_day(struct cursor *c, int *ret)
{
    static const char names[DAYS][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (int day = 0; c->end - c->at >= 3 && day < DAYS; day++)
        if (span_equal_nocase((struct span){.ptr = c->at, .len = 3}, names[day])) {
            c->at += 3;
            *ret = day;
            return true;
        }
    return false;
}

/* "mon", "mon-fri", "sat-mon": a bit for each day. */
static bool take_days(struct cursor *c, unsigned *days)
{
    int from, to;
    if (!take_day(c, &from))
        return false;
    to = from;
    if (cursor_char(c, '-') && !take_day(c, &to))
        return false;
    for (int day = from;; day = (day + 1) % DAYS) {
        *days |= 1U << day;
        if (day == to)
            return true;
    }
}

static bool take_two_digits(struct cursor *c, int max, int *ret)
{
    if (c->end - c->at < 2 || c->at[0] < '0' || c->at[0] > '9' || c->at[1] < '0' || c->at[1] > '9')
        return false;
    *ret = (c->at[0] - '0') * 10 + (c->at[1] - '0');
    c->at += 2;
    return *ret <= max;
}

/* "02:00" to "24:00", in minutes. */
static bool take_time(struct cursor *c, int *ret)
{
    int hour, minute;
    if (!take_two_digits(c, 24, &hour) || !cursor_char(c, ':') || !take_two_digits(c, 59, &minute))
        return false;
    *ret = hour * 60 + minute;
    return *ret <= WINDOW_DAY_MIN;
}

/* A comma goes on with the days as long as there was no time, and to the next rule after one. */
static const char *take_rule(struct cursor *c, struct window_rule *ret)
{
    struct window_rule rule = {.days = 0};
    skip_blanks(c);
    while (c->at < c->end && (*c->at < '0' || *c->at > '9')) {
        if (!take_days(c, &rule.days))
            return "days are mon, tue, wed, thu, fri, sat, sun, and ranges of them";
        skip_blanks(c);
        if (!cursor_char(c, ','))
            break;
        skip_blanks(c);
    }
    if (!take_time(c, &rule.from) || !cursor_char(c, '-') || !take_time(c, &rule.to) || rule.from == WINDOW_DAY_MIN)
        return "hours are written 02:00-05:00, up to 24:00";
    if (rule.from == rule.to)
        return "a window that ends as it begins; a whole day is 00:00-24:00";
    if (rule.to < rule.from)
        rule.to += WINDOW_DAY_MIN;
    skip_blanks(c);
    *ret = rule;
    return NULL;
}

/* "mon 02:00-03:00, 05:00-06:00" could mean two things, so it means none. */
static const char *settle_days(struct window *w)
{
    int without = 0;
    for (int i = 0; i < w->count; i++)
        without += w->rules[i].days == 0;
    if (without != 0 && without != w->count)
        return "name the days of all hours, or of none";
    for (int i = 0; i < w->count; i++)
        if (w->rules[i].days == 0)
            w->rules[i].days = EVERY_DAY;
    return NULL;
}

int window_parse(const char *text, struct window *ret, struct err *err)
{
    struct window w = {.count = 0};
    struct cursor c;
    const char *wrong = NULL;
    cursor_init(&c, span_of(text != NULL ? text : ""));
    skip_blanks(&c);
    bool more = !cursor_done(&c);
    while (more && wrong == NULL) {
        wrong = w.count < WINDOW_RULES_MAX ? take_rule(&c, &w.rules[w.count]) : "too many rules";
        w.count++;
        more = cursor_char(&c, ',');
    }
    if (wrong == NULL && !cursor_done(&c))
        wrong = "a comma stands between rules";
    if (wrong == NULL)
        wrong = settle_days(&w);
    if (wrong != NULL)
        return err_set(err, ERR_INVALID, "not a window: %s", wrong);
    *ret = w;
    return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

/* Minutes until the rule's window of this day begins or, within it, 0. */
static int until(const struct window_rule *rule, int day, int minute)
{
    int from = day * WINDOW_DAY_MIN + rule->from;
    int length = rule->to - rule->from;
    int since = (minute - from + WINDOW_WEEK_MIN) % WINDOW_WEEK_MIN; /* since it last began */
    return since < length ? 0 : WINDOW_WEEK_MIN - since;
}

int window_opens_in(const struct window *w, int minute)
{
    int least = w->count == 0 ? 0 : WINDOW_WEEK_MIN;
    for (int i = 0; i < w->count; i++)
        for (int day = 0; day < DAYS; day++)
            if (w->rules[i].days & 1U << day) {
                int m = until(&w->rules[i], day, minute);
                if (m < least)
                    least = m;
            }
    return least;
}

bool window_is_open(const struct window *w, int minute)
{
    return window_opens_in(w, minute) == 0;
}

/* The minute of the local week, and how far into it. False when there is no such time. */
static bool local_minute(int64_t ms, int *ret, int64_t *ret_into_ms)
{
    struct tm tm;
    time_t s = (time_t)(ms / second_ms);
    if (localtime_r(&s, &tm) == NULL)
        return false;
    *ret = (tm.tm_wday + DAYS - 1) % DAYS * WINDOW_DAY_MIN + tm.tm_hour * 60 + tm.tm_min;
    *ret_into_ms = tm.tm_sec % 60 * second_ms + ms % second_ms;
    return true;
}

bool window_is_open_at(const struct window *w, int64_t now_ms)
{
    int minute;
    int64_t into_ms;
    return w->count == 0 || (local_minute(now_ms, &minute, &into_ms) && window_is_open(w, minute));
}

/* Clocks may change on the way there. So far ahead of the place that was counted out that no change leads past it, it
 * is counted anew; and from there on in steps that pass no window that there is. */
int64_t window_next_open_ms(const struct window *w, int64_t now_ms)
{
    enum { LOOKS = 64, CHANGE_MIN = 180, STEP_MIN = 15 };
    int64_t at_ms = now_ms;
    for (int i = 0; w->count > 0 && i < LOOKS; i++) {
        int minute;
        int64_t into_ms;
        if (!local_minute(at_ms, &minute, &into_ms))
            break;
        int wait = window_opens_in(w, minute);
        if (wait == 0)
            break;
        int step = wait > CHANGE_MIN + STEP_MIN ? wait - CHANGE_MIN : wait < STEP_MIN ? wait : STEP_MIN;
        at_ms += step * minute_ms - into_ms;
    }
    return at_ms;
}
