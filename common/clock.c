#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cursor.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_now(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_BOOTTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock system = {.now_ms = system_now, .monotonic_ms = system_monotonic};
    return &system;
}

int64_t clock_now_ms(const struct clock *c)
{
    return c->now_ms(c->ctx);
}

int64_t clock_monotonic_ms(const struct clock *c)
{
    return c->monotonic_ms(c->ctx);
}

static int64_t fake_now(void *ctx)
{
    return ((struct clock_fake *)ctx)->now_ms;
}

static int64_t fake_monotonic(void *ctx)
{
    return ((struct clock_fake *)ctx)->monotonic_ms;
}

void clock_fake_init(struct clock_fake *f, int64_t now_ms)
{
    *f = (struct clock_fake){.now_ms = now_ms, .monotonic_ms = 1};
    f->clock = (struct clock){.now_ms = fake_now, .monotonic_ms = fake_monotonic, .ctx = f};
}

void clock_fake_advance(struct clock_fake *f, int64_t by_ms)
{
    f->now_ms += by_ms;
    f->monotonic_ms += by_ms;
}

void clock_format_rfc3339(int64_t unix_ms, char ret[CLOCK_RFC3339_SIZE])
{
    time_t secs = (time_t)(unix_ms / 1000);
    int ms = (int)(unix_ms % 1000);
    if (ms < 0) {
        ms += 1000;
        secs--;
    }
    struct tm t;
    if (gmtime_r(&secs, &t) == NULL || t.tm_year + 1900 > 9999 || t.tm_year + 1900 < 0) {
        (void)snprintf(ret, CLOCK_RFC3339_SIZE, "1970-01-01T00:00:00.000Z");
        return;
    }
    /* strftime's %Y does not pad years before 1000. */
    int year = snprintf(ret, CLOCK_RFC3339_SIZE, "%04d", t.tm_year + 1900);
    size_t len = (size_t)year + strftime(ret + year, CLOCK_RFC3339_SIZE - (size_t)year, "-%m-%dT%H:%M:%S", &t);
    (void)snprintf(ret + len, CLOCK_RFC3339_SIZE - len, ".%03dZ", ms);
}

/* Exactly width digits. */
static bool fixed_digits(struct cursor *c, int width, int *ret)
{
    if (c->end - c->at < width)
        return false;
    int value = 0;
    for (int i = 0; i < width; i++) {
        if (c->at[i] < '0' || c->at[i] > '9')
            return false;
        value = value * 10 + (c->at[i] - '0');
    }
    c->at += width;
    *ret = value;
    return true;
}

static bool parse_fraction(struct cursor *c, int *ret_ms)
{
    *ret_ms = 0;
    if (!cursor_char(c, '.'))
        return true;
    int scale = 100;
    const char *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        *ret_ms += (*c->at - '0') * scale;
        scale /= 10;
        c->at++;
    }
    return c->at > from;
}

static bool parse_offset(struct cursor *c, int *ret_minutes)
{
    *ret_minutes = 0;
    if (cursor_char(c, 'Z'))
        return true;
    int sign = cursor_char(c, '+') ? 1 : cursor_char(c, '-') ? -1 : 0;
    int hours;
    int minutes;
    if (sign == 0 || !fixed_digits(c, 2, &hours) || !cursor_char(c, ':') || !fixed_digits(c, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar. */
static int64_t days_from_civil(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool clock_parse_rfc3339(const char *s, int64_t *ret_ms)
{
    struct cursor c;
    cursor_init(&c, span_of(s));
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int ms;
    int offset;
    if (!fixed_digits(&c, 4, &year) || !cursor_char(&c, '-') || !fixed_digits(&c, 2, &month) || !cursor_char(&c, '-') ||
        !fixed_digits(&c, 2, &day) || !cursor_char(&c, 'T') || !fixed_digits(&c, 2, &hour) || !cursor_char(&c, ':') ||
        !fixed_digits(&c, 2, &minute) || !cursor_char(&c, ':') || !fixed_digits(&c, 2, &second) ||
        !parse_fraction(&c, &ms) || !parse_offset(&c, &offset) || !cursor_done(&c))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    int64_t minutes = days_from_civil(year, month, day) * 1440 + (int64_t)hour * 60 + minute - offset;
    int64_t secs = minutes * 60 + second;
    *ret_ms = secs * 1000 + ms;
    return true;
}
