/* The presence table: fast because it remembers, right because it forgets. */
#include "fixture_fleet.h"

static const struct presence_beat beat = {
    .version = "1.2.3", .platform = "linux", .arch = "amd64", .address = "192.0.2.1", .uptime_s = 5, .proto = 1};
static const struct ratelimit_rule no_limit = {0, 0};

struct seed {
    struct fleet *f;
    int number;
    char id[UUID_SIZE];
    unsigned char key[DIGEST_SIZE];
};

static int insert_seed(struct db *db, void *ctx, struct err *err)
{
    struct seed *s = ctx;
    char hash[DIGEST_HEX_SIZE];
    digest_sha256_hex(&s->number, sizeof s->number, hash);
    struct agent_new agent = {.id = s->id,
                              .name = "agent",
                              .owner_id = s->f->owner,
                              .api_key_hash = hash,
                              .poll_interval_s = 30,
                              .now_ms = FLEET_NOW};
    return agent_insert(db, &agent, err);
}

static struct seed seed(struct fleet *f, int number)
{
    struct seed s = {.f = f, .number = number};
    struct err err = {0};
    assert_true(uuid_v7(FLEET_NOW, token_random, s.id));
    digest_sha256(&s.number, sizeof s.number, s.key);
    expect_ok(db_write(f->app.writer, insert_seed, &s, &err), &err);
    return s;
}

static struct presence_entry *acquire(struct fleet *f, const struct seed *s)
{
    struct presence_entry *e = NULL;
    struct err err = {0};
    expect_ok(presence_acquire(f->app.presence, f->base->db, s->key, clock_now_ms(f->app.clock), &e, &err), &err);
    return e;
}

static enum presence_verdict admit(struct fleet *f, const struct seed *s)
{
    int retry_after_s = 0;
    struct presence_entry *e = acquire(f, s);
    enum presence_verdict verdict = presence_admit(e, &no_limit, clock_now_ms(f->app.clock), &retry_after_s);
    presence_release(e);
    return verdict;
}

static struct presence_news say(struct fleet *f, const struct seed *s, const struct presence_beat *what)
{
    struct presence_news news;
    struct presence_entry *e = acquire(f, s);
    presence_beat(e, what, 30, clock_now_ms(f->app.clock), &news);
    presence_release(e);
    return news;
}

static void flush(struct fleet *f)
{
    struct err err = {0};
    expect_ok(presence_flush(&f->app, 0, &err), &err);
}

static void a_key_nobody_has_is_not_found_and_not_remembered(void **state)
{
    struct fleet *f = *state;
    struct err err = {0};
    for (int i = 0; i < 100; i++) {
        unsigned char key[DIGEST_SIZE];
        struct presence_entry *e = NULL;
        digest_sha256(&i, sizeof i, key);
        assert_int_equal(presence_acquire(f->app.presence, f->base->db, key, FLEET_NOW, &e, &err), ERR_NOT_FOUND);
    }
    assert_int_equal(presence_count(f->app.presence), 0);
}

static void a_known_key_gives_the_agent_and_its_owner(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct presence_entry *e = acquire(f, &s);
    assert_string_equal(presence_agent_id(e), s.id);
    assert_string_equal(presence_owner_id(e), f->owner);
    presence_release(e);
    assert_int_equal(presence_count(f->app.presence), 1);
}

static void a_change_is_seen_after_the_table_has_heard_of_it(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    assert_int_equal(admit(f, &s), PRESENCE_OK);
    fleet_act(f, AGENT_DEACTIVATE, s.id);
    assert_int_equal(admit(f, &s), PRESENCE_OK); /* it has not heard yet */
    presence_invalidate(f->app.presence);
    assert_int_equal(admit(f, &s), PRESENCE_DEACTIVATED);
    fleet_act(f, AGENT_ACTIVATE, s.id);
    presence_invalidate(f->app.presence);
    assert_int_equal(admit(f, &s), PRESENCE_OK);
}

static void a_change_is_seen_after_a_minute_even_unheard(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    assert_int_equal(admit(f, &s), PRESENCE_OK);
    fleet_act(f, AGENT_DEACTIVATE, s.id);
    clock_fake_advance(&f->clock, 59999);
    assert_int_equal(admit(f, &s), PRESENCE_OK);
    clock_fake_advance(&f->clock, 1);
    assert_int_equal(admit(f, &s), PRESENCE_DEACTIVATED);
}

static void a_deleted_agent_is_gone_while_a_request_still_holds_it(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct err err = {0};
    struct presence_entry *held = acquire(f, &s);
    struct presence_entry *e = NULL;
    fleet_act(f, AGENT_DELETE, s.id);
    presence_invalidate(f->app.presence);
    assert_int_equal(presence_acquire(f->app.presence, f->base->db, s.key, FLEET_NOW, &e, &err), ERR_NOT_FOUND);
    assert_int_equal(presence_count(f->app.presence), 0);
    assert_string_equal(presence_agent_id(held), s.id);
    presence_release(held);
}

static void a_heartbeat_reaches_the_database_with_the_flush(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct presence_news news = say(f, &s, &beat);
    assert_string_equal(news.status, "online");
    expect_status(f, s.id, "offline");
    flush(f);
    json_t *agent = fleet_agent_json(f, s.id);
    assert_string_equal(json_string_value(json_object_get(agent, "status")), "online");
    assert_string_equal(json_string_value(json_object_get(agent, "version")), "1.2.3");
    assert_int_equal(json_integer_value(json_object_get(agent, "last_seen_ms")), FLEET_NOW);
    json_decref(agent);
}

static void a_version_that_comes_after_quiet_heartbeats_reaches_the_database(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct presence_beat later = beat;
    (void)say(f, &s, &beat);
    flush(f);
    (void)say(f, &s, &beat); /* says nothing new */
    flush(f);
    (void)snprintf(later.version, sizeof later.version, "2.0.0");
    (void)say(f, &s, &later);
    (void)say(f, &s, &later); /* nothing new beside the one before, which is not written yet */
    flush(f);
    json_t *agent = fleet_agent_json(f, s.id);
    assert_string_equal(json_string_value(json_object_get(agent, "version")), "2.0.0");
    json_decref(agent);
}

static void three_missed_intervals_are_offline(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct presence_news news = say(f, &s, &beat);
    assert_in_range(news.next_poll_s, 27, 33);
    flush(f);
    clock_fake_advance(&f->clock, 3000 * news.next_poll_s - 1);
    expect_status(f, s.id, "online");
    clock_fake_advance(&f->clock, 1);
    expect_status(f, s.id, "offline");
}

static void goodbye_and_error_are_what_they_say(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct presence_beat other = beat;
    other.error = true;
    assert_string_equal(say(f, &s, &other).status, "error");
    flush(f);
    expect_status(f, s.id, "error");
    other.final = true;
    assert_string_equal(say(f, &s, &other).status, "offline");
    flush(f);
    expect_status(f, s.id, "offline");
}

static void a_flush_that_failed_is_made_up_for(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct err err = {0};
    fixture_sql(f->base, "CREATE TRIGGER full BEFORE UPDATE ON agents BEGIN SELECT RAISE(ABORT, 'full'); END");
    (void)say(f, &s, &beat);
    assert_int_not_equal(presence_flush(&f->app, 0, &err), 0);
    fixture_sql(f->base, "DROP TRIGGER full");
    expect_status(f, s.id, "offline");
    flush(f);
    expect_status(f, s.id, "online");
}

static void what_another_server_wrote_later_stays(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct presence_beat other = beat;
    struct app second = f->app;
    second.presence = presence_new();
    (void)say(f, &s, &beat);
    clock_fake_advance(&f->clock, 1000);
    struct fleet g = *f;
    g.app = second;
    other.final = true;
    (void)say(&g, &s, &other);
    flush(&g);
    flush(f);
    expect_status(f, s.id, "offline");
    presence_free(second.presence);
}

static void more_agents_than_a_chunk_are_all_written(void **state)
{
    struct fleet *f = *state;
    enum { COUNT = 700 };
    static struct seed seeds[COUNT];
    for (int i = 0; i < COUNT; i++)
        seeds[i] = seed(f, i);
    for (int i = 0; i < COUNT; i++)
        (void)say(f, &seeds[i], &beat);
    assert_int_equal(presence_count(f->app.presence), COUNT);
    flush(f);
    for (int i = 0; i < COUNT; i++)
        expect_status(f, seeds[i].id, "online");
}

static void an_unused_entry_is_swept_but_never_an_unwritten_one(void **state)
{
    struct fleet *f = *state;
    struct seed one = seed(f, 1), two = seed(f, 2);
    presence_release(acquire(f, &one));
    (void)say(f, &two, &beat);
    clock_fake_advance(&f->clock, 3600 * 1000 + 1);
    presence_sweep(f->app.presence, clock_now_ms(f->app.clock));
    assert_int_equal(presence_count(f->app.presence), 1);
    flush(f);
    presence_sweep(f->app.presence, clock_now_ms(f->app.clock));
    assert_int_equal(presence_count(f->app.presence), 0);
}

static void a_key_has_its_own_rate(void **state)
{
    struct fleet *f = *state;
    struct seed one = seed(f, 1), two = seed(f, 2);
    struct ratelimit_rule rule = {60, 2};
    int retry_after_s = 0;
    struct presence_entry *a = acquire(f, &one), *b = acquire(f, &two);
    assert_int_equal(presence_admit(a, &rule, FLEET_NOW, &retry_after_s), PRESENCE_OK);
    assert_int_equal(presence_admit(a, &rule, FLEET_NOW, &retry_after_s), PRESENCE_OK);
    assert_int_equal(presence_admit(a, &rule, FLEET_NOW, &retry_after_s), PRESENCE_RATE_LIMITED);
    assert_int_equal(retry_after_s, 1);
    assert_int_equal(presence_admit(b, &rule, FLEET_NOW, &retry_after_s), PRESENCE_OK);
    presence_release(a);
    presence_release(b);
}

static void parts_of_a_backup_have_a_rate_of_their_own(void **state)
{
    struct fleet *f = *state;
    struct seed one = seed(f, 1);
    struct ratelimit_rule rule = {60, 1};
    int retry_after_s = 0;
    struct presence_entry *a = acquire(f, &one);
    for (int i = 0; i < 500; i++)
        assert_int_equal(presence_admit_part(a, FLEET_NOW, &retry_after_s), PRESENCE_OK);
    assert_int_equal(presence_admit(a, &rule, FLEET_NOW, &retry_after_s), PRESENCE_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(presence_admit_part(a, FLEET_NOW, &retry_after_s), PRESENCE_OK);
    assert_int_equal(presence_admit_part(a, FLEET_NOW, &retry_after_s), PRESENCE_RATE_LIMITED);
    presence_release(a);
}

static void news_about_capabilities_and_heads_are_news_once(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct presence_entry *e = acquire(f, &s);
    assert_false(presence_capabilities_new(e, "[]"));
    assert_true(presence_capabilities_new(e, "[\"backup\"]"));
    assert_false(presence_capabilities_new(e, "[\"backup\"]"));
    assert_true(presence_roots_new(e, "{}"));
    assert_false(presence_roots_new(e, "{}"));
    assert_true(presence_head_new(e, "1:aa"));
    assert_false(presence_head_new(e, "1:aa"));
    assert_true(presence_head_new(e, "2:bb"));
    presence_release(e);
}

static void an_agent_parks_a_few_polls_only(void **state)
{
    struct fleet *f = *state;
    struct seed s = seed(f, 1);
    struct presence_entry *e = acquire(f, &s);
    int polls = 0;
    while (polls < 1000 && presence_poll_begin(e))
        polls++;
    assert_in_range(polls, 1, 10);
    presence_poll_end(e);
    assert_true(presence_poll_begin(e));
    presence_release(e);
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, fleet_setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FLEET(a_key_nobody_has_is_not_found_and_not_remembered),
        WITH_FLEET(a_known_key_gives_the_agent_and_its_owner),
        WITH_FLEET(a_change_is_seen_after_the_table_has_heard_of_it),
        WITH_FLEET(a_change_is_seen_after_a_minute_even_unheard),
        WITH_FLEET(a_deleted_agent_is_gone_while_a_request_still_holds_it),
        WITH_FLEET(a_heartbeat_reaches_the_database_with_the_flush),
        WITH_FLEET(a_version_that_comes_after_quiet_heartbeats_reaches_the_database),
        WITH_FLEET(three_missed_intervals_are_offline),
        WITH_FLEET(goodbye_and_error_are_what_they_say),
        WITH_FLEET(a_flush_that_failed_is_made_up_for),
        WITH_FLEET(what_another_server_wrote_later_stays),
        WITH_FLEET(more_agents_than_a_chunk_are_all_written),
        WITH_FLEET(an_unused_entry_is_swept_but_never_an_unwritten_one),
        WITH_FLEET(a_key_has_its_own_rate),
        WITH_FLEET(parts_of_a_backup_have_a_rate_of_their_own),
        WITH_FLEET(news_about_capabilities_and_heads_are_news_once),
        WITH_FLEET(an_agent_parks_a_few_polls_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
