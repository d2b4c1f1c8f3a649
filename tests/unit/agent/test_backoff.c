#include "../unit.h"

#include "poll/backoff.h"

static const struct backoff fresh = {.base_ms = 1000, .cap_ms = 60000};

static void waits_double_up_to_the_cap(void **state)
{
    (void)state;
    struct backoff b = fresh;
    static const int64_t ceilings[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++)
        assert_int_equal(backoff_next(&b, -1, UINT32_MAX), ceilings[i]);
}

static void a_thousand_failures_overflow_nothing(void **state)
{
    (void)state;
    struct backoff b = fresh;
    for (int i = 0; i < 1000; i++) {
        int64_t wait_ms = backoff_next(&b, -1, UINT32_MAX);
        assert_true(wait_ms > 0 && wait_ms <= 60000);
    }
}

static void jitter_is_full_but_never_a_busy_loop(void **state)
{
    (void)state;
    struct backoff b = {.base_ms = 1000, .cap_ms = 60000, .attempts = 10};
    assert_int_equal(backoff_next(&b, -1, 0), 100);
    assert_true(backoff_next(&b, -1, UINT32_MAX / 2) < 30001);
    assert_true(backoff_next(&b, -1, UINT32_MAX / 2) > 29998);
}

static void success_starts_over(void **state)
{
    (void)state;
    struct backoff b = fresh;
    for (int i = 0; i < 5; i++)
        (void)backoff_next(&b, -1, UINT32_MAX);
    backoff_reset(&b);
    assert_int_equal(backoff_next(&b, -1, UINT32_MAX), 1000);
}

static void what_the_server_asks_for_is_waited_at_least(void **state)
{
    (void)state;
    struct backoff b = fresh;
    assert_int_equal(backoff_next(&b, 30, 0), 30000);
    assert_int_equal(backoff_next(&b, 30, UINT32_MAX), 32000);
}

static void a_server_cannot_send_us_away_forever(void **state)
{
    (void)state;
    struct backoff b = fresh;
    assert_true(backoff_next(&b, INT32_MAX, UINT32_MAX) <= BACKOFF_RETRY_AFTER_MAX_S * 1000 + 60000);
}

static void polls_spread_by_a_tenth(void **state)
{
    (void)state;
    assert_int_equal(backoff_jitter(30000, 0), 27000);
    assert_int_equal(backoff_jitter(30000, UINT32_MAX), 33000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_cap),
        cmocka_unit_test(a_thousand_failures_overflow_nothing),
        cmocka_unit_test(jitter_is_full_but_never_a_busy_loop),
        cmocka_unit_test(success_starts_over),
        cmocka_unit_test(what_the_server_asks_for_is_waited_at_least),
        cmocka_unit_test(a_server_cannot_send_us_away_forever),
        cmocka_unit_test(polls_spread_by_a_tenth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
