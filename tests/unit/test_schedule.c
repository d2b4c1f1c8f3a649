/* When a config is due, and what the scheduler does about it. */
#include <stdio.h>
#include <string.h>

#include "backup/config_options.h"
#include "common/clock.h"
#include "schedule/schedule.h"
#include "unit.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)

static int64_t moment(const char *text)
{
    int64_t ms = 0;
    if (!clock_parse_rfc3339(text, &ms))
        fail_msg("%s is no moment", text);
    return ms;
}

static void read_schedule(const char *options, const char *id, const char *made, struct schedule *ret)
{
    struct err err = {0};
    json_t *json = config_options_complete(options);
    assert_non_null(json);
    if (schedule_init(ret, json, id, moment(made), &err) != 0)
        fail_msg("%s: %s", options, err.msg);
    json_decref(json);
}

static int64_t next(const struct schedule *s, const char *after)
{
    int64_t ms = 0;
    assert_true(schedule_next(s, moment(after), &ms));
    return ms;
}

static void expect_within(int64_t ms, const char *from, int64_t room_ms)
{
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(ms, text);
    if (ms < moment(from) || ms > moment(from) + room_ms)
        fail_msg("%s is not within %lld ms of %s", text, (long long)room_ms, from);
}

#define NIGHTLY "{\"schedule\":{\"cron\":\"0 2 * * *\",\"timeZone\":\"Europe/Berlin\"}}"

static void starts_are_spread_and_each_config_keeps_its_own(void **state)
{
    (void)state;
    struct schedule s;
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 200; i++) {
        char id[40];
        (void)snprintf(id, sizeof id, "0193a000-0000-7000-8000-%012d", i);
        read_schedule(NIGHTLY, id, "2026-01-01T00:00:00Z", &s);
        int64_t first = next(&s, "2026-06-10T12:00:00Z"), second = next(&s, "2026-06-11T12:00:00Z");
        expect_within(first, "2026-06-11T00:00:00Z", 15 * MINUTE);
        assert_int_equal(second - first, 24 * HOUR);
        least = first < least ? first : least;
        most = first > most ? first : most;
        schedule_done(&s);
    }
    assert_true(most - least > 13 * MINUTE);
}

static void a_short_interval_is_spread_over_a_tenth_of_it(void **state)
{
    (void)state;
    struct schedule s;
    for (int i = 0; i < 50; i++) {
        char id[12];
        (void)snprintf(id, sizeof id, "%d", i);
        read_schedule("{\"schedule\":{\"cron\":\"*/10 * * * *\",\"timeZone\":\"UTC\"}}", id, "2026-01-01T00:00:00Z",
                      &s);
        expect_within(next(&s, "2026-06-10T12:05:00Z"), "2026-06-10T12:10:00Z", MINUTE);
        schedule_done(&s);
    }
}

/* Asked at any time, a turn that is put off is neither left out nor told twice. */
static void what_is_put_off_is_still_to_come(void **state)
{
    (void)state;
    struct schedule s;
    read_schedule(NIGHTLY, "0193a000-0000-7000-8000-000000000007", "2026-01-01T00:00:00Z", &s);
    int64_t due = next(&s, "2026-06-10T12:00:00Z"), again = 0;
    assert_true(schedule_next(&s, due - 1, &again));
    assert_int_equal(again, due);
    assert_true(schedule_next(&s, due, &again));
    assert_int_equal(again, due + 24 * HOUR);
    schedule_done(&s);
}

static void a_run_stands_for_the_turns_until_it_began(void **state)
{
    (void)state;
    struct schedule s;
    int64_t due = 0;
    read_schedule("{\"schedule\":{\"cron\":\"0 * * * *\",\"timeZone\":\"UTC\"},"
                  "\"window\":{\"from\":\"22:00\",\"to\":\"04:00\",\"timeZone\":\"UTC\"}}",
                  "0193a000-0000-7000-8000-000000000007", "2026-01-01T00:00:00Z", &s);
    assert_true(next(&s, "2026-06-10T22:00:00Z") < moment("2026-06-10T22:07:00Z")); /* the turn of 22:00 */
    assert_true(schedule_following(&s, moment("2026-06-10T22:00:00Z"), &due));
    expect_within(due, "2026-06-10T23:00:00Z", 6 * MINUTE);
    assert_true(schedule_following(&s, moment("2026-06-11T03:10:00Z"), &due));
    expect_within(due, "2026-06-11T22:00:00Z", 15 * MINUTE);
    schedule_done(&s);
}

static void every_so_many_hours_counts_from_when_the_config_was_made(void **state)
{
    (void)state;
    struct schedule s;
    read_schedule("{\"schedule\":{\"everyHours\":6}}", "a", "2026-06-10T01:30:00Z", &s);
    expect_within(next(&s, "2026-06-10T01:30:00Z"), "2026-06-10T07:30:00Z", 15 * MINUTE);
    expect_within(next(&s, "2026-06-10T09:00:00Z"), "2026-06-10T13:30:00Z", 15 * MINUTE);
    expect_within(next(&s, "2026-07-10T00:00:00Z"), "2026-07-10T01:30:00Z", 15 * MINUTE);
    expect_within(next(&s, "2026-06-01T00:00:00Z"), "2026-06-10T07:30:00Z", 15 * MINUTE);
    schedule_done(&s);
}

static void without_a_schedule_nothing_is_due(void **state)
{
    (void)state;
    struct schedule s;
    int64_t ms = 0;
    read_schedule("{}", "a", "2026-06-10T01:30:00Z", &s);
    assert_false(schedule_next(&s, moment("2026-06-10T02:00:00Z"), &ms));
    assert_true(schedule_open(&s, moment("2026-06-10T02:00:00Z")));
    schedule_done(&s);
}

static void a_window_is_open_from_its_beginning_to_before_its_end(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *zone, *at;
        bool open;
        const char *opens;
    } rows[] = {
        {"22:00", "06:00", "UTC", "2026-06-10T21:59:59Z", false, "2026-06-10T22:00:00Z"},
        {"22:00", "06:00", "UTC", "2026-06-10T22:00:00Z", true, "2026-06-10T22:00:00Z"},
        {"22:00", "06:00", "UTC", "2026-06-11T05:59:59Z", true, "2026-06-11T05:59:59Z"},
        {"22:00", "06:00", "UTC", "2026-06-11T06:00:00Z", false, "2026-06-11T22:00:00Z"},
        {"09:00", "17:00", "UTC", "2026-06-11T17:00:00Z", false, "2026-06-12T09:00:00Z"},
        {"09:00", "17:00", "UTC", "2026-06-11T12:00:00Z", true, "2026-06-11T12:00:00Z"},
        {"22:00", "06:00", "Europe/Berlin", "2026-06-10T20:00:00Z", true, "2026-06-10T20:00:00Z"},
        {"22:00", "06:00", "Europe/Berlin", "2026-12-10T20:00:00Z", false, "2026-12-10T21:00:00Z"},
        {"00:00", "04:00", "Asia/Kathmandu", "2026-06-10T18:14:59Z", false, "2026-06-10T18:15:00Z"},
        /* Its beginning is left out: it opens when the clocks have changed. */
        {"02:30", "05:00", "Europe/Berlin", "2026-03-29T00:30:00Z", false, "2026-03-29T01:00:00Z"},
        /* All of it is left out: it opens a day later. */
        {"02:10", "02:50", "Europe/Berlin", "2026-03-29T00:30:00Z", false, "2026-03-30T00:10:00Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char options[200], text[CLOCK_RFC3339_SIZE];
        struct schedule s;
        (void)snprintf(options, sizeof options, "{\"window\":{\"from\":\"%s\",\"to\":\"%s\",\"timeZone\":\"%s\"}}",
                       rows[i].from, rows[i].to, rows[i].zone);
        read_schedule(options, "a", "2026-01-01T00:00:00Z", &s);
        int64_t opens = schedule_opening(&s, moment(rows[i].at));
        clock_format_rfc3339(opens, text);
        expect_within(opens, rows[i].opens, rows[i].open ? 0 : 15 * MINUTE);
        if (schedule_open(&s, moment(rows[i].at)) != rows[i].open || !schedule_open(&s, opens))
            fail_msg("%s to %s in %s at %s: opens %s", rows[i].from, rows[i].to, rows[i].zone, rows[i].at, text);
        schedule_done(&s);
    }
}

static void what_is_due_outside_of_the_window_waits_for_its_opening(void **state)
{
    (void)state;
    struct schedule s;
    read_schedule("{\"schedule\":{\"cron\":\"0 * * * *\",\"timeZone\":\"UTC\"},"
                  "\"window\":{\"from\":\"22:00\",\"to\":\"04:00\",\"timeZone\":\"UTC\"}}",
                  "a", "2026-01-01T00:00:00Z", &s);
    expect_within(next(&s, "2026-06-10T07:00:00Z"), "2026-06-10T22:00:00Z", 15 * MINUTE);
    expect_within(next(&s, "2026-06-10T23:10:00Z"), "2026-06-11T00:00:00Z", 6 * MINUTE);
    expect_within(next(&s, "2026-06-11T03:30:00Z"), "2026-06-11T22:00:00Z", 15 * MINUTE);
    schedule_done(&s);
}

/* A window of five minutes: being put off by up to fifteen would miss it every day. */
static void a_fleet_does_not_begin_at_the_second_the_window_opens(void **state)
{
    (void)state;
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 100; i++) {
        struct schedule s;
        char id[40];
        (void)snprintf(id, sizeof id, "0193a000-0000-7000-8000-%012d", i);
        read_schedule("{\"window\":{\"from\":\"22:00\",\"to\":\"23:00\",\"timeZone\":\"UTC\"}}", id,
                      "2026-01-01T00:00:00Z", &s);
        int64_t opens = schedule_opening(&s, moment("2026-06-10T07:00:00Z"));
        expect_within(opens, "2026-06-10T22:00:00Z", 6 * MINUTE);
        least = opens < least ? opens : least;
        most = opens > most ? opens : most;
        schedule_done(&s);
    }
    assert_true(most - least > 5 * MINUTE);
}

static void a_turn_is_not_put_off_beyond_its_window(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct schedule s;
        char id[12];
        (void)snprintf(id, sizeof id, "%d", i);
        read_schedule("{\"schedule\":{\"cron\":\"0 2 * * *\",\"timeZone\":\"UTC\"},"
                      "\"window\":{\"from\":\"02:00\",\"to\":\"02:05\",\"timeZone\":\"UTC\"}}",
                      id, "2026-01-01T00:00:00Z", &s);
        expect_within(next(&s, "2026-06-10T12:00:00Z"), "2026-06-11T02:00:00Z", 5 * MINUTE);
        schedule_done(&s);
    }
}

static void what_no_longer_fits_is_said(void **state)
{
    (void)state;
    static const char *const options[] = {
        "{\"schedule\":{\"cron\":\"0 2 * * *\",\"timeZone\":\"Gone/Zone\"}}",
        "{\"schedule\":{\"cron\":\"0 2 * *\",\"timeZone\":\"UTC\"}}",
        "{\"schedule\":{}}",
        "{\"window\":{\"from\":\"1\",\"to\":\"06:00\",\"timeZone\":\"UTC\"}}",
        "{\"window\":{\"from\":\"01:00\",\"to\":\"06:00\",\"timeZone\":\"Gone/Zone\"}}",
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct schedule s;
        struct err err = {0};
        json_t *json = json_loads(options[i], 0, NULL);
        assert_int_equal(schedule_init(&s, json, "a", 0, &err), ERR_INVALID);
        assert_true(err.msg[0] != '\0');
        schedule_done(&s);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_are_spread_and_each_config_keeps_its_own),
        cmocka_unit_test(a_short_interval_is_spread_over_a_tenth_of_it),
        cmocka_unit_test(what_is_put_off_is_still_to_come),
        cmocka_unit_test(a_run_stands_for_the_turns_until_it_began),
        cmocka_unit_test(every_so_many_hours_counts_from_when_the_config_was_made),
        cmocka_unit_test(without_a_schedule_nothing_is_due),
        cmocka_unit_test(a_window_is_open_from_its_beginning_to_before_its_end),
        cmocka_unit_test(what_is_due_outside_of_the_window_waits_for_its_opening),
        cmocka_unit_test(a_fleet_does_not_begin_at_the_second_the_window_opens),
        cmocka_unit_test(a_turn_is_not_put_off_beyond_its_window),
        cmocka_unit_test(what_no_longer_fits_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
