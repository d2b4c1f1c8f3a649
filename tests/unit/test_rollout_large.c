/* Fleets and rollouts that are too large for one step of the engine, which holds the database's writer. */
#include "fixture_rollout.h"

static int write_change(struct db *db, void *ctx, struct err *err)
{
    return act_change(db, ctx, err);
}

static void change(struct fleet *f, const char *id, enum rollout_act act)
{
    struct err err = {0};
    struct rollout_change c = {.audit_key = secrets_audit_key(f->app.secrets),
                               .audit = {.time_ms = f->clock.now_ms, .actor = "cli:0", .address = "", .request_id = ""},
                               .act = act,
                               .id = id,
                               .now_ms = f->clock.now_ms};
    expect_ok(db_write(f->app.writer, write_change, &c, &err), &err);
}

static void all_offers_of_a_large_rollout_are_taken_back_in_steps(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 2000);
    add_agents(f, 0, 1900, "0.1.0");
    add_release(f, "0.2.0", "");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    assert_int_equal(count_state(f, "offered"), 1900);
    change(f, id, ACT_PAUSE);
    assert_int_equal(count_state(f, "offered"), 1900 - OFFER_STOP_MAX); /* at once; the rest does not hold the writer */
    tick(f);
    assert_int_equal(count_state(f, "pending"), 1900);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_updates WHERE offer_rollout_id IS NOT NULL"), 0);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'paused'"), 1);
    change(f, id, ACT_ABORT);
    tick(f);
    assert_int_equal(count_state(f, "cancelled"), 1900);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'aborted'"), 1);
}

static void all_of_a_large_rollout_are_put_back(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 2000);
    add_agents(f, 0, 1200, "0.1.0");
    add_release(f, "0.1.0", "");
    add_release(f, "0.2.0", "");
    sql(f, "UPDATE releases SET downgrade = 1");
    const char *id = begin(f, "0.2.0", &plan);
    tick(f);
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", "");
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.2.0", "");
    sql(f, "UPDATE agents SET version = '0.2.0'");
    sql(f, "UPDATE rollouts SET previous_version = '0.1.0'");
    assert_int_equal(count_state(f, "committed"), 1200);
    change(f, id, ACT_ROLLBACK);
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollout_members WHERE direction = 'back'"), 1200);
    assert_int_equal(count_state(f, "offered"), 1200);
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.1.0", "");
    (void)everybody_says(f, id, UPDATE_COMMITTED, "0.1.0", "");
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE state = 'rolled_back'"), 1);
}

/* A clock by which everything takes longer than a step may. */
static int64_t slow_monotonic(void *ctx)
{
    int64_t *ms = ctx;
    return *ms += 1000;
}

static int64_t standing_still(void *ctx)
{
    (void)ctx;
    return FLEET_NOW;
}

static void rollouts_that_do_not_fit_into_one_step_are_driven_in_the_next(void **state)
{
    struct fleet *f = *state;
    struct err err = {0};
    struct rollout_plan plan = plan_of(100, 10);
    int64_t ms = 0;
    const struct clock slow = {.now_ms = standing_still, .monotonic_ms = slow_monotonic, .ctx = &ms};
    /* Outside its window, none of them has a reason of its own for another step. */
    assert_int_equal(rollout_window_parse("sun 16:00-17:00", &plan.windows[0], &err), 0);
    plan.window_count = 1;
    add_agents(f, 0, 5, "0.1.0");
    add_release(f, "0.2.0", "");
    for (int i = 0; i < 3; i++)
        (void)begin(f, "0.2.0", &plan);
    f->app.clock = &slow;
    tick(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM rollouts WHERE scanned = 1"), 3);
    f->app.clock = &f->clock.clock;
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, fleet_setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FLEET(all_offers_of_a_large_rollout_are_taken_back_in_steps),
        WITH_FLEET(all_of_a_large_rollout_are_put_back),
        WITH_FLEET(rollouts_that_do_not_fit_into_one_step_are_driven_in_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
