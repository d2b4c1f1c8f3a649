#include "unit.h"

#include "common/clock.h"

static void assert_reads(const char *text, int64_t want_ms)
{
    int64_t ms = -1;
    if (!clock_parse_rfc3339(text, &ms))
        fail_msg("%s was refused", text);
    assert_int_equal(ms, want_ms);
}

static void assert_refused(const char *text)
{
    int64_t ms = 42;
    if (clock_parse_rfc3339(text, &ms))
        fail_msg("%s was accepted", text);
    assert_int_equal(ms, 42);
}

static void assert_writes(int64_t ms, const char *want)
{
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(ms, text);
    assert_string_equal(text, want);
}

static void times_are_written_in_utc_with_milliseconds(void **state)
{
    (void)state;
    assert_writes(0, "1970-01-01T00:00:00.000Z");
    assert_writes(1771185600123, "2026-02-15T20:00:00.123Z");
    assert_writes(951782400000, "2000-02-29T00:00:00.000Z");
    assert_writes(253402300799999, "9999-12-31T23:59:59.999Z");
}

static void times_before_1970_count_backwards(void **state)
{
    (void)state;
    assert_writes(-1, "1969-12-31T23:59:59.999Z");
    assert_writes(-1000, "1969-12-31T23:59:59.000Z");
    assert_writes(-62135596800000, "0001-01-01T00:00:00.000Z");
}

static void times_no_calendar_holds_become_the_epoch(void **state)
{
    (void)state;
    assert_writes(INT64_MAX, "1970-01-01T00:00:00.000Z");
    assert_writes(INT64_MIN, "1970-01-01T00:00:00.000Z");
    assert_writes(253402300800000, "1970-01-01T00:00:00.000Z");
}

static void written_times_are_read_back(void **state)
{
    (void)state;
    static const int64_t times[] = {0, -1, 1, 999, 1000, 951782399999, 4102444800000, -62135596800000, 253402300799999};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char text[CLOCK_RFC3339_SIZE];
        clock_format_rfc3339(times[i], text);
        assert_reads(text, times[i]);
    }
}

static void fractions_are_cut_to_milliseconds(void **state)
{
    (void)state;
    assert_reads("1970-01-01T00:00:00.5Z", 500);
    assert_reads("1970-01-01T00:00:00.1239999999999999999Z", 123);
    assert_reads("1970-01-01T00:00:00Z", 0);
}

static void offsets_are_taken_off(void **state)
{
    (void)state;
    assert_reads("1970-01-01T01:00:00+01:00", 0);
    assert_reads("1969-12-31T19:30:00-04:30", 0);
    assert_reads("2026-02-15T20:00:00-00:00", 1771185600000);
}

static void leap_days_exist_in_leap_years_only(void **state)
{
    (void)state;
    assert_reads("2024-02-29T00:00:00Z", 1709164800000);
    assert_reads("2000-02-29T00:00:00Z", 951782400000);
    assert_refused("2023-02-29T00:00:00Z");
    assert_refused("1900-02-29T00:00:00Z");
    assert_refused("2026-04-31T00:00:00Z");
}

static void a_leap_second_is_the_next_second(void **state)
{
    (void)state;
    assert_reads("2016-12-31T23:59:60Z", 1483228800000);
    assert_refused("2016-12-31T23:59:61Z");
}

static void what_is_not_rfc3339_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "2026",
        "2026-02-15",
        "2026-02-15T20:00:00",
        "2026-02-15 20:00:00Z",
        "2026-02-15T20:00:00z",
        "2026-02-15T20:00:00Zx",
        " 2026-02-15T20:00:00Z",
        "2026-2-15T20:00:00Z",
        "2026-13-15T20:00:00Z",
        "2026-00-15T20:00:00Z",
        "2026-02-00T20:00:00Z",
        "2026-02-15T24:00:00Z",
        "2026-02-15T20:60:00Z",
        "2026-02-15T20:00:00.Z",
        "2026-02-15T20:00:00+0100",
        "2026-02-15T20:00:00+24:00",
        "2026-02-15T20:00:00+01:60",
        "+026-02-15T20:00:00Z",
        "-026-02-15T20:00:00Z",
        "2026-02-15T20:00:0\xc2Z",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_refused(wrong[i]);
}

static void the_system_clock_is_after_this_was_written_and_never_goes_back(void **state)
{
    (void)state;
    assert_true(clock_now_ms(clock_system()) > 1735689600000); /* 2025 */
    int64_t a = clock_monotonic_ms(clock_system());
    assert_true(a > 0);
    assert_true(clock_monotonic_ms(clock_system()) >= a);
}

static void a_fake_clock_moves_only_when_told(void **state)
{
    (void)state;
    struct clock_fake f;
    clock_fake_init(&f, 1000);
    assert_int_equal(clock_now_ms(&f.clock), 1000);
    int64_t before = clock_monotonic_ms(&f.clock);
    clock_fake_advance(&f, 250);
    assert_int_equal(clock_now_ms(&f.clock), 1250);
    assert_int_equal(clock_monotonic_ms(&f.clock), before + 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
        cmocka_unit_test(times_before_1970_count_backwards),
        cmocka_unit_test(times_no_calendar_holds_become_the_epoch),
        cmocka_unit_test(written_times_are_read_back),
        cmocka_unit_test(fractions_are_cut_to_milliseconds),
        cmocka_unit_test(offsets_are_taken_off),
        cmocka_unit_test(leap_days_exist_in_leap_years_only),
        cmocka_unit_test(a_leap_second_is_the_next_second),
        cmocka_unit_test(what_is_not_rfc3339_is_refused),
        cmocka_unit_test(the_system_clock_is_after_this_was_written_and_never_goes_back),
        cmocka_unit_test(a_fake_clock_moves_only_when_told),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
