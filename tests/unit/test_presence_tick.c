/* What fleet does by the clock. */
#include "fixture_fleet.h"

#include "fleet/fleet.h"
#include "fleet/otp.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const char epoch[] = "0011223344556677";

static int insert_agent(struct db *db, void *ctx, struct err *err)
{
    struct fleet *f = ctx;
    struct agent_new agent = {.id = "01890000-0000-7000-8000-000000000001",
                              .name = "agent",
                              .owner_id = f->owner,
                              .api_key_hash = "x",
                              .poll_interval_s = 30,
                              .now_ms = FLEET_NOW};
    return agent_insert(db, &agent, err);
}

static int insert_event(struct db *db, void *ctx, struct err *err)
{
    const int64_t *received_ms = ctx;
    return db_exec(db, DB_EVENT_INSERT,
                   DB_ARGS(DB_TEXT("agent", "01890000-0000-7000-8000-000000000001"), DB_TEXT("epoch", epoch),
                           DB_INT("seq", *received_ms), DB_INT("level", 1), DB_TEXT("kind", "log"),
                           DB_TEXT("message", "m"), DB_TEXT("metadata", "{}"), DB_INT("timestamp", *received_ms),
                           DB_INT("now", *received_ms)),
                   NULL, err);
}

static int insert_command(struct db *db, void *ctx, struct err *err)
{
    char *id = ctx;
    struct fleet_command_new command = {.agent_id = "01890000-0000-7000-8000-000000000001",
                                        .kind = "backup",
                                        .args = "{}",
                                        .created_by = "cli:0",
                                        .now_ms = FLEET_NOW,
                                        .expires_ms = FLEET_NOW + 1000};
    return fleet_command_create(db, &command, id, err);
}

static int finish_command(struct db *db, void *ctx, struct err *err)
{
    int64_t changes = 0;
    int rc = db_exec(db, DB_COMMAND_FINISH,
                     DB_ARGS(DB_TEXT("id", ctx), DB_TEXT("agent", "01890000-0000-7000-8000-000000000001"),
                             DB_TEXT("status", "done"), DB_TEXT("detail", ""), DB_INT("now", FLEET_NOW)),
                     &changes, err);
    return rc != 0 ? rc : changes == 1 ? 0 : err_set(err, ERR_NOT_FOUND, "not pending");
}

static void write_ok(struct fleet *f, db_write_fn *fn, void *ctx)
{
    struct err err = {0};
    expect_ok(db_write(f->app.writer, fn, ctx, &err), &err);
}

static int64_t count_events(struct fleet *f)
{
    struct db_rows rows;
    struct err err = {0};
    int64_t count = 0;
    int rc = db_query(f->base->db, DB_EVENT_PAGE,
                      DB_ARGS(DB_TEXT("agent", "01890000-0000-7000-8000-000000000001"), DB_INT("level", 0),
                              DB_TEXT("q", ""), DB_INT("before_ms", INT64_MAX), DB_TEXT("before_epoch", ""),
                              DB_INT("before_seq", 0), DB_INT("limit", 1000000)),
                      &rows, &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW) {
        count++;
        rc = 0;
    }
    db_rows_done(&rows);
    expect_ok(rc, &err);
    return count;
}

static void events_go_when_their_time_is_over_and_not_before(void **state)
{
    struct fleet *f = *state;
    int64_t old_ms = FLEET_NOW - 31 * DAY_MS, young_ms = FLEET_NOW - 29 * DAY_MS;
    write_ok(f, insert_agent, f);
    write_ok(f, insert_event, &old_ms);
    write_ok(f, insert_event, &young_ms);
    fleet_tick(&f->app);
    assert_int_equal(count_events(f), 1);
    clock_fake_advance(&f->clock, 2 * DAY_MS);
    fleet_tick(&f->app);
    assert_int_equal(count_events(f), 0);
}

static void set_rule(struct fleet *f, const char *name, const char *value)
{
    char sql[200];
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO policy (name, value, updated_ms) VALUES ('%s', '%s', 0) ON CONFLICT (name) DO UPDATE SET "
        "value = excluded.value",
        name, value);
    fixture_script(f->base, sql);
}

static void the_rule_of_days_goes_before_the_setting(void **state)
{
    struct fleet *f = *state;
    int64_t old_ms = FLEET_NOW - 3 * DAY_MS - 1, young_ms = FLEET_NOW - 3 * DAY_MS;
    write_ok(f, insert_agent, f);
    write_ok(f, insert_event, &old_ms);
    write_ok(f, insert_event, &young_ms);
    fleet_tick(&f->app);
    assert_int_equal(count_events(f), 2);
    set_rule(f, "logs.days", "3");
    fleet_tick(&f->app); /* a changed rule does not wait for the hour */
    assert_int_equal(count_events(f), 1);
}

static int64_t oldest_event(struct fleet *f)
{
    struct db_rows rows;
    struct err err = {0};
    assert_int_equal(db_query_one(f->base->db, DB_EVENT_LAST_BEFORE,
                                  DB_ARGS(DB_TEXT("agent", "01890000-0000-7000-8000-000000000001"),
                                          DB_INT("before", FLEET_NOW - 95)),
                                  &rows, &err),
                     DB_ROW);
    int64_t ms = db_rows_int(&rows, 0, 0);
    db_rows_done(&rows);
    return ms;
}

static void the_newest_rows_of_an_agent_stay(void **state)
{
    struct fleet *f = *state;
    write_ok(f, insert_agent, f);
    for (int64_t i = 0; i < 105; i++)
        write_ok(f, insert_event, &(int64_t){FLEET_NOW - i});
    set_rule(f, "logs.rows", "105");
    fleet_tick(&f->app);
    assert_int_equal(oldest_event(f), FLEET_NOW - 96);
    set_rule(f, "logs.rows", "104");
    fleet_tick(&f->app);
    set_rule(f, "logs.rows", "100");
    fleet_tick(&f->app);
    struct db_rows rows;
    struct err err = {0};
    assert_int_equal(db_query_one(f->base->db, DB_EVENT_LAST_BEFORE,
                                  DB_ARGS(DB_TEXT("agent", "01890000-0000-7000-8000-000000000001"),
                                          DB_INT("before", FLEET_NOW - 99)),
                                  &rows, &err),
                     DB_DONE);
    assert_int_equal(count_events(f), 100);
}

static void of_days_and_rows_the_narrower_holds(void **state)
{
    struct fleet *f = *state;
    write_ok(f, insert_agent, f);
    for (int64_t i = 0; i < 110; i++)
        write_ok(f, insert_event, &(int64_t){FLEET_NOW - (i < 50 ? i : 40 * DAY_MS + i)});
    set_rule(f, "logs.rows", "100");
    fleet_tick(&f->app);
    assert_int_equal(count_events(f), 50);
}

static int insert_many(struct db *db, void *ctx, struct err *err)
{
    const char *agent = ctx;
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < 25000; i++)
        rc = db_exec(db, DB_EVENT_INSERT,
                     DB_ARGS(DB_TEXT("agent", agent), DB_TEXT("epoch", epoch), DB_INT("seq", i + 1), DB_INT("level", 1),
                             DB_TEXT("kind", "log"), DB_TEXT("message", "m"), DB_TEXT("metadata", "{}"),
                             DB_INT("timestamp", 0), DB_INT("now", FLEET_NOW - 40 * DAY_MS)),
                     NULL, err);
    return rc;
}

static void a_great_many_go_in_short_writes(void **state)
{
    struct fleet *f = *state;
    char agent[] = "01890000-0000-7000-8000-000000000001";
    struct db_writer_stats before, after;
    write_ok(f, insert_agent, f);
    write_ok(f, insert_many, agent);
    db_writer_stats(f->app.writer, &before);
    fleet_tick(&f->app);
    assert_int_equal(count_events(f), 15000); /* a step's share, each write with a thousand of it */
    db_writer_stats(f->app.writer, &after);
    assert_true(after.writes - before.writes >= 10);
    fleet_tick(&f->app);
    fleet_tick(&f->app);
    assert_int_equal(count_events(f), 0);
}

static void a_command_nobody_fetched_in_time_has_expired(void **state)
{
    struct fleet *f = *state;
    struct err err = {0};
    char in_time[UUID_SIZE], too_late[UUID_SIZE];
    write_ok(f, insert_agent, f);
    write_ok(f, insert_command, in_time);
    write_ok(f, insert_command, too_late);
    fleet_tick(&f->app);
    write_ok(f, finish_command, in_time);
    clock_fake_advance(&f->clock, 60001);
    fleet_tick(&f->app);
    assert_int_equal(db_write(f->app.writer, finish_command, too_late, &err), ERR_NOT_FOUND);
}

static void a_command_for_nobody_is_refused(void **state)
{
    struct fleet *f = *state;
    struct err err = {0};
    char id[UUID_SIZE] = "untouched";
    assert_int_equal(db_write(f->app.writer, insert_command, id, &err), ERR_NOT_FOUND);
    assert_string_equal(id, "untouched");
}

static void the_tick_tells_the_head_of_the_trail(void **state)
{
    struct fleet *f = *state;
    char before[AUDIT_HEAD_SIZE], now[AUDIT_HEAD_SIZE];
    struct err err = {0};
    presence_audit_head(f->app.presence, before);
    assert_string_equal(before, "");
    fleet_tick(&f->app);
    presence_audit_head(f->app.presence, now);
    expect_ok(audit_check_head(f->base->db, secrets_audit_key(f->app.secrets), now, &err), &err);
    assert_memory_equal(now, "1:", 2);
}

static int use_otp(struct db *db, void *ctx, struct err *err)
{
    return db_exec(db, DB_OTP_USE_INSERT,
                   DB_ARGS(DB_TEXT("otp", ctx), DB_TEXT("spki", "s"), DB_NULL("agent"),
                           DB_TEXT("sealed_answer", "sealed"), DB_TEXT("address", ""), DB_INT("now", FLEET_NOW)),
                   NULL, err);
}

static bool answer_kept(struct fleet *f, const char *otp_id)
{
    struct db_rows rows;
    struct err err = {0};
    assert_int_equal(
        db_query_one(f->base->db, DB_OTP_USE_GET, DB_ARGS(DB_TEXT("otp", otp_id), DB_TEXT("spki", "s")), &rows, &err),
        DB_ROW);
    bool kept = !db_rows_null(&rows, 1);
    db_rows_done(&rows);
    return kept;
}

static void a_sealed_answer_is_wiped_when_its_password_has_expired(void **state)
{
    struct fleet *f = *state;
    struct otp_minted otp;
    struct err err = {0};
    struct audit_entry entry = {.time_ms = FLEET_NOW, .actor = "cli:0"};
    struct otp_new want = {
        .owner_id = f->owner, .name = "", .labels = "{}", .uses = 1, .ttl_s = 600, .now_ms = FLEET_NOW};
    expect_ok(otp_mint(&f->app, &want, &entry, &otp, &err), &err);
    write_ok(f, use_otp, otp.id);
    clock_fake_advance(&f->clock, 599000);
    fleet_tick(&f->app);
    assert_true(answer_kept(f, otp.id));
    clock_fake_advance(&f->clock, 61000);
    fleet_tick(&f->app);
    assert_false(answer_kept(f, otp.id));
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, fleet_setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FLEET(events_go_when_their_time_is_over_and_not_before),
        WITH_FLEET(the_rule_of_days_goes_before_the_setting),
        WITH_FLEET(the_newest_rows_of_an_agent_stay),
        WITH_FLEET(of_days_and_rows_the_narrower_holds),
        WITH_FLEET(a_great_many_go_in_short_writes),
        WITH_FLEET(a_command_nobody_fetched_in_time_has_expired),
        WITH_FLEET(a_command_for_nobody_is_refused),
        WITH_FLEET(the_tick_tells_the_head_of_the_trail),
        WITH_FLEET(a_sealed_answer_is_wiped_when_its_password_has_expired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
