/* What the live streams share: topics, how often they are told, and places. */
#include "fixture_db.h"

#include "app.h"
#include "common/clock.h"
#include "http/park.h"
#include "live/hub.h"
#include "ops/changes.h"

struct hall {
    struct fixture *f;
    struct settings settings;
    struct clock_fake clock;
    struct app app;
};

static int hall_up(void **state)
{
    struct hall *h = calloc(1, sizeof *h);
    struct err err = {0};
    void *f = NULL;
    assert_non_null(h);
    (void)fixture_setup(&f);
    h->f = f;
    h->settings = (struct settings){.db_path = h->f->path};
    clock_fake_init(&h->clock, 1000);
    h->clock.monotonic_ms = 100000;
    h->app =
        (struct app){.settings = &h->settings, .clock = &h->clock.clock, .changes = changes_new(), .live = live_new()};
    expect_ok(park_start(&h->app, 1, 10, &h->app.park, &err), &err);
    expect_ok(live_watch(&h->app, &err), &err);
    expect_ok(changes_poll(h->app.changes, h->f->db, &err), &err); /* the first one calls everybody */
    *state = h;
    return 0;
}

static int hall_down(void **state)
{
    struct hall *h = *state;
    void *f = h->f;
    park_stop(h->app.park);
    changes_free(h->app.changes);
    live_free(h->app.live);
    (void)fixture_teardown(&f);
    free(h);
    return 0;
}

static int bump(struct db *db, void *ctx, struct err *err)
{
    return db_changed(db, ctx, err);
}

/* Somebody changes a topic, and the poller hears of it. */
static void change(struct hall *h, const char *topic)
{
    struct err err = {0};
    expect_ok(db_write(h->f->writer, bump, (void *)(uintptr_t)topic, &err), &err);
    expect_ok(changes_poll(h->app.changes, h->f->db, &err), &err);
}

static bool moved(struct hall *h, const struct live_seen *before, enum live_topic topic)
{
    struct live_seen now;
    live_read(h->app.live, &now);
    return now.counters[topic] != before->counters[topic];
}

static void each_counter_of_the_database_moves_its_topic_alone(void **state)
{
    static const struct {
        const char *source;
        enum live_topic topic;
    } cases[] = {
        {"agents", LIVE_AGENTS}, {"presence", LIVE_AGENTS},   {"configs", LIVE_CONFIGS}, {"runs", LIVE_RUNS},
        {"commands", LIVE_JOBS}, {"rollouts", LIVE_ROLLOUTS}, {"plans", LIVE_ROLLOUTS},  {"releases", LIVE_RELEASES},
        {"alerts", LIVE_ALERTS}, {"policy", LIVE_POLICY},     {"users", LIVE_USERS},     {"sessions", LIVE_SESSIONS},
    };
    struct hall *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct live_seen before;
        live_read(h->app.live, &before);
        change(h, cases[i].source);
        for (enum live_topic t = 0; t < LIVE_TOPIC_COUNT; t++)
            assert_int_equal(moved(h, &before, t), t == cases[i].topic);
    }
}

static void the_first_change_wakes_at_once_and_the_others_once_a_second(void **state)
{
    struct hall *h = *state;
    clock_fake_advance(&h->clock, 5000);
    uint64_t before = park_generation(h->app.park);
    change(h, "agents");
    assert_int_equal(park_generation(h->app.park), before + 1);
    for (int i = 0; i < 10; i++)
        change(h, "runs");
    assert_int_equal(park_generation(h->app.park), before + 1);
    live_tick(&h->app);
    live_tick(&h->app);
    assert_int_equal(park_generation(h->app.park), before + 2);
    change(h, "sessions"); /* does not wait: somebody may have been shut out */
    assert_int_equal(park_generation(h->app.park), before + 3);
}

static void places_are_counted_for_each_person_and_in_all(void **state)
{
    struct hall *h = *state;
    struct live *hub = h->app.live;
    struct live_place places[40];
    size_t taken = 0;
    while (taken < 40 && live_enter(hub, &places[taken], "a", live_key, 100))
        taken++;
    assert_int_equal(taken, 32);
    assert_true(live_enter(hub, &places[32], "b", live_key, 100));
    assert_false(live_enter(hub, &places[33], "c", live_key, 33));
    live_leave(&places[7]);
    assert_true(live_enter(hub, &places[7], "a", live_key, 33));
    assert_false(live_enter(hub, &places[33], "a", live_key, 100));
    for (size_t i = 0; i < 33; i++)
        live_leave(&places[(i * 7) % 33]);
    assert_int_equal(live_count(hub), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_counter_of_the_database_moves_its_topic_alone, hall_up, hall_down),
        cmocka_unit_test_setup_teardown(the_first_change_wakes_at_once_and_the_others_once_a_second, hall_up,
                                        hall_down),
        cmocka_unit_test_setup_teardown(places_are_counted_for_each_person_and_in_all, hall_up, hall_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
