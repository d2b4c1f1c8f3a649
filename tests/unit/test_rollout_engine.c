/* The engine on a real database with a clock that the test moves: what it offers, what it waits for, what it takes for
 * a failure, and what not. */
#include "fixture_rollout.h"

static void no_more_than_the_pace_is_under_way(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    add_agents(f, 0, 25, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    for (int i = 0; i < 3; i++)
        tick(f);
    assert_int_equal(count_state(f, "offered"), 10);
    assert_int_equal(everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", ""), 10);
    tick(f);
    assert_int_equal(count_state(f, "committed"), 10);
    assert_int_equal(count_state(f, "offered"), 10);
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", "");
    tick(f);
    assert_int_equal(everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", ""), 5);
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'done'"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_updates WHERE offer_rollout_id IS NOT NULL"), 0);
}

static void offers_a_minute_are_limited_and_the_minute_passes(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 100);
    plan.max_per_minute = 4;
    add_agents(f, 0, 25, "0.1.0");
    add_release(f, "0.2.0", "");
    (void)begin(f, "0.2.0", &plan);
    tick(f);
    clock_fake_advance(&f->clock, 59000);
    tick(f);
    assert_int_equal(count_state(f, "offered"), 4);
    clock_fake_advance(&f->clock, 1000);
    tick(f);
    assert_int_equal(count_state(f, "offered"), 8);
}

static void the_last_of_a_stage_has_to_end_before_the_stage_has(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 1);
    plan.stages[0] = (struct rollout_stage){.count = 2, .soak_s = 60};
    plan.stages[1] = (struct rollout_stage){.percent = 100};
    plan.stage_count = 2;
    add_agents(f, 0, 10, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", "");
    tick(f);
    assert_int_equal(count_state(f, "offered"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE stage_done_ms IS NULL"), 1);
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", "");
    tick(f);
    assert_int_equal(number(f, "SELECT stage_done_ms FROM rollouts"), f->clock.now_ms);
    assert_int_equal(count_state(f, "offered"), 0);
    clock_fake_advance(&f->clock, 59999);
    tick(f);
    assert_int_equal(number(f, "SELECT stage FROM rollouts"), 0);
    clock_fake_advance(&f->clock, 1);
    tick(f);
    assert_int_equal(number(f, "SELECT stage FROM rollouts"), 1);
    assert_int_equal(count_state(f, "offered"), 1);
}

static void outside_its_windows_nothing_is_offered(void **state)
{
    struct fleet *f = *state;
    struct err err = {0};
    struct rollout_plan plan = plan_of(100, 10);
    /* The fixture's clock begins on a Sunday at 15:06:40. */
    assert_int_equal(rollout_window_parse("sun 16:00-17:00", &plan.windows[0], &err), 0);
    plan.window_count = 1;
    add_agents(f, 0, 5, "0.1.0");
    add_release(f, "0.2.0", "");
    (void)begin(f, "0.2.0", &plan);
    tick(f);
    assert_int_equal(count_state(f, "pending"), 5);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'running'"), 1);
    clock_fake_advance(&f->clock, 3600 * 1000);
    everybody_beats(f);
    tick(f);
    assert_int_equal(count_state(f, "offered"), 5);
}

static void a_percentage_lets_in_the_buckets_below_it(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(30, 1000);
    add_agents(f, 0, 400, "0.1.0");
    add_release(f, "0.2.0", "");
    (void)begin(f, "0.2.0", &plan);
    tick(f);
    assert_in_range(count_state(f, "offered"), 80, 160);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members WHERE (bucket < 30) <> (state = 'offered')"), 0);
}

static void those_who_are_away_or_not_able_are_not_offered_anything(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    add_agents(f, 0, 7, "0.1.0");
    sql(f, "UPDATE agents SET offline_after_ms = 1 WHERE id LIKE '%0'");
    sql(f, "UPDATE agents SET deactivated_ms = 1 WHERE id LIKE '%1'");
    sql(f, "UPDATE agents SET capabilities = '[]' WHERE id LIKE '%2'");
    sql(f, "UPDATE agents SET deployment_mode = 'container' WHERE id LIKE '%3'");
    sql(f, "UPDATE agents SET version = '0.3.0' WHERE id LIKE '%4'");
    sql(f, "UPDATE agents SET version = '0.2.0' WHERE id LIKE '%5'");
    add_release(f, "0.2.0", "");
    (void)begin(f, "0.2.0", &plan);
    tick(f);
    assert_int_equal(count_state(f, "offered"), 1);
    assert_int_equal(count_state(f, "away"), 2);
    assert_int_equal(count_state(f, "skipped"), 2);
    assert_int_equal(count_state(f, "available"), 1);
    assert_int_equal(count_state(f, "current"), 1);
}

static void silence_until_the_deadline_is_a_failure_that_says_so(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    plan.fail_percent = ROLLOUT_NO_LIMIT;
    add_agents(f, 0, 1, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    say(f, agent_id(0), id, UPDATE_DOWNLOADING, "0.2.0", "");
    for (int i = 0; i < 89; i++) { /* the server is there all the time */
        clock_fake_advance(&f->clock, 10000);
        tick(f);
    }
    assert_int_equal(count_state(f, "downloading"), 1);
    for (int i = 0; i < 2; i++) {
        clock_fake_advance(&f->clock, 10000);
        tick(f);
    }
    assert_int_equal(count_state(f, "silent"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members WHERE reason LIKE '%900 s after: downloading'"),
                     1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_updates WHERE offer_rollout_id IS NOT NULL"), 0);
}

static void one_that_is_there_but_does_not_move_on_has_failed_or_waits(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    plan.fail_percent = ROLLOUT_NO_LIMIT;
    add_agents(f, 0, 3, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    say(f, agent_id(0), id, UPDATE_DOWNLOADING, "0.2.0", "");
    say(f, agent_id(1), id, UPDATE_WAITING, "0.2.0", "");
    sql(f, "UPDATE agents SET version = '0.2.0' WHERE id LIKE '%2'"); /* its reports are lost */
    sql(f, "UPDATE rollout_members SET deadline_ms = 1");
    tick(f);
    assert_int_equal(count_state(f, "failed"), 1);
    assert_int_equal(count_state(f, "away"), 1);
    assert_int_equal(count_state(f, "committed"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members WHERE state = 'away' AND offered_ms IS NULL"), 1);
    clock_fake_advance(&f->clock, 901 * 1000);
    everybody_beats(f);
    tick(f);
    assert_int_equal(count_state(f, "offered"), 1);
}

static void one_that_says_something_else_each_time_but_never_ends_has_failed(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 1);
    plan.silence_s = 20;
    add_agents(f, 0, 1, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    for (int i = 0; i < 100 && count_state(f, "failed") == 0; i++) {
        (void)everybody_says(f, id, i % 2 == 0 ? UPDATE_DOWNLOADING : UPDATE_VERIFYING, "0.2.0", "");
        clock_fake_advance(&f->clock, 15000);
        everybody_beats(f);
        tick(f);
        if (i < 25)
            assert_int_equal(count_state(f, "failed"), 0);
    }
    assert_int_equal(count_state(f, "failed"), 1);
}

static void one_that_waits_for_its_slot_is_not_late(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    char text[160];
    add_agents(f, 0, 1, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    int64_t slot_ms = f->clock.now_ms + 2 * 3600 * 1000;
    (void)snprintf(text, sizeof text, "UPDATE agent_updates SET offer_not_before_ms = %" PRId64, slot_ms);
    sql(f, text);
    say(f, agent_id(0), id, UPDATE_WAITING, "0.2.0", "");
    assert_int_equal(number(f, "SELECT deadline_ms FROM rollout_members"), slot_ms + 900 * 1000);
}

static void the_servers_own_absence_is_nobodys_silence(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    add_agents(f, 0, 5, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    (void)everybody_says(f, id, UPDATE_DOWNLOADING, "0.2.0", "");
    clock_fake_advance(&f->clock, 10 * 3600 * 1000);
    tick(f);
    assert_int_equal(count_state(f, "downloading"), 5);
    char text[160];
    (void)snprintf(text, sizeof text, "SELECT COUNT(*) FROM rollout_members WHERE deadline_ms > %" PRId64,
                   f->clock.now_ms + 100 * 1000);
    assert_int_equal(number(f, text), 5);
}

static void a_server_that_hears_nobody_judges_nobody(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(50, 100);
    add_agents(f, 0, 20, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    int64_t offered = count_state(f, "offered");
    assert_in_range(offered, 1, 18);
    (void)everybody_says(f, id, UPDATE_DOWNLOADING, "0.2.0", "");
    for (int i = 0; i < 200; i++) { /* it runs, but the network before it is gone */
        clock_fake_advance(&f->clock, 10000);
        tick(f);
    }
    assert_int_equal(count_state(f, "downloading"), offered);
    assert_int_equal(count_state(f, "silent"), 0);
    /* The others are heard again: now it is these that are silent. */
    char text[300];
    (void)snprintf(text, sizeof text,
                   "UPDATE agents SET last_seen_ms = %" PRId64 " WHERE id NOT IN (SELECT agent_id FROM rollout_members "
                   "WHERE state = 'downloading')",
                   f->clock.now_ms + 125000);
    sql(f, text);
    for (int i = 0; i < 13; i++) {
        clock_fake_advance(&f->clock, 10000);
        tick(f);
    }
    assert_int_equal(count_state(f, "silent"), offered);
}

static void too_many_failures_pause_it_with_an_alert_and_take_offers_back(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 20);
    add_agents(f, 0, 50, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    assert_int_equal(some_say(f, 2, id, UPDATE_FAILED, "0.2.0", "no space left"), 2);
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'running'"), 1);
    assert_int_equal(some_say(f, 2, id, UPDATE_RESTORED, "0.2.0", "crashed: signal 6"), 2);
    tick(f);
    assert_int_equal(
        number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'paused' AND reason LIKE '4 of 22 agents%'"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM alerts WHERE kind = 'rollout.paused'"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_updates WHERE offer_rollout_id IS NOT NULL"), 0);
    assert_int_equal(count_state(f, "offered"), 0);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM audit WHERE action = 'rollout.pause' AND actor = 'system'"), 1);
}

static void a_host_is_unhealthy_beside_others_that_are_not(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 2);
    char text[400];
    plan.fail_percent = ROLLOUT_NO_LIMIT;
    add_agents(f, 0, 6, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", "");
    clock_fake_advance(&f->clock, 60000);
    (void)snprintf(text, sizeof text,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) "
                   "INSERT INTO agent_logs (agent_id, epoch, seq, level, kind, message, timestamp_ms, received_ms) "
                   "SELECT m.agent_id, 'e', n.i, 3, 'log', 'x', 1, %" PRId64 " FROM n, (SELECT agent_id FROM "
                   "rollout_members WHERE state = 'committed' ORDER BY agent_id LIMIT 1) m",
                   f->clock.now_ms);
    sql(f, text);
    tick(f);
    assert_int_equal(count_state(f, "unhealthy"), 1);
    assert_int_equal(count_state(f, "committed"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members WHERE reason LIKE '30 errors since%'"), 1);
}

static void a_host_that_enrols_later_is_found_and_one_that_was_away_is_caught(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    add_agents(f, 0, 3, "0.1.0");
    sql(f, "UPDATE agents SET offline_after_ms = 1 WHERE id LIKE '%0'");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", "");
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'done'"), 1);
    clock_fake_advance(&f->clock, 601 * 1000);
    add_agents(f, 3, 4, "0.1.0");
    everybody_beats(f);
    tick(f);
    assert_int_equal(count_state(f, "offered"), 2);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'done'"), 1);
}

static void the_next_rollout_takes_late_hosts_over(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10), narrow = plan_of(1, 10);
    add_agents(f, 0, 3, "0.1.0");
    sql(f, "UPDATE agents SET offline_after_ms = 1 WHERE id LIKE '%0'");
    add_release(f, "0.2.0", "");
    add_release(f, "0.3.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", "");
    tick(f);
    clock_fake_advance(&f->clock, 1000);
    (void)begin(f, "0.3.0", &narrow);
    everybody_beats(f);
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_updates WHERE offer_version = '0.2.0'"), 0);
}

static void what_is_below_the_minimum_does_not_wait_for_its_stage(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(1, 10);
    add_agents(f, 0, 20, "0.1.5");
    add_agents(f, 20, 35, "0.1.0");
    add_release(f, "0.2.0", "0.1.5");
    sql(f, "UPDATE users SET role = 'operator'"); /* nobody for whom the server could begin a rollout itself */
    (void)begin(f, "0.2.0", &plan);
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members WHERE urgent = 1 AND state = 'offered'"), 10);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members WHERE urgent = 0 AND state = 'offered'"), 0);
}

static void the_server_begins_a_rollout_of_its_own_for_what_is_below_the_minimum_once(void **state)
{
    struct fleet *f = *state;
    add_agents(f, 0, 20, "0.1.5");
    add_agents(f, 20, 25, "0.1.0");
    add_release(f, "0.2.0", "0.1.5");
    tick(f);
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE kind = 'minimum'"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members"), 5);
    assert_int_equal(count_state(f, "offered"), 5);
    sql(f, "UPDATE rollouts SET state = 'aborted'");
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts"), 1);
}

static void all_of_a_large_fleet_is_looked_at_before_anybody_is_offered(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 15);
    add_agents(f, 0, 3500, "0.1.0");
    add_release(f, "0.2.0", "");
    plan.stages[0] = (struct rollout_stage){.count = 15};
    (void)begin(f, "0.2.0", &plan);
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members"), 3500);
    /* Bucket 0 has more than fifteen of them, its part in the first chunk fewer. */
    assert_int_equal(count_state(f, "offered"), 15);
    assert_int_equal(number(f, "SELECT MAX(bucket) FROM rollout_members WHERE state = 'offered'"), 0);
}

static void however_many_go_on_each_gets_its_turn(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    add_agents(f, 0, 3, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    sql(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) "
           "INSERT INTO rollouts (id, user_id, kind, version, previous_version, channel, target, stages, windows, "
           "max_in_flight, max_per_minute, silence_s, state, scanned, created_ms, updated_ms) "
           "SELECT printf('0199f3a0-0000-7000-8000-%012x', i), user_id, kind, version, previous_version, channel, "
           "target, stages, windows, max_in_flight, max_per_minute, silence_s, state, 0, 1, 1 FROM rollouts, n");
    tick(f);
    assert_int_equal(everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", ""), 3);
}

static void one_person_has_no_end_of_rollouts_under_way(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    struct err err = {0};
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    sql(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99) "
           "INSERT INTO rollouts (id, user_id, kind, version, previous_version, channel, target, stages, windows, "
           "max_in_flight, max_per_minute, silence_s, state, created_ms, updated_ms) "
           "SELECT printf('0199f3a0-0000-7000-8000-%012x', i), user_id, kind, version, previous_version, channel, "
           "target, stages, windows, max_in_flight, max_per_minute, silence_s, 'paused', 1, 1 FROM rollouts, n");
    json_t *target = json_pack("{s:b}", "all", 1);
    struct rollout_new new = {.audit_key = secrets_audit_key(f->app.secrets),
                              .audit = {.actor = "cli:0", .address = "", .request_id = ""},
                              .kind = ROLLOUT_STAGED,
                              .owner_id = f->owner,
                              .version = "0.2.0",
                              .target = target,
                              .plan = plan,
                              .now_ms = f->clock.now_ms};
    assert_int_equal(db_write(f->app.writer, write_new, &new, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "abort"));
    sql(f, "UPDATE rollouts SET state = 'aborted' WHERE state = 'paused'");
    expect_ok(db_write(f->app.writer, write_new, &new, &err), &err);
    assert_string_not_equal(new.id, id);
    json_decref(target);
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, fleet_setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FLEET(no_more_than_the_pace_is_under_way),
        WITH_FLEET(offers_a_minute_are_limited_and_the_minute_passes),
        WITH_FLEET(the_last_of_a_stage_has_to_end_before_the_stage_has),
        WITH_FLEET(outside_its_windows_nothing_is_offered),
        WITH_FLEET(a_percentage_lets_in_the_buckets_below_it),
        WITH_FLEET(those_who_are_away_or_not_able_are_not_offered_anything),
        WITH_FLEET(silence_until_the_deadline_is_a_failure_that_says_so),
        WITH_FLEET(one_that_is_there_but_does_not_move_on_has_failed_or_waits),
        WITH_FLEET(one_that_says_something_else_each_time_but_never_ends_has_failed),
        WITH_FLEET(one_that_waits_for_its_slot_is_not_late),
        WITH_FLEET(the_servers_own_absence_is_nobodys_silence),
        WITH_FLEET(a_server_that_hears_nobody_judges_nobody),
        WITH_FLEET(too_many_failures_pause_it_with_an_alert_and_take_offers_back),
        WITH_FLEET(a_host_is_unhealthy_beside_others_that_are_not),
        WITH_FLEET(a_host_that_enrols_later_is_found_and_one_that_was_away_is_caught),
        WITH_FLEET(the_next_rollout_takes_late_hosts_over),
        WITH_FLEET(what_is_below_the_minimum_does_not_wait_for_its_stage),
        WITH_FLEET(the_server_begins_a_rollout_of_its_own_for_what_is_below_the_minimum_once),
        WITH_FLEET(one_person_has_no_end_of_rollouts_under_way),
        WITH_FLEET(however_many_go_on_each_gets_its_turn),
        WITH_FLEET(all_of_a_large_fleet_is_looked_at_before_anybody_is_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
