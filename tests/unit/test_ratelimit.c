/* Token buckets. */
#include "unit.h"

#include "common/ratelimit.h"

static const struct ratelimit_rule rule = {.per_minute = 120, .burst = 10};

static void a_burst_passes_and_then_one_comes_back_every_half_second(void **state)
{
    (void)state;
    struct ratelimit b = {0};
    for (int i = 0; i < 10; i++)
        assert_int_equal(ratelimit_take(&b, &rule, 1, 5000), 0);
    assert_int_equal(ratelimit_take(&b, &rule, 1, 5000), 1);
    assert_int_equal(ratelimit_take(&b, &rule, 1, 5499), 1);
    assert_int_equal(ratelimit_take(&b, &rule, 1, 5500), 0);
    assert_int_equal(ratelimit_take(&b, &rule, 1, 5501), 1);
}

static void being_refused_costs_nothing(void **state)
{
    (void)state;
    struct ratelimit b = {0};
    assert_int_equal(ratelimit_take(&b, &rule, 10, 5000), 0);
    for (int i = 0; i < 100; i++)
        assert_true(ratelimit_take(&b, &rule, 1, 5000 + i) > 0);
    assert_int_equal(ratelimit_take(&b, &rule, 1, 5500), 0);
}

static void the_wait_that_is_told_is_long_enough(void **state)
{
    (void)state;
    struct ratelimit b = {0};
    assert_int_equal(ratelimit_take(&b, &rule, 10, 5000), 0);
    int wait_s = ratelimit_take(&b, &rule, 5, 5000);
    assert_int_equal(wait_s, 3);
    assert_int_equal(ratelimit_take(&b, &rule, 5, 5000 + wait_s * 1000), 0);
}

static void a_long_rest_fills_the_bucket_and_no_more(void **state)
{
    (void)state;
    struct ratelimit b = {0};
    assert_int_equal(ratelimit_take(&b, &rule, 10, 5000), 0);
    int64_t later = INT64_C(1) << 50;
    assert_int_equal(ratelimit_take(&b, &rule, 10, later), 0);
    assert_true(ratelimit_take(&b, &rule, 1, later) > 0);
}

static void a_clock_set_back_neither_refills_nor_blocks_for_ever(void **state)
{
    (void)state;
    struct ratelimit b = {0};
    assert_int_equal(ratelimit_take(&b, &rule, 10, INT64_C(1) << 40), 0);
    assert_int_equal(ratelimit_take(&b, &rule, 1, 5000), 1);
    assert_int_equal(ratelimit_take(&b, &rule, 1, 6000), 0);
}

static void what_costs_more_than_the_burst_takes_a_full_bucket(void **state)
{
    (void)state;
    struct ratelimit b = {0};
    assert_int_equal(ratelimit_take(&b, &rule, 1000, 5000), 0);
    assert_int_equal(ratelimit_take(&b, &rule, 1000, 5000), 5);
}

static void no_rate_is_no_limit_and_the_largest_does_not_overflow(void **state)
{
    (void)state;
    struct ratelimit b = {0};
    struct ratelimit_rule none = {0, 1};
    struct ratelimit_rule most = {1000000000, 1000000000};
    for (int i = 0; i < 100; i++)
        assert_int_equal(ratelimit_take(&b, &none, 1, 5000), 0);
    assert_int_equal(ratelimit_take(&b, &most, 1000000000, 5000), 0);
    assert_int_equal(ratelimit_take(&b, &most, 1, 5000 + 3599999), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_and_then_one_comes_back_every_half_second),
        cmocka_unit_test(being_refused_costs_nothing),
        cmocka_unit_test(the_wait_that_is_told_is_long_enough),
        cmocka_unit_test(a_long_rest_fills_the_bucket_and_no_more),
        cmocka_unit_test(a_clock_set_back_neither_refills_nor_blocks_for_ever),
        cmocka_unit_test(what_costs_more_than_the_burst_takes_a_full_bucket),
        cmocka_unit_test(no_rate_is_no_limit_and_the_largest_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
