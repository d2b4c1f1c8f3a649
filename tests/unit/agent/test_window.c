#include "../unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "update/window.h"

enum { MON, TUE, WED, THU, FRI, SAT, SUN };

static int at(int day, int hour, int minute)
{
    return day * WINDOW_DAY_MIN + hour * 60 + minute;
}

static struct window parsed(const char *text)
{
    struct window w;
    struct err err = {0};
    int rc = window_parse(text, &w, &err);
    if (rc != 0)
        print_error("%s: %s\n", text, err.msg);
    assert_int_equal(rc, 0);
    return w;
}

static void assert_open(const char *text, int minute)
{
    struct window w = parsed(text);
    assert_true(window_is_open(&w, minute));
}

static void assert_shut(const char *text, int minute)
{
    struct window w = parsed(text);
    assert_false(window_is_open(&w, minute));
}

static void no_window_is_always_open(void **state)
{
    (void)state;
    for (int minute = 0; minute < WINDOW_WEEK_MIN; minute++) {
        assert_open("", minute);
        assert_open(NULL, minute);
        assert_open("  ", minute);
    }
}

static void it_opens_on_its_days_and_hours_only(void **state)
{
    static const char text[] = "mon-fri 02:00-05:00, sat,sun 00:00-24:00";
    (void)state;
    for (int day = MON; day <= FRI; day++) {
        assert_shut(text, at(day, 1, 59));
        assert_open(text, at(day, 2, 0));
        assert_open(text, at(day, 4, 59));
        assert_shut(text, at(day, 5, 0));
        assert_shut(text, at(day, 23, 59));
    }
    for (int minute = at(SAT, 0, 0); minute < WINDOW_WEEK_MIN; minute++)
        assert_open(text, minute);
}

static void days_are_written_in_many_ways(void **state)
{
    (void)state;
    assert_open("SAT-Mon 10:00-11:00", at(SUN, 10, 30));
    assert_open("sat-mon 10:00-11:00", at(MON, 10, 30));
    assert_shut("sat-mon 10:00-11:00", at(TUE, 10, 30));
    assert_open("mon , wed-thu ,fri\t10:00-11:00 , sun 01:00-02:00 ", at(FRI, 10, 0));
    assert_open("mon , wed-thu ,fri\t10:00-11:00 , sun 01:00-02:00 ", at(SUN, 1, 0));
    assert_shut("mon , wed-thu ,fri\t10:00-11:00 , sun 01:00-02:00 ", at(TUE, 10, 0));
    assert_open("01:00-02:00, 22:00-23:00", at(WED, 22, 0));
    assert_open("mon-sun 00:00-24:00", at(SUN, 23, 59));
}

static void one_that_crosses_midnight_ends_on_the_next_day(void **state)
{
    (void)state;
    assert_open("fri 22:00-02:00", at(FRI, 22, 0));
    assert_open("fri 22:00-02:00", at(SAT, 1, 59));
    assert_shut("fri 22:00-02:00", at(SAT, 2, 0));
    assert_shut("fri 22:00-02:00", at(FRI, 1, 0));
    assert_open("sun 23:00-01:00", at(MON, 0, 59));
    assert_shut("sun 23:00-01:00", at(SUN, 0, 59));
    assert_open("sun 23:00-00:00", at(SUN, 23, 59));
    assert_shut("sun 23:00-00:00", at(MON, 0, 0));
}

static void the_wait_ends_when_it_opens(void **state)
{
    static const char *const texts[] = {"mon-fri 02:00-05:00, sat,sun 00:00-24:00", "sun 23:00-01:00", "12:00-12:01",
                                        "wed 00:00-00:01"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct window w = parsed(texts[i]);
        for (int minute = 0; minute < WINDOW_WEEK_MIN; minute++) {
            int wait = window_opens_in(&w, minute);
            assert_true(wait >= 0 && wait < WINDOW_WEEK_MIN);
            assert_true(window_is_open(&w, (minute + wait) % WINDOW_WEEK_MIN));
            assert_true(wait == 0 || !window_is_open(&w, (minute + wait - 1) % WINDOW_WEEK_MIN));
        }
    }
}

static void what_is_not_understood_is_refused(void **state)
{
    static const char *const wrong[] = {
        "mon",
        "mon-fri",
        "02:00",
        "02:00-",
        "2:00-5:00",
        "02:00-05:00:00",
        "02:00-24:01",
        "24:00-02:00",
        "02:60-03:00",
        "25:00-26:00",
        "02:00-02:00",
        "mon 02:00-05:00,",
        ",",
        "mon 02:00-05:00 tue 02:00-05:00",
        "mon 02:00-05:00, 06:00-07:00",
        "06:00-07:00, mon 02:00-05:00",
        "monday 02:00-05:00",
        "mo 02:00-05:00",
        "mon- 02:00-05:00",
        "mon-tue-wed 02:00-05:00",
        "mon,, tue 02:00-05:00",
        "at night",
        "02:00-05:00 UTC",
        "01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,"
        "01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00,01:00-02:00",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct window w = {.count = 77};
        struct err err = {0};
        if (window_parse(wrong[i], &w, &err) != ERR_INVALID)
            fail_msg("%s is taken", wrong[i]);
        assert_int_equal(w.count, 77);
        assert_true(err.msg[0] != '\0');
    }
}

static int64_t moment(const char *text)
{
    int64_t ms = 0;
    assert_true(clock_parse_rfc3339(text, &ms));
    return ms;
}

static void in_zone(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

static void times_are_local(void **state)
{
    struct window w = parsed("thu 02:00-05:00");
    (void)state;
    in_zone("UTC0");
    assert_true(window_is_open_at(&w, moment("2026-01-01T02:00:00Z"))); /* a Thursday */
    assert_false(window_is_open_at(&w, moment("2026-01-01T05:00:00Z")));
    in_zone("EST5");
    assert_false(window_is_open_at(&w, moment("2026-01-01T02:00:00Z")));
    assert_true(window_is_open_at(&w, moment("2026-01-01T07:00:00Z")));
    assert_true(window_next_open_ms(&w, moment("2026-01-01T06:59:59.999Z")) == moment("2026-01-01T07:00:00Z"));
    assert_true(window_next_open_ms(&w, moment("2026-01-01T07:30:00.5Z")) == moment("2026-01-01T07:30:00.5Z"));
    assert_true(window_next_open_ms(&w, moment("2026-01-01T10:00:00Z")) == moment("2026-01-08T07:00:00Z"));
}

/* Central Europe: on 2026-03-29 clocks go from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00. */
static void a_change_of_clocks_on_the_way_is_seen(void **state)
{
    struct window w = parsed("sun 04:00-05:00");
    struct window lost = parsed("sun 02:00-03:00");
    (void)state;
    in_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_true(window_next_open_ms(&w, moment("2026-03-28T12:00:00Z")) == moment("2026-03-29T02:00:00Z"));
    assert_true(window_next_open_ms(&w, moment("2026-10-24T12:00:00Z")) == moment("2026-10-25T03:00:00Z"));
    int64_t next = window_next_open_ms(&lost, moment("2026-03-28T12:00:00Z")); /* there is none that night */
    assert_true(window_is_open_at(&lost, next));
    assert_true(next == moment("2026-04-05T00:00:00Z"));
    in_zone("UTC0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_window_is_always_open),
        cmocka_unit_test(it_opens_on_its_days_and_hours_only),
        cmocka_unit_test(days_are_written_in_many_ways),
        cmocka_unit_test(one_that_crosses_midnight_ends_on_the_next_day),
        cmocka_unit_test(the_wait_ends_when_it_opens),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(times_are_local),
        cmocka_unit_test(a_change_of_clocks_on_the_way_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
