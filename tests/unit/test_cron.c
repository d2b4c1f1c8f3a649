/* When a line of cron comes true, in zones whose clocks change. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "schedule/cron.h"
#include "unit.h"

static struct zone *zone_of(const char *name)
{
    struct err err = {0};
    struct zone *zone = NULL;
    if (zone_open(name, &zone, &err) != 0)
        fail_msg("%s: %s", name, err.msg);
    return zone;
}

static int64_t moment(const char *text)
{
    int64_t ms = 0;
    if (!clock_parse_rfc3339(text, &ms))
        fail_msg("%s is no moment", text);
    return ms;
}

/* The next ones after the first moment are the others, one after the other. */
struct row {
    const char *line;
    const char *zone;
    const char *after;
    const char *next[5];
};

static void check(const struct row *row)
{
    struct err err = {0};
    struct cron cron;
    struct zone *zone = zone_of(row->zone);
    int64_t at_ms = moment(row->after);
    if (cron_parse(row->line, &cron, &err) != 0)
        fail_msg("%s: %s", row->line, err.msg);
    for (size_t i = 0; i < 5 && row->next[i] != NULL; i++) {
        char text[CLOCK_RFC3339_SIZE];
        assert_true(cron_next(&cron, zone, at_ms, &at_ms));
        clock_format_rfc3339(at_ms, text);
        if (at_ms != moment(row->next[i]))
            fail_msg("%s in %s after %s: number %zu is %s instead of %s", row->line, row->zone, row->after, i, text,
                     row->next[i]);
    }
    zone_close(zone);
}

#define CHECK_ALL(rows)                                                                                                \
    for (size_t row_ = 0; row_ < sizeof(rows) / sizeof((rows)[0]); row_++)                                             \
    check(&(rows)[row_])

static void lists_ranges_steps_and_names_mean_what_crontab_says(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"30 2 * * *", "UTC", "2026-03-01T02:29:59Z", {"2026-03-01T02:30:00Z", "2026-03-02T02:30:00Z"}},
        {"30 2 * * *", "UTC", "2026-03-01T02:30:00Z", {"2026-03-02T02:30:00Z"}},
        {"0,15,45 8-9 * * *",
         "UTC",
         "2026-03-01T08:40:00Z",
         {"2026-03-01T08:45:00Z", "2026-03-01T09:00:00Z", "2026-03-01T09:15:00Z", "2026-03-01T09:45:00Z",
          "2026-03-02T08:00:00Z"}},
        {"*/20 * * * *",
         "UTC",
         "2026-12-31T23:30:00Z",
         {"2026-12-31T23:40:00Z", "2027-01-01T00:00:00Z", "2027-01-01T00:20:00Z"}},
        {"10-40/15 6 * * *",
         "UTC",
         "2026-03-01T00:00:00Z",
         {"2026-03-01T06:10:00Z", "2026-03-01T06:25:00Z", "2026-03-01T06:40:00Z", "2026-03-02T06:10:00Z"}},
        {"0 0 1 jan,JUL *", "UTC", "2026-01-01T00:00:00Z", {"2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"}},
        {"0 12 * * Mon-Wed", "UTC", "2026-11-27T10:00:00Z", {"2026-11-30T12:00:00Z", "2026-12-01T12:00:00Z"}},
        {"0 12 * * 7", "UTC", "2026-11-27T10:00:00Z", {"2026-11-29T12:00:00Z", "2026-12-06T12:00:00Z"}},
        {"0 12 * * 0", "UTC", "2026-11-27T10:00:00Z", {"2026-11-29T12:00:00Z"}},
        {"0 12 * * SAT-SUN", "UTC", "2026-11-27T10:00:00Z", {"2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z"}},
        {"  0\t12  * * 5-7 ", "UTC", "2026-11-27T13:00:00Z", {"2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z"}},
        {"0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", {"2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"}},
        {"@yearly", "UTC", "2026-11-27T00:00:00Z", {"2027-01-01T00:00:00Z"}},
        {"@monthly", "UTC", "2026-11-27T00:00:00Z", {"2026-12-01T00:00:00Z"}},
        {"@weekly", "UTC", "2026-11-27T00:00:00Z", {"2026-11-29T00:00:00Z"}},
        {"@Daily", "UTC", "2026-11-27T00:00:00Z", {"2026-11-28T00:00:00Z"}},
        {"@hourly", "UTC", "2026-11-27T00:00:00Z", {"2026-11-27T01:00:00Z"}},
    };
    CHECK_ALL(rows);
}

static void two_restricted_day_fields_are_either(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"0 0 13 * 5", "UTC", "2026-11-06T00:00:00Z", {"2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"}},
        {"0 0 1 * MON", "UTC", "2026-11-30T00:00:00Z", {"2026-12-01T00:00:00Z", "2026-12-07T00:00:00Z"}},
        /* Not restricted: */
        {"0 0 * * 5", "UTC", "2026-11-06T00:00:00Z", {"2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"}},
        {"0 0 13 * *", "UTC", "2026-11-06T00:00:00Z", {"2026-11-13T00:00:00Z", "2026-12-13T00:00:00Z"}},
        {"0 0 */2 * 5", "UTC", "2026-11-01T00:00:00Z", {"2026-11-13T00:00:00Z", "2026-11-27T00:00:00Z"}},
        {"0 0 31 2 1", "UTC", "2026-01-01T00:00:00Z", {"2026-02-02T00:00:00Z"}},
    };
    CHECK_ALL(rows);
}

static void the_29th_of_february_comes_in_leap_years(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"0 3 29 2 *", "UTC", "2026-01-01T00:00:00Z", {"2028-02-29T03:00:00Z", "2032-02-29T03:00:00Z"}},
        {"0 3 29 2 *", "Europe/Berlin", "2096-03-01T00:00:00Z", {"2104-02-29T02:00:00Z"}},
        {"0 * 29 2 *", "UTC", "2026-01-01T00:00:00Z", {"2028-02-29T00:00:00Z", "2028-02-29T01:00:00Z"}},
    };
    CHECK_ALL(rows);
}

/* Berlin 2026: 29 March, 2:00 becomes 3:00 (01:00Z); 25 October, 3:00 becomes 2:00 (01:00Z). */
static void a_time_in_the_gap_comes_right_after_it_and_once(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"30 2 * * *",
         "Europe/Berlin",
         "2026-03-27T12:00:00Z",
         {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
        {"0,15,30,45 2 * * *",
         "Europe/Berlin",
         "2026-03-28T02:00:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T00:15:00Z"}},
        {"30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
        {"0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
        {"30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", {"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
        /* Lord Howe goes half an hour: 4 October, 2:00 becomes 2:30 (15:30Z the day before). */
        {"10 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", {"2026-10-03T15:30:00Z", "2026-10-04T15:10:00Z"}},
        {"40 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", {"2026-10-03T15:40:00Z"}},
        /* Havana: midnight itself is left out, 8 March, 0:00 becomes 1:00 (05:00Z). */
        {"0 0 * * *", "America/Havana", "2026-03-07T12:00:00Z", {"2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"}},
        /* Apia left out the whole 30 December 2011. */
        {"0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", {"2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"}},
    };
    CHECK_ALL(rows);
}

static void a_time_that_is_repeated_comes_the_first_time_only(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", {"2026-10-26T01:30:00Z"}},
        {"0 3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", {"2026-10-25T02:00:00Z"}},
        {"0 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", {"2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"}},
        {"30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", {"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
        {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", {"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
    };
    CHECK_ALL(rows);
}

static void lines_of_every_hour_come_when_the_clock_shows_them(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"30 * * * *",
         "Europe/Berlin",
         "2026-03-28T23:31:00Z",
         {"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"}},
        {"30 * * * *",
         "Europe/Berlin",
         "2026-10-24T23:31:00Z",
         {"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}},
        {"30 0-23 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", {"2026-10-25T01:30:00Z"}},
        /* The clock goes from 1:59 to 3:00. */
        {"0 */2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", {"2026-03-29T02:00:00Z", "2026-03-29T04:00:00Z"}},
        {"*/10 * * * *",
         "Australia/Lord_Howe",
         "2026-10-03T15:20:00Z",
         {"2026-10-03T15:30:00Z", "2026-10-03T15:40:00Z"}},
        {"45 * * * *",
         "Australia/Lord_Howe",
         "2026-04-04T14:00:00Z",
         {"2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", "2026-04-04T16:15:00Z"}},
    };
    CHECK_ALL(rows);
}

static void zones_have_odd_offsets(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"0 2 * * *", "Asia/Kathmandu", "2026-03-01T00:00:00Z", {"2026-03-01T20:15:00Z", "2026-03-02T20:15:00Z"}},
        {"0 * * * *", "Asia/Kathmandu", "2026-03-01T00:00:00Z", {"2026-03-01T00:15:00Z"}},
        {"0 0 * * MON", "Asia/Kathmandu", "2026-11-27T00:00:00Z", {"2026-11-29T18:15:00Z"}},
        {"0 2 1 * *", "America/New_York", "2026-11-02T00:00:00Z", {"2026-12-01T07:00:00Z"}},
        {"0 23 * * *", "Australia/Lord_Howe", "2026-12-01T00:00:00Z", {"2026-12-01T12:00:00Z"}},
    };
    CHECK_ALL(rows);
}

static void what_is_no_line_of_cron_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *says;
    } rows[] = {
        {"", "five fields"},
        {"* * * *", "five fields"},
        {"* * * * * *", "five fields"},
        {"@reboot", "five fields"},
        {"60 * * * *", "minute"},
        {"* 24 * * *", "hour"},
        {"* * 0 * *", "day of the month"},
        {"* * 32 * *", "day of the month"},
        {"* * * 13 *", "month"},
        {"* * * foo *", "month"},
        {"* * * * 8", "day of the week"},
        {"* * * * -1", "day of the week"},
        {"5/10 * * * *", "a step needs a range"},
        {"*/0 * * * *", "step"},
        {"*/100 * * * *", "step"},
        {"*/ * * * *", "step"},
        {"22-6 * * * *", "after its end"},
        {"1,,2 * * * *", "minute"},
        {"1, * * * *", "minute"},
        {"1-2-3 * * * *", "not understood"},
        {"*5 * * * *", "not understood"},
        {"001 * * * *", "minute"},
        {"99999999999999999999 * * * *", "minute"},
        {"0 0 31 2 *", "no year"},
        {"0 0 30 feb *", "no year"},
        {"0 0 31 4,6,9,11 *", "no year"},
        {"0 0 31 2 */2", "no year"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {0};
        struct cron cron;
        assert_int_equal(cron_parse(rows[i].line, &cron, &err), ERR_INVALID);
        if (strstr(err.msg, rows[i].says) == NULL)
            fail_msg("%s: says \"%s\", not \"%s\"", rows[i].line, err.msg, rows[i].says);
    }
    char longer[CRON_TEXT_MAX + 20];
    memset(longer, '1', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(cron_parse(longer, &(struct cron){0}, NULL), ERR_INVALID);
}

static void what_is_no_zone_is_refused_with_an_example(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "Europe/Berln",
        "Europe",
        "../../../etc/passwd",
        "/usr/share/zoneinfo/UTC",
        "Europe//Berlin",
        "Europe/",
        "right/UTC",
        "leapseconds",
        "zone.tab",
        "EST5EDT4,M3.2.0,M11.1.0",
        "+05:00",
        "tzdata.zi",
        "Europe/Berlin\n",
        "iso3166.tab",
        "CEST",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct err err = {0};
        struct zone *zone = NULL;
        if (zone_open(names[i], &zone, &err) != ERR_INVALID)
            fail_msg("%s is a zone", names[i]);
        assert_null(zone);
        assert_non_null(strstr(err.msg, "Europe/Berlin, America/New_York or UTC"));
    }
    zone_close(zone_of("Etc/GMT+5"));
    zone_close(NULL);
}

/* Whatever the line, asking from anywhere between two of its moments leads to the later one. */
static void it_does_not_matter_when_one_asks(void **state)
{
    (void)state;
    static const char *const lines[] = {"30 2 * * *", "*/15 * * * *", "0 0 * * 0", "5 1-3 * * *", "0 */3 1,15 * 2"};
    static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana"};
    srandom(7);
    for (size_t l = 0; l < sizeof lines / sizeof lines[0]; l++) {
        for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
            struct cron cron;
            struct zone *zone = zone_of(zones[z]);
            assert_int_equal(cron_parse(lines[l], &cron, NULL), 0);
            int64_t at_ms = moment("2026-01-01T00:00:00Z"), next_ms = 0, again_ms = 0;
            for (int i = 0; i < 400; i++, at_ms = next_ms) {
                assert_true(cron_next(&cron, zone, at_ms, &next_ms));
                assert_true(next_ms > at_ms);
                int64_t between_ms = at_ms + random() % (next_ms - at_ms);
                assert_true(cron_next(&cron, zone, between_ms, &again_ms));
                assert_int_equal(again_ms, next_ms);
                if (next_ms - at_ms < 3600 * 1000) /* a whole year of the others */
                    next_ms += INT64_C(86400000) * 3;
            }
            zone_close(zone);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_ranges_steps_and_names_mean_what_crontab_says),
        cmocka_unit_test(two_restricted_day_fields_are_either),
        cmocka_unit_test(the_29th_of_february_comes_in_leap_years),
        cmocka_unit_test(a_time_in_the_gap_comes_right_after_it_and_once),
        cmocka_unit_test(a_time_that_is_repeated_comes_the_first_time_only),
        cmocka_unit_test(lines_of_every_hour_come_when_the_clock_shows_them),
        cmocka_unit_test(zones_have_odd_offsets),
        cmocka_unit_test(what_is_no_line_of_cron_is_refused_with_the_reason),
        cmocka_unit_test(what_is_no_zone_is_refused_with_an_example),
        cmocka_unit_test(it_does_not_matter_when_one_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
