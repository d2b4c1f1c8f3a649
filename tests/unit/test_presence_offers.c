/* Offers and reports in the presence table: entries hear of their own offers without a new reading of anybody, and what
 * agents say is written once. */
#include "fixture_rollout.h"

static const struct presence_beat beat = {.version = "0.1.0", .platform = "linux", .uptime_s = -1, .proto = 1};

/* The key's hash that add_agents gives agent number i. */
static void key_of(int i, unsigned char ret[DIGEST_SIZE])
{
    memset(ret, 0, DIGEST_SIZE);
    ret[DIGEST_SIZE - 1] = (unsigned char)i;
    ret[DIGEST_SIZE - 2] = (unsigned char)(i >> 8);
}

static struct presence_entry *acquire(struct fleet *f, int i)
{
    unsigned char key[DIGEST_SIZE];
    struct presence_entry *e = NULL;
    struct err err = {0};
    key_of(i, key);
    expect_ok(presence_acquire(f->app.presence, f->base->db, key, clock_now_ms(f->app.clock), &e, &err), &err);
    return e;
}

static bool offered(struct fleet *f, int i, struct update_offer *ret)
{
    struct presence_entry *e = acquire(f, i);
    bool is = presence_offer(e, ret);
    presence_release(e);
    return is;
}

static void hear(struct fleet *f)
{
    struct err err = {0};
    expect_ok(presence_offers_changed(f->app.presence, f->base->db, &err), &err);
}

struct give {
    const char *rollout_id;
    int from, to;
    bool end;
};

static int write_give(struct db *db, void *ctx, struct err *err)
{
    const struct give *g = ctx;
    int64_t rev = 0;
    int rc = 0;
    for (int i = g->from; rc == 0 && i < g->to; i++) {
        struct offer_new offer = {.who = {g->rollout_id, agent_id(i)},
                                  .version = "0.2.0",
                                  .stage = 0,
                                  .not_before_ms = 5,
                                  .deadline_ms = 6,
                                  .now_ms = 1};
        rc = g->end ? offer_end(db, &offer.who, &rev, err) : offer_make(db, &offer, &rev, err);
    }
    return rc;
}

static void give(struct fleet *f, int from, int to, bool end)
{
    struct err err = {0};
    struct give g = {"0199f3a0-7c1e-7d33-9c2a-0000000000ff", from, to, end};
    expect_ok(db_write(f->app.writer, write_give, &g, &err), &err);
}

static void an_entry_hears_of_its_offer_and_of_its_end_without_being_read_again(void **state)
{
    struct fleet *f = *state;
    struct update_offer offer;
    add_agents(f, 0, 3, "0.1.0");
    hear(f);
    assert_false(offered(f, 1, &offer));
    give(f, 1, 2, false);
    assert_false(offered(f, 1, &offer));
    /* What another process has changed beside would be seen if the row were read again. */
    sql(f, "UPDATE agents SET deactivated_ms = 1");
    hear(f);
    assert_true(offered(f, 1, &offer));
    assert_string_equal(offer.version, "0.2.0");
    assert_int_equal(offer.not_before_ms, 5);
    assert_false(offered(f, 0, &offer) || offered(f, 2, &offer));
    int retry_after_s = 0;
    struct presence_entry *e = acquire(f, 1);
    assert_int_equal(presence_admit(e, &(struct ratelimit_rule){0}, FLEET_NOW, &retry_after_s), PRESENCE_OK);
    presence_release(e);
    give(f, 1, 2, true);
    hear(f);
    assert_false(offered(f, 1, &offer));
}

static void more_offers_of_one_moment_than_a_page_are_all_heard(void **state)
{
    struct fleet *f = *state;
    struct update_offer offer;
    enum { COUNT = 1200 };
    add_agents(f, 0, COUNT, "0.1.0");
    hear(f);
    for (int i = 0; i < COUNT; i++)
        assert_false(offered(f, i, &offer));
    give(f, 0, COUNT, false);
    hear(f);
    for (int i = 0; i < COUNT; i++)
        assert_true(offered(f, i, &offer));
}

static void an_offer_from_before_the_start_comes_with_the_first_reading(void **state)
{
    struct fleet *f = *state;
    struct update_offer offer;
    add_agents(f, 0, 1, "0.1.0");
    give(f, 0, 1, false);
    hear(f);
    assert_true(offered(f, 0, &offer));
}

static void a_reading_older_than_what_was_heard_does_not_undo_it(void **state)
{
    struct fleet *f = *state;
    struct update_offer offer;
    add_agents(f, 0, 1, "0.1.0");
    hear(f);
    assert_false(offered(f, 0, &offer));
    give(f, 0, 1, false);
    hear(f);
    sql(f, "UPDATE agent_updates SET offer_rollout_id = NULL, offer_rev = 0"); /* as an older snapshot has it */
    presence_invalidate(f->app.presence);
    assert_true(offered(f, 0, &offer));
}

/* --- reports --- */

static void report(struct fleet *f, int i, enum update_state state, int percent, const char *version)
{
    struct presence_news news;
    struct update_report r = {.state = state, .percent = percent};
    struct presence_entry *e = acquire(f, i);
    struct presence_beat b = beat;
    (void)snprintf(b.version, sizeof b.version, "%s", version);
    if (state != UPDATE_IDLE)
        (void)snprintf(r.version, sizeof r.version, "0.2.0");
    presence_beat(e, &b, 30, clock_now_ms(f->app.clock), &news);
    presence_report(e, &r);
    presence_release(e);
}

static void flush(struct fleet *f)
{
    struct err err = {0};
    expect_ok(presence_flush(&f->app, 0, &err), &err);
}

static int64_t reported_ms(struct fleet *f)
{
    return number(f, "SELECT COALESCE(MAX(reported_ms), 0) FROM agent_updates");
}

static void an_idle_agent_costs_no_row(void **state)
{
    struct fleet *f = *state;
    add_agents(f, 0, 1, "0.1.0");
    report(f, 0, UPDATE_IDLE, UPDATE_NO_PERCENT, "0.1.0");
    flush(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_updates"), 0);
}

static void a_report_is_written_when_it_says_something_new(void **state)
{
    struct fleet *f = *state;
    static const struct {
        enum update_state state;
        int percent;
        bool written;
    } steps[] = {{UPDATE_DOWNLOADING, 0, true},   {UPDATE_DOWNLOADING, 9, false},  {UPDATE_DOWNLOADING, 10, true},
                 {UPDATE_DOWNLOADING, 10, false}, {UPDATE_DOWNLOADING, 15, false}, {UPDATE_DOWNLOADING, 99, true},
                 {UPDATE_DOWNLOADING, 100, true}, {UPDATE_VERIFYING, 100, true},   {UPDATE_VERIFYING, 100, false}};
    add_agents(f, 0, 1, "0.1.0");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        clock_fake_advance(&f->clock, 1000);
        report(f, 0, steps[i].state, steps[i].percent, "0.1.0");
        flush(f);
        if ((reported_ms(f) == f->clock.now_ms) != steps[i].written)
            fail_msg("step %zu was %swritten", i, steps[i].written ? "not " : "");
    }
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_update_history"), 2);
    /* A server that starts anew reads what was said, and does not write it again. */
    presence_free(f->app.presence);
    f->app.presence = presence_new();
    clock_fake_advance(&f->clock, 1000);
    report(f, 0, UPDATE_VERIFYING, 100, "0.1.0");
    flush(f);
    assert_true(reported_ms(f) < f->clock.now_ms);
}

static void a_report_that_could_not_be_written_is_written_later_unless_it_is_old_by_then(void **state)
{
    struct fleet *f = *state;
    struct err err = {0};
    add_agents(f, 0, 1, "0.1.0");
    sql(f, "CREATE TRIGGER full BEFORE INSERT ON agent_updates BEGIN SELECT RAISE(ABORT, 'full'); END");
    report(f, 0, UPDATE_TRIAL, UPDATE_NO_PERCENT, "0.2.0");
    assert_int_not_equal(presence_flush(&f->app, 0, &err), 0);
    assert_int_not_equal(presence_flush(&f->app, 0, &err), 0);
    report(f, 0, UPDATE_COMMITTED, UPDATE_NO_PERCENT, "0.2.0");
    sql(f, "DROP TRIGGER full");
    flush(f);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_updates WHERE state = 'committed'"), 1);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_update_history WHERE current_version = '0.2.0'"), 1);
}

static void the_history_of_an_agent_has_an_end(void **state)
{
    struct fleet *f = *state;
    add_agents(f, 0, 1, "0.1.0");
    for (int i = 0; i < 150; i++) {
        clock_fake_advance(&f->clock, 1000);
        report(f, 0, i % 2 == 0 ? UPDATE_DOWNLOADING : UPDATE_FAILED, UPDATE_NO_PERCENT, "0.1.0");
        flush(f);
    }
    assert_int_equal(number(f, "SELECT COUNT(*) FROM agent_update_history"), 100);
}

/* --- coming back --- */

static void one_that_was_offline_gets_its_turn_as_soon_as_it_is_heard_of(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 10);
    struct update_offer offer;
    add_agents(f, 0, 3, "0.1.0");
    add_release(f, "0.2.0", "");
    hear(f);
    report(f, 1, UPDATE_IDLE, UPDATE_NO_PERCENT, "0.1.0");
    sql(f, "UPDATE agents SET offline_after_ms = 1 WHERE id LIKE '%2'");
    (void)begin(f, "0.2.0", &plan);
    tick(f);
    assert_int_equal(count_state(f, "away"), 1);
    assert_int_equal(count_state(f, "offered"), 2);
    flush(f);
    tick(f);
    assert_int_equal(count_state(f, "away"), 1);
    report(f, 2, UPDATE_IDLE, UPDATE_NO_PERCENT, "0.1.0");
    flush(f);
    tick(f);
    assert_int_equal(count_state(f, "offered"), 3);
    hear(f);
    assert_true(offered(f, 2, &offer));
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, fleet_setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FLEET(an_entry_hears_of_its_offer_and_of_its_end_without_being_read_again),
        WITH_FLEET(more_offers_of_one_moment_than_a_page_are_all_heard),
        WITH_FLEET(an_offer_from_before_the_start_comes_with_the_first_reading),
        WITH_FLEET(a_reading_older_than_what_was_heard_does_not_undo_it),
        WITH_FLEET(an_idle_agent_costs_no_row),
        WITH_FLEET(a_report_is_written_when_it_says_something_new),
        WITH_FLEET(a_report_that_could_not_be_written_is_written_later_unless_it_is_old_by_then),
        WITH_FLEET(the_history_of_an_agent_has_an_end),
        WITH_FLEET(one_that_was_offline_gets_its_turn_as_soon_as_it_is_heard_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
