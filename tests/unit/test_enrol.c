/* The rules of enrolment, one by one. */
#include "fixture_fleet.h"

#include <pthread.h>

#include "fleet/otp.h"
#include "fleet/redeem.h"

/* One host that redeems: its key is a letter, its address and name may be set. */
struct host {
    char spki[DIGEST_HEX_SIZE];
    const char *hostname, *address;
    char id[UUID_SIZE];
    char key_hash[DIGEST_HEX_SIZE];
};

static struct host host(char letter)
{
    struct host h = {.hostname = "web1", .address = "192.0.2.1"};
    char seed[UUID_SIZE];
    digest_sha256_hex(&letter, 1, h.spki);
    assert_true(uuid_v7(FLEET_NOW, token_random, h.id));
    (void)snprintf(seed, sizeof seed, "%s", h.id);
    digest_token(seed, h.key_hash);
    return h;
}

static struct otp_minted mint(struct fleet *f, const struct otp_new *want)
{
    struct otp_minted minted;
    struct err err = {0};
    struct otp_new otp = *want;
    struct audit_entry entry = {.time_ms = FLEET_NOW, .actor = "cli:0"};
    otp.owner_id = f->owner;
    otp.name = "test";
    otp.labels = "{}";
    otp.uses = otp.uses != 0 ? otp.uses : 1;
    otp.ttl_s = OTP_TTL_S;
    otp.now_ms = FLEET_NOW;
    expect_ok(otp_mint(&f->app, &otp, &entry, &minted, &err), &err);
    return minted;
}

struct attempt {
    char hash[DIGEST_HEX_SIZE];
    struct redemption redemption;
};

static void prepare(struct fleet *f, const char *otp, const struct host *h, struct attempt *ret)
{
    digest_token(otp, ret->hash);
    ret->redemption = (struct redemption){
        .otp_hash = ret->hash,
        .agent = {.id = h->id,
                  .name = h->hostname,
                  .hostname = h->hostname,
                  .address = h->address,
                  .api_key_hash = h->key_hash,
                  .spki = h->spki,
                  .certificate_not_after_ms = FLEET_NOW,
                  .proto = 1,
                  .poll_interval_s = 30,
                  .now_ms = clock_now_ms(f->app.clock)},
        .sealed_answer = h->id,
        .arena = f->arena,
        .key = secrets_audit_key(f->app.secrets),
        .audit = {.time_ms = FLEET_NOW, .actor = "anonymous", .address = h->address},
    };
}

static enum redeem_outcome try_it(struct fleet *f, const struct otp_minted *otp, const struct host *h)
{
    struct attempt a;
    struct err err = {0};
    prepare(f, otp->otp, h, &a);
    expect_ok(db_write(f->app.writer, redeem, &a.redemption, &err), &err);
    return a.redemption.outcome;
}

static int64_t alerts(struct fleet *f)
{
    struct db_rows rows;
    struct err err = {0};
    int64_t count = 0;
    int rc = db_query(f->base->db, DB_ALERT_LIST, DB_ARGS(DB_NULL("viewer"), DB_INT("limit", 100)), &rows, &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW) {
        count++;
        rc = 0;
    }
    db_rows_done(&rows);
    expect_ok(rc, &err);
    return count;
}

static void the_first_redemption_makes_an_agent_of_the_minters(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){0});
    struct host a = host('a');
    assert_int_equal(try_it(f, &otp, &a), REDEEM_NEW);
    json_t *agent = fleet_agent_json(f, a.id);
    assert_string_equal(json_string_value(json_object_get(agent, "owner_id")), f->owner);
    assert_string_equal(json_string_value(json_object_get(agent, "status")), "offline");
    json_decref(agent);
}

static void an_unknown_password_changes_nothing(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = {.otp = "mot_nobody"};
    struct host a = host('a');
    json_t *agent = NULL;
    struct err err = {0};
    assert_int_equal(try_it(f, &otp, &a), REDEEM_UNKNOWN);
    assert_int_equal(agent_json(f->base->db, a.id, FLEET_NOW, &agent, &err), ERR_NOT_FOUND);
}

static void the_same_key_gets_what_was_sealed_at_the_first_time(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){0});
    struct host first = host('a'), again = host('a');
    struct attempt a;
    struct err err = {0};
    assert_int_equal(try_it(f, &otp, &first), REDEEM_NEW);
    prepare(f, otp.otp, &again, &a);
    expect_ok(db_write(f->app.writer, redeem, &a.redemption, &err), &err);
    assert_int_equal(a.redemption.outcome, REDEEM_AGAIN);
    assert_string_equal(a.redemption.sealed_before, first.id);
}

static void after_the_expiry_nobody_gets_anything(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){0});
    struct host a = host('a'), b = host('b');
    assert_int_equal(try_it(f, &otp, &a), REDEEM_NEW);
    clock_fake_advance(&f->clock, OTP_TTL_S * INT64_C(1000) - 1);
    assert_int_equal(try_it(f, &otp, &a), REDEEM_AGAIN);
    clock_fake_advance(&f->clock, 1);
    assert_int_equal(try_it(f, &otp, &a), REDEEM_EXPIRED);
    assert_int_equal(try_it(f, &otp, &b), REDEEM_EXPIRED);
    expect_status(f, a.id, "offline"); /* a late stranger quarantines nobody */
    assert_int_equal(alerts(f), 0);
}

static void another_key_stops_both_and_raises_one_alert(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){0});
    struct host a = host('a'), b = host('b');
    json_t *agent = NULL;
    struct err err = {0};
    assert_int_equal(try_it(f, &otp, &a), REDEEM_NEW);
    assert_int_equal(try_it(f, &otp, &b), REDEEM_TAKEN_NOW);
    assert_int_equal(agent_json(f->base->db, b.id, FLEET_NOW, &agent, &err), ERR_NOT_FOUND);
    expect_status(f, a.id, "quarantined");
    assert_int_equal(alerts(f), 1);
    assert_int_equal(try_it(f, &otp, &b), REDEEM_TAKEN);
    assert_int_equal(try_it(f, &otp, &a), REDEEM_TAKEN);
    assert_int_equal(alerts(f), 1);
    fleet_act(f, AGENT_APPROVE, a.id);
    expect_status(f, a.id, "offline");
}

static void a_wrong_host_or_network_does_not_burn_the_password(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){.expected_host = "Web1", .network = "192.0.2.0/24"});
    struct host a = host('a'), b = host('b');
    b.hostname = "web2";
    assert_int_equal(try_it(f, &otp, &b), REDEEM_NOT_BOUND);
    b.hostname = "web1";
    b.address = "198.51.100.1";
    assert_int_equal(try_it(f, &otp, &b), REDEEM_NOT_BOUND);
    assert_int_equal(try_it(f, &otp, &a), REDEEM_NEW);
    assert_int_equal(try_it(f, &otp, &b), REDEEM_NOT_BOUND); /* nor does it quarantine the right one */
    expect_status(f, a.id, "offline");
}

static void a_token_counts_distinct_keys_and_no_retries(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){.uses = 2});
    struct host a = host('a'), b = host('b'), c = host('c');
    assert_int_equal(try_it(f, &otp, &a), REDEEM_NEW);
    assert_int_equal(try_it(f, &otp, &a), REDEEM_AGAIN);
    assert_int_equal(try_it(f, &otp, &b), REDEEM_NEW);
    assert_int_equal(try_it(f, &otp, &c), REDEEM_USED_UP);
    assert_int_equal(try_it(f, &otp, &b), REDEEM_AGAIN);
    expect_status(f, a.id, "offline");
    assert_int_equal(alerts(f), 0);
}

static void the_agent_that_was_deleted_does_not_come_back_by_retry(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){0});
    struct host a = host('a'), b = host('b');
    assert_int_equal(try_it(f, &otp, &a), REDEEM_NEW);
    fleet_act(f, AGENT_DELETE, a.id);
    assert_int_equal(try_it(f, &otp, &a), REDEEM_GONE);
    assert_int_equal(try_it(f, &otp, &b), REDEEM_TAKEN_NOW);
    assert_int_equal(alerts(f), 1);
}

static int write_revocation(struct db *db, void *ctx, struct err *err)
{
    return db_exec(db, DB_OTP_REVOKE,
                   DB_ARGS(DB_TEXT("id", ctx), DB_INT("now", FLEET_NOW), DB_INT("see_all", 1), DB_TEXT("viewer", "")),
                   NULL, err);
}

static void a_revoked_password_is_refused(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){0});
    struct host a = host('a');
    struct err err = {0};
    expect_ok(db_write(f->app.writer, write_revocation, otp.id, &err), &err);
    assert_int_equal(try_it(f, &otp, &a), REDEEM_REVOKED);
}

static void every_step_is_in_the_audit_trail(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp = mint(f, &(struct otp_new){0});
    struct host a = host('a'), b = host('b');
    struct db_rows rows;
    struct err err = {0};
    static const char *const want[] = {"user.add",           "otp.mint",     "agent.enroll",
                                       "agent.enroll.again", "agent.enroll", "agent.quarantine"};
    size_t seen = 0;
    int64_t checked = 0;
    (void)try_it(f, &otp, &a);
    (void)try_it(f, &otp, &a);
    (void)try_it(f, &otp, &b);
    int rc = db_query(f->base->db, DB_AUDIT_AFTER, DB_ARGS(DB_INT("seq", 0)), &rows, &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW) {
        assert_in_range(seen, 0, sizeof want / sizeof want[0] - 1);
        assert_string_equal(db_rows_text(&rows, 3), want[seen++]);
        rc = 0;
    }
    db_rows_done(&rows);
    expect_ok(rc, &err);
    assert_int_equal(seen, sizeof want / sizeof want[0]);
    expect_ok(audit_verify(f->base->db, secrets_audit_key(f->app.secrets), &checked, &err), &err);
}

/* --- many at once --- */

struct racer {
    struct fleet *f;
    struct host host;
    struct attempt attempt;
    struct arena *arena;
    pthread_barrier_t *start;
    int rc;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    struct err err = {0};
    (void)pthread_barrier_wait(r->start);
    r->rc = db_write(r->f->app.writer, redeem, &r->attempt.redemption, &err);
    return NULL;
}

static void of_many_at_once_exactly_one_wins(void **state)
{
    struct fleet *f = *state;
    enum { RACERS = 8 };
    struct otp_minted otp = mint(f, &(struct otp_new){0});
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t start;
    int won = 0, lost = 0;
    assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.f = f, .host = host((char)('a' + i)), .start = &start, .arena = arena_new(65536)};
        prepare(f, otp.otp, &racers[i].host, &racers[i].attempt);
        racers[i].attempt.redemption.otp_hash = racers[i].attempt.hash;
        racers[i].attempt.redemption.arena = racers[i].arena;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(racers[i].rc, 0);
        won += racers[i].attempt.redemption.outcome == REDEEM_NEW;
        lost += racers[i].attempt.redemption.outcome == REDEEM_TAKEN_NOW ||
                racers[i].attempt.redemption.outcome == REDEEM_TAKEN;
        arena_free(racers[i].arena);
    }
    assert_int_equal(won, 1);
    assert_int_equal(lost, RACERS - 1);
    assert_int_equal(pthread_barrier_destroy(&start), 0);
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, fleet_setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FLEET(the_first_redemption_makes_an_agent_of_the_minters),
        WITH_FLEET(an_unknown_password_changes_nothing),
        WITH_FLEET(the_same_key_gets_what_was_sealed_at_the_first_time),
        WITH_FLEET(after_the_expiry_nobody_gets_anything),
        WITH_FLEET(another_key_stops_both_and_raises_one_alert),
        WITH_FLEET(a_wrong_host_or_network_does_not_burn_the_password),
        WITH_FLEET(a_token_counts_distinct_keys_and_no_retries),
        WITH_FLEET(the_agent_that_was_deleted_does_not_come_back_by_retry),
        WITH_FLEET(a_revoked_password_is_refused),
        WITH_FLEET(every_step_is_in_the_audit_trail),
        WITH_FLEET(of_many_at_once_exactly_one_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
