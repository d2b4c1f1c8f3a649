/* What is done to the audit trail by the clock: verifying what is new, all of it once a day, and cutting what is old.
 */
#include "fixture_fleet.h"

#include <inttypes.h>

#include "audit/mark.h"
#include "audit/trail.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

static const struct audit_key *key_of(struct fleet *f)
{
    return secrets_audit_key(f->app.secrets);
}

static int append(struct db *db, void *ctx, struct err *err)
{
    struct fleet *f = ctx;
    struct audit_entry entry = {
        .time_ms = clock_now_ms(f->app.clock), .actor = "cli:0", .action = "test.act", .target = ""};
    return audit_append(db, key_of(f), &entry, err);
}

static void append_rows(struct fleet *f, int count)
{
    struct err err = {0};
    for (int i = 0; i < count; i++)
        expect_ok(db_write(f->app.writer, append, f, &err), &err);
}

static struct trail_mark mark_of(struct fleet *f)
{
    struct trail_mark mark;
    struct trail_fault fault;
    struct err err = {0};
    expect_ok(trail_mark_load(f->base->db, key_of(f), &mark, &fault, &err), &err);
    return mark;
}

static struct trail_fault fault_of(struct fleet *f)
{
    struct trail_mark mark;
    struct trail_fault fault;
    struct err err = {0};
    expect_ok(trail_mark_load(f->base->db, key_of(f), &mark, &fault, &err), &err);
    return fault;
}

/* Ticks with what the process remembers between them. */
static void tick(struct fleet *f, struct trail_schedule *s, int times)
{
    for (int i = 0; i < times; i++)
        trail_tick(&f->app, s);
}

static void what_is_new_moves_the_mark(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    append_rows(f, 3); /* after the fixture's own */
    tick(f, &s, 1);
    assert_int_equal(mark_of(f).at.seq, 4);
    assert_int_equal(mark_of(f).full_ms, FLEET_NOW);
    append_rows(f, 2);
    clock_fake_advance(&f->clock, 10000);
    tick(f, &s, 1);
    assert_int_equal(mark_of(f).at.seq, 6);
    assert_int_equal(mark_of(f).at_ms, FLEET_NOW + 10000);
    assert_int_equal(mark_of(f).full_ms, FLEET_NOW);
    trail_tick_end(&s);
}

static void what_is_behind_the_mark_is_found_after_a_day_and_not_before(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    append_rows(f, 3);
    tick(f, &s, 1);
    fixture_script(f->base, "UPDATE audit SET actor = 'x' WHERE seq = 2");
    clock_fake_advance(&f->clock, DAY_MS - 1);
    tick(f, &s, 2);
    assert_int_equal(fault_of(f).at_ms, 0);
    clock_fake_advance(&f->clock, 1);
    tick(f, &s, 1);
    assert_int_equal(fault_of(f).at_ms, FLEET_NOW + DAY_MS);
    assert_non_null(strstr(fault_of(f).problem, "row 2"));
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM alerts WHERE kind = 'audit.broken'"), 1);
    trail_tick_end(&s);
}

static void a_fault_is_looked_at_every_hour_and_said_once(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    append_rows(f, 3);
    fixture_script(f->base, "UPDATE audit SET actor = 'x' WHERE seq = 3");
    tick(f, &s, 1);
    fixture_script(f->base, "UPDATE alerts SET acknowledged_ms = 1");
    clock_fake_advance(&f->clock, HOUR_MS - 1);
    tick(f, &s, 3);
    assert_int_equal(fault_of(f).at_ms, FLEET_NOW);
    clock_fake_advance(&f->clock, 1);
    tick(f, &s, 1);
    assert_int_equal(fault_of(f).at_ms, FLEET_NOW + HOUR_MS);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM alerts"), 1);
    assert_int_equal(
        fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE action = 'audit.verify' AND result = 'failed'"), 1);
    fixture_script(f->base, "UPDATE audit SET actor = 'cli:0' WHERE seq = 3");
    clock_fake_advance(&f->clock, HOUR_MS);
    tick(f, &s, 1);
    assert_int_equal(fault_of(f).at_ms, 0);
    trail_tick_end(&s);
}

static void a_fault_of_another_kind_is_said_again(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    append_rows(f, 4);
    fixture_script(f->base, "UPDATE audit SET actor = 'x' WHERE seq = 4");
    tick(f, &s, 1);
    fixture_script(f->base, "UPDATE alerts SET acknowledged_ms = 1; UPDATE audit SET actor = 'x' WHERE seq = 2");
    clock_fake_advance(&f->clock, HOUR_MS);
    tick(f, &s, 1);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM alerts"), 2);
    trail_tick_end(&s);
}

static void rows_that_the_mark_knows_are_missed_at_once(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    append_rows(f, 4);
    tick(f, &s, 1);
    fixture_script(f->base, "DELETE FROM audit WHERE seq = 5");
    tick(f, &s, 1);
    assert_non_null(strstr(fault_of(f).problem, "row 5, which was verified before"));
    trail_tick_end(&s);
}

static void a_mark_is_worth_nothing_without_the_key(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    static const char *const forged[] = {
        "UPDATE facts SET value = '' WHERE name = 'audit_verified'",
        "UPDATE facts SET value = '5' || substr(value, 2) WHERE name = 'audit_verified'",
        "UPDATE facts SET value = substr(value, 1, length(value) - 1) WHERE name = 'audit_verified'",
        "UPDATE facts SET value = value || '0' WHERE name = 'audit_verified'",
        "UPDATE facts SET value = ':::::' WHERE name = 'audit_verified'",
        "UPDATE facts SET value = printf('%0300d', 7) WHERE name = 'audit_verified'",
    };
    append_rows(f, 3);
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        tick(f, &s, 1);
        assert_int_equal(mark_of(f).at.seq, 4);
        fixture_script(f->base, forged[i]);
        assert_int_equal(mark_of(f).at.seq, 0);
    }
    trail_tick_end(&s);
}

static int store_mark(struct db *db, void *ctx, struct err *err)
{
    struct fleet *f = ((void **)ctx)[0];
    return trail_mark_store(db, key_of(f), ((void **)ctx)[1], err);
}

static void a_slower_process_does_not_take_the_mark_back(void **state)
{
    struct fleet *f = *state;
    struct err err = {0};
    struct trail_mark far = {.at = {9, "ff"}, .at_ms = 100, .full_ms = 100};
    struct trail_mark near = {.at = {3, "33"}, .at_ms = 200, .full_ms = 200};
    memset(far.at.mac, 'f', AUDIT_MAC_SIZE - 1);
    memset(near.at.mac, '3', AUDIT_MAC_SIZE - 1);
    expect_ok(db_write(f->app.writer, store_mark, (void *[]){f, &far}, &err), &err);
    expect_ok(db_write(f->app.writer, store_mark, (void *[]){f, &near}, &err), &err);
    assert_int_equal(mark_of(f).at.seq, 9);
    assert_int_equal(mark_of(f).at_ms, 100);
    assert_int_equal(mark_of(f).full_ms, 200);
}

/* --- how long it is kept --- */

static void keep(struct fleet *f, int days)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO policy (name, value, updated_ms) VALUES ('audit.days', '%d', 0) ON CONFLICT (name) DO "
                   "UPDATE SET value = excluded.value",
                   days);
    fixture_script(f->base, sql);
}

static void rows_go_when_their_days_are_over_and_not_before(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    keep(f, 30);
    append_rows(f, 3);
    clock_fake_advance(&f->clock, 30 * DAY_MS);
    append_rows(f, 2);
    tick(f, &s, 2);
    assert_int_equal(fixture_number(f->base, "SELECT MIN(seq) FROM audit"), 1);
    clock_fake_advance(&f->clock, DAY_MS);
    tick(f, &s, 2);
    assert_int_equal(fixture_number(f->base, "SELECT MIN(seq) FROM audit"), 5);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE action = 'audit.cut'"), 1);
    assert_int_equal(fault_of(f).at_ms, 0);
    int64_t rows = 0;
    struct err err = {0};
    expect_ok(audit_verify(f->base->db, key_of(f), &rows, &err), &err);
    assert_int_equal(rows, 3);
    trail_tick_end(&s);
}

static void a_trail_without_a_rule_is_kept_for_ever(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    append_rows(f, 2);
    clock_fake_advance(&f->clock, 10000 * DAY_MS);
    tick(f, &s, 3);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit"), 3);
    trail_tick_end(&s);
}

static void it_is_cut_once_a_day_and_when_the_rule_changes(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    for (int i = 0; i < 40; i++) {
        append_rows(f, 1);
        clock_fake_advance(&f->clock, DAY_MS);
    }
    keep(f, 35);
    tick(f, &s, 2);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE action = 'audit.cut'"), 1);
    clock_fake_advance(&f->clock, DAY_MS - 1);
    tick(f, &s, 2);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE action = 'audit.cut'"), 1);
    keep(f, 31);
    tick(f, &s, 2);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE action = 'audit.cut'"), 2);
    clock_fake_advance(&f->clock, DAY_MS);
    tick(f, &s, 2);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE action = 'audit.cut'"), 3);
    trail_tick_end(&s);
}

static void nothing_is_cut_while_the_clock_is_held(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    char sql[200];
    keep(f, 30);
    append_rows(f, 2);
    clock_fake_advance(&f->clock, 90 * DAY_MS);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO retention_clock (name, seen_ms, hold_ms) VALUES ('retention', 0, %" PRId64 ")",
                   FLEET_NOW + 91 * DAY_MS);
    fixture_script(f->base, sql);
    tick(f, &s, 2);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit"), 3);
    clock_fake_advance(&f->clock, DAY_MS);
    tick(f, &s, 2);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE action = 'test.act'"), 0);
    trail_tick_end(&s);
}

static void what_was_tampered_with_is_not_cut_away(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    append_rows(f, 3);
    tick(f, &s, 1);
    keep(f, 30);
    fixture_script(f->base,
                   "UPDATE audit SET actor = 'x' WHERE seq = 2"); /* behind the mark: retention comes upon it */
    clock_fake_advance(&f->clock, 90 * DAY_MS);
    tick(f, &s, 3);
    assert_int_equal(fixture_number(f->base, "SELECT MIN(seq) FROM audit"), 1);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit_cuts"), 0);
    assert_int_not_equal(fault_of(f).at_ms, 0);
    trail_tick_end(&s);
}

static void a_forged_cut_deletes_nothing(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    append_rows(f, 3);
    fixture_script(f->base, "INSERT INTO audit_cuts SELECT seq, mac, 1, mac FROM audit WHERE seq = 3");
    tick(f, &s, 3);
    assert_int_equal(fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE seq <= 4"), 4);
    assert_non_null(strstr(fault_of(f).problem, "not ours"));
    trail_tick_end(&s);
}

static int append_many(struct db *db, void *ctx, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < 30000; i++)
        rc = append(db, ctx, err);
    return rc;
}

static void a_long_trail_goes_in_short_writes_and_is_whole_at_every_step(void **state)
{
    struct fleet *f = *state;
    struct trail_schedule s = {0};
    struct err err = {0};
    int64_t rows = 0;
    for (int i = 0; i < 4; i++)
        expect_ok(db_write(f->app.writer, append_many, f, &err), &err);
    clock_fake_advance(&f->clock, 90 * DAY_MS);
    append_rows(f, 1);
    keep(f, 30);
    int steps = 0;
    while (fixture_number(f->base, "SELECT COUNT(*) FROM audit WHERE action = 'test.act'") > 1 && ++steps < 10) {
        tick(f, &s, 1);
        expect_ok(audit_verify(f->base->db, key_of(f), &rows, &err), &err);
    }
    assert_in_range(steps, 3, 9); /* 50,000 rows a step */
    assert_int_equal(fault_of(f).at_ms, 0);
    trail_tick_end(&s);
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, fleet_setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FLEET(what_is_new_moves_the_mark),
        WITH_FLEET(what_is_behind_the_mark_is_found_after_a_day_and_not_before),
        WITH_FLEET(a_fault_is_looked_at_every_hour_and_said_once),
        WITH_FLEET(a_fault_of_another_kind_is_said_again),
        WITH_FLEET(rows_that_the_mark_knows_are_missed_at_once),
        WITH_FLEET(a_mark_is_worth_nothing_without_the_key),
        WITH_FLEET(a_slower_process_does_not_take_the_mark_back),
        WITH_FLEET(rows_go_when_their_days_are_over_and_not_before),
        WITH_FLEET(a_trail_without_a_rule_is_kept_for_ever),
        WITH_FLEET(it_is_cut_once_a_day_and_when_the_rule_changes),
        WITH_FLEET(nothing_is_cut_while_the_clock_is_held),
        WITH_FLEET(what_was_tampered_with_is_not_cut_away),
        WITH_FLEET(a_forged_cut_deletes_nothing),
        WITH_FLEET(a_long_trail_goes_in_short_writes_and_is_whole_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
