/* What a rollout decides from counts: windows, pace, stages, thresholds, error rates, download slots. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "rollout/rollout_rules.h"

#define HOUR_MS INT64_C(3600000)

/* 2026-02-16 was a Monday. */
static int64_t at(int day, int hour, int minute)
{
    return INT64_C(1771200000000) + day * 24 * HOUR_MS + hour * HOUR_MS + minute * INT64_C(60000);
}

static struct rollout_plan with_window(const char *text)
{
    struct rollout_plan plan;
    struct err err = {0};
    rollout_plan_default(&plan);
    assert_int_equal(rollout_window_parse(text, &plan.windows[0], &err), 0);
    plan.window_count = 1;
    return plan;
}

static void without_windows_it_is_always_open(void **state)
{
    struct rollout_plan plan;
    (void)state;
    rollout_plan_default(&plan);
    assert_true(rollout_window_open(&plan, at(3, 12, 0)));
}

static void a_window_is_open_on_its_days_from_its_beginning_to_before_its_end(void **state)
{
    struct rollout_plan plan = with_window("mon,wed 09:00-17:00");
    (void)state;
    assert_false(rollout_window_open(&plan, at(0, 8, 59)));
    assert_true(rollout_window_open(&plan, at(0, 9, 0)));
    assert_true(rollout_window_open(&plan, at(0, 16, 59)));
    assert_false(rollout_window_open(&plan, at(0, 17, 0)));
    assert_false(rollout_window_open(&plan, at(1, 12, 0)));
    assert_true(rollout_window_open(&plan, at(2, 12, 0)));
}

static void a_window_over_midnight_belongs_to_the_day_it_begins_on(void **state)
{
    struct rollout_plan plan = with_window("fri 22:00-04:00");
    (void)state;
    assert_false(rollout_window_open(&plan, at(4, 3, 0)));
    assert_true(rollout_window_open(&plan, at(4, 22, 0)));
    assert_true(rollout_window_open(&plan, at(4, 23, 59)));
    assert_true(rollout_window_open(&plan, at(5, 3, 59)));
    assert_false(rollout_window_open(&plan, at(5, 4, 0)));
    assert_false(rollout_window_open(&plan, at(5, 22, 0)));
}

static void sunday_night_ends_on_monday(void **state)
{
    struct rollout_plan plan = with_window("sun 23:00-01:00");
    (void)state;
    assert_true(rollout_window_open(&plan, at(7, 0, 30)));
    assert_true(rollout_window_open(&plan, at(6, 23, 30)));
    assert_false(rollout_window_open(&plan, at(1, 0, 30)));
}

static void the_pace_is_the_smaller_of_its_limits(void **state)
{
    struct rollout_plan plan = {.max_in_flight = 10};
    (void)state;
    assert_int_equal(rollout_room(&plan, 3, 1000), 7);
    assert_int_equal(rollout_room(&plan, 10, 0), 0);
    assert_int_equal(rollout_room(&plan, 12, 0), 0);
    plan.max_per_minute = 4;
    assert_int_equal(rollout_room(&plan, 0, 1), 3);
    assert_int_equal(rollout_room(&plan, 8, 0), 2);
    assert_int_equal(rollout_room(&plan, 0, 9), 0);
}

static void a_stage_of_a_count_lets_so_many_in_and_one_of_a_percentage_those_below_it(void **state)
{
    int below = 0;
    int64_t limit = 0;
    (void)state;
    rollout_stage_reach(&(struct rollout_stage){.count = 5}, 2, &below, &limit);
    assert_int_equal(below, 100);
    assert_int_equal(limit, 3);
    rollout_stage_reach(&(struct rollout_stage){.count = 5}, 9, &below, &limit);
    assert_int_equal(limit, 0);
    rollout_stage_reach(&(struct rollout_stage){.percent = 25}, 9, &below, &limit);
    assert_int_equal(below, 25);
    assert_true(limit > 1000000);
}

static void thresholds_are_exceeded_only_above_them(void **state)
{
    struct rollout_plan plan = {.fail_percent = 10, .fail_count = ROLLOUT_NO_LIMIT};
    char why[200] = "";
    (void)state;
    assert_false(rollout_failed_too_often(&plan, 0, 0, why, sizeof why));
    assert_false(rollout_failed_too_often(&plan, 5, 50, why, sizeof why));
    assert_true(rollout_failed_too_often(&plan, 6, 50, why, sizeof why));
    assert_string_equal(why, "6 of 50 agents failed; 10 % may");
    plan.fail_percent = 0;
    assert_true(rollout_failed_too_often(&plan, 1, 100000, why, sizeof why));
    plan.fail_percent = ROLLOUT_NO_LIMIT;
    assert_false(rollout_failed_too_often(&plan, 50, 50, why, sizeof why));
    plan.fail_count = 2;
    assert_false(rollout_failed_too_often(&plan, 2, 2, why, sizeof why));
    assert_true(rollout_failed_too_often(&plan, 3, 100000, why, sizeof why));
}

static void a_stage_goes_on_while_somebody_is_under_way(void **state)
{
    struct rollout_stage percent = {.percent = 10}, count = {.count = 5};
    (void)state;
    assert_false(rollout_stage_complete(&percent, &(struct rollout_stage_facts){.in_flight = 1, .well = true}));
    assert_false(rollout_stage_complete(
        &count, &(struct rollout_stage_facts){.in_flight = 1, .offered_in_stages = 5, .well = true}));
}

static void a_stage_of_a_count_waits_for_its_number_or_until_nobody_is_left(void **state)
{
    struct rollout_stage stage = {.count = 5};
    struct rollout_stage_facts facts = {.offered_in_stages = 3, .pending = true, .awaited = true, .well = true};
    (void)state;
    assert_false(rollout_stage_complete(&stage, &facts));
    facts.offered_in_stages = 5;
    assert_true(rollout_stage_complete(&stage, &facts));
    facts.offered_in_stages = 3;
    facts.awaited = false; /* the others have not been heard of for a day */
    assert_true(rollout_stage_complete(&stage, &facts));
}

static void a_stage_of_a_percentage_does_not_wait_for_hosts_that_are_away(void **state)
{
    struct rollout_stage stage = {.percent = 50};
    struct rollout_stage_facts facts = {.pending = true, .awaited = true, .well = true, .candidates = true};
    (void)state;
    assert_false(rollout_stage_complete(&stage, &facts));
    facts.candidates = false;
    assert_true(rollout_stage_complete(&stage, &facts));
}

static void nothing_goes_on_before_one_was_well(void **state)
{
    struct rollout_stage stage = {.percent = 50};
    struct rollout_stage_facts facts = {.pending = true};
    (void)state;
    assert_false(rollout_stage_complete(&stage, &facts));
    facts.pending = false;
    assert_true(rollout_stage_complete(&stage, &facts));
}

static void the_next_stage_begins_after_the_soak_or_by_a_word(void **state)
{
    struct rollout_plan plan;
    struct rollout_stage_facts facts = {.offered_in_stages = 5, .pending = true, .well = true};
    (void)state;
    rollout_plan_default(&plan);
    facts.in_flight = 1;
    assert_int_equal(rollout_next_step(&plan, 0, &facts, 0, 5000), ROLLOUT_STAY);
    facts.in_flight = 0;
    assert_int_equal(rollout_next_step(&plan, 0, &facts, 0, 5000), ROLLOUT_SOAK);
    assert_int_equal(rollout_next_step(&plan, 0, &facts, 5000, 5000 + 599999), ROLLOUT_STAY);
    assert_int_equal(rollout_next_step(&plan, 0, &facts, 5000, 5000 + 600000), ROLLOUT_NEXT_STAGE);
    plan.stages[0].manual = true;
    assert_int_equal(rollout_next_step(&plan, 0, &facts, 5000, 5000 + 999999999), ROLLOUT_STAY);
    assert_int_equal(rollout_next_step(&plan, 3, &facts, 0, 5000), ROLLOUT_FINISH);
}

static void with_nobody_left_it_is_done_but_for_workloads_that_are_to_be_told(void **state)
{
    struct rollout_plan plan;
    struct rollout_stage_facts facts = {.offered_in_stages = 2, .well = true};
    (void)state;
    rollout_plan_default(&plan);
    assert_int_equal(rollout_next_step(&plan, 0, &facts, 0, 5000), ROLLOUT_FINISH);
    plan.stages[2].k8s_automatic = true;
    assert_int_equal(rollout_next_step(&plan, 0, &facts, 0, 5000), ROLLOUT_SOAK);
    assert_int_equal(rollout_next_step(&plan, 2, &facts, 0, 5000), ROLLOUT_FINISH);
}

static bool unhealthy(int64_t after, int64_t after_ms, int64_t before, int64_t others, int64_t other_count)
{
    char why[200];
    struct rollout_errors errors = {after, after_ms, before, 24 * HOUR_MS, others, other_count};
    return rollout_unhealthy(&errors, 5, why, sizeof why);
}

static void errors_make_a_host_unhealthy_beside_its_own_past_and_beside_others(void **state)
{
    (void)state;
    assert_true(unhealthy(20, HOUR_MS, 0, 0, 10));
    assert_false(unhealthy(9, HOUR_MS, 0, 0, 10));       /* too few to say */
    assert_false(unhealthy(20, 10 * HOUR_MS, 0, 0, 10)); /* two an hour */
    assert_false(unhealthy(20, HOUR_MS, 24 * 4, 0, 10)); /* it always had four an hour */
    assert_true(unhealthy(21, HOUR_MS, 24 * 4, 0, 10));
    assert_false(unhealthy(20, HOUR_MS, 0, 40, 10)); /* so have the others */
    assert_true(unhealthy(20, HOUR_MS, 0, 30, 10));
    assert_true(unhealthy(20, HOUR_MS, 0, 0, 0)); /* there are no others */
    assert_true(unhealthy(12, 60000, 0, 0, 10));  /* counted over an hour at least */
    struct rollout_errors errors = {1000, HOUR_MS, 0, HOUR_MS, 0, 0};
    char why[200];
    assert_false(rollout_unhealthy(&errors, ROLLOUT_NO_LIMIT, why, sizeof why));
}

static void slots_fill_the_time_that_the_uplink_needs(void **state)
{
    int64_t last = 0, first = INT64_MAX;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char id[40];
        (void)snprintf(id, sizeof id, "0199f3a0-7c1e-7d33-9c2a-%012x", (unsigned)i * 7919u);
        /* 1000 times a megabyte at 100 Mbit/s: eighty seconds */
        int64_t slot = rollout_slot_ms(id, 1000, 1000, 1000000, 100);
        assert_int_equal(slot, rollout_slot_ms(id, 1000, 1000, 1000000, 100));
        last = slot > last ? slot : last;
        first = slot < first ? slot : first;
    }
    assert_in_range(first, 1000, 2000);
    assert_in_range(last, 80000, 81000);
    assert_int_equal(rollout_slot_ms("a", 1000, 1000, 1000000, 0), 1000);
    assert_int_equal(rollout_slot_ms("a", 1000, 1, 1000000, 100), 1000);
    assert_in_range(rollout_slot_ms("a", 1000, 100000, INT64_C(1) << 40, 1), 1000, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_windows_it_is_always_open),
        cmocka_unit_test(a_window_is_open_on_its_days_from_its_beginning_to_before_its_end),
        cmocka_unit_test(a_window_over_midnight_belongs_to_the_day_it_begins_on),
        cmocka_unit_test(sunday_night_ends_on_monday),
        cmocka_unit_test(the_pace_is_the_smaller_of_its_limits),
        cmocka_unit_test(a_stage_of_a_count_lets_so_many_in_and_one_of_a_percentage_those_below_it),
        cmocka_unit_test(thresholds_are_exceeded_only_above_them),
        cmocka_unit_test(a_stage_goes_on_while_somebody_is_under_way),
        cmocka_unit_test(a_stage_of_a_count_waits_for_its_number_or_until_nobody_is_left),
        cmocka_unit_test(a_stage_of_a_percentage_does_not_wait_for_hosts_that_are_away),
        cmocka_unit_test(nothing_goes_on_before_one_was_well),
        cmocka_unit_test(the_next_stage_begins_after_the_soak_or_by_a_word),
        cmocka_unit_test(with_nobody_left_it_is_done_but_for_workloads_that_are_to_be_told),
        cmocka_unit_test(errors_make_a_host_unhealthy_beside_its_own_past_and_beside_others),
        cmocka_unit_test(slots_fill_the_time_that_the_uplink_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
