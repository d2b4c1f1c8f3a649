/* What the scheduler does, by a clock that the test moves. */
#include "fixture_sql.h"

#include <pthread.h>

#include "backup/backup.h"
#include "backup/config.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define AGENT  "01890000-0000-7000-8000-000000000001"
#define HOURLY "{\"schedule\":{\"cron\":\"0 * * * *\",\"timeZone\":\"UTC\"}}"
/* FLEET_NOW is 2025-06-15T15:06:40Z. */
#define AT_NIGHT                                                                                                       \
    "{\"schedule\":{\"cron\":\"0 * * * *\",\"timeZone\":\"UTC\"},"                                                     \
    "\"window\":{\"from\":\"22:00\",\"to\":\"04:00\",\"timeZone\":\"UTC\"}}"

struct test {
    struct fleet *fleet;
    struct backup_schedule schedule;
};

static int insert_agent(struct db *db, void *ctx, struct err *err)
{
    struct agent_new agent = {.id = AGENT,
                              .name = "web-1",
                              .owner_id = ((struct fleet *)ctx)->owner,
                              .api_key_hash = "x",
                              .poll_interval_s = 30,
                              .now_ms = FLEET_NOW};
    return agent_insert(db, &agent, err);
}

static void set_online(struct fleet *f, bool online)
{
    sql(f, online ? "UPDATE agents SET status = 'online', offline_after_ms = 9000000000000"
                  : "UPDATE agents SET offline_after_ms = 0");
}

static int setup(void **state)
{
    struct test *t = calloc(1, sizeof *t);
    struct err err = {0};
    void *fleet = NULL;
    (void)fleet_setup(&fleet);
    t->fleet = fleet;
    expect_ok(db_write(t->fleet->app.writer, insert_agent, t->fleet, &err), &err);
    set_online(t->fleet, true);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    void *fleet = t->fleet;
    backup_schedule_end(&t->schedule);
    (void)fleet_teardown(&fleet);
    free(t);
    return 0;
}

static void tick(struct test *t)
{
    backup_schedule_tick(&t->fleet->app, &t->schedule);
    assert_int_equal(t->schedule.retry_ms, 0); /* it went well */
}

static void pass(struct test *t, int64_t ms)
{
    clock_fake_advance(&t->fleet->clock, ms);
    tick(t);
}

static struct config_write write_of(const struct test *t, const struct config_change *change)
{
    int64_t now_ms = clock_now_ms(t->fleet->app.clock);
    return (struct config_write){.audit_key = secrets_audit_key(t->fleet->app.secrets),
                                 .audit = {.time_ms = now_ms, .actor = "cli:0"},
                                 .change = change,
                                 .now_ms = now_ms};
}

static const struct config_change nightly = {.name = "home",
                                             .agent_id = AGENT,
                                             .execution_mode = "agent",
                                             .sources = "[{\"path\":\"/home\"}]",
                                             .options = HOURLY};

static void add(struct test *t, const char *options, char ret_id[UUID_SIZE])
{
    struct config_change change = nightly;
    struct err err = {0};
    change.options = options;
    struct config_write write = write_of(t, &change);
    expect_ok(db_write(t->fleet->app.writer, config_create, &write, &err), &err);
    memcpy(ret_id, write.id, UUID_SIZE);
}

static void get(struct test *t, const char *id, struct backup_config *ret)
{
    struct err err = {0};
    expect_ok(config_get(t->fleet->base->db, id, NULL, t->fleet->arena, ret, &err), &err);
}

static int change_to(struct test *t, const char *id, const struct config_change *change)
{
    struct backup_config old;
    struct err err = {0};
    get(t, id, &old);
    struct config_write write = write_of(t, change);
    write.old = &old;
    return db_write(t->fleet->app.writer, config_update, &write, &err);
}

static int64_t runs(struct test *t, const char *where)
{
    char text[300];
    (void)snprintf(text, sizeof text, "SELECT count(*) FROM backup_runs WHERE %s", where);
    return number(t->fleet, text);
}

static int64_t due(struct test *t)
{
    return number(t->fleet, "SELECT COALESCE(due_ms, -1) FROM backup_configs");
}

/* The agent takes the run and ends it like that. */
static void finish(struct test *t, const char *status)
{
    char text[300];
    long long now_ms = clock_now_ms(t->fleet->app.clock);
    (void)snprintf(text, sizeof text,
                   "UPDATE backup_runs SET status = '%s', started_ms = %lld, active_ms = %lld, finished_ms = %lld "
                   "WHERE status IN ('queued', 'running')",
                   status, now_ms, now_ms, now_ms);
    sql(t->fleet, text);
}

/* --- due and handed out --- */

static void what_is_due_gets_one_run_that_is_handed_out(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    tick(t);
    assert_int_equal(runs(t, "1"), 0);
    int64_t first = due(t);
    assert_true(first > FLEET_NOW && first <= FLEET_NOW + HOUR);
    pass(t, HOUR);
    assert_int_equal(runs(t, "status = 'queued' AND origin = 'schedule' AND agent_id = '" AGENT "'"), 1);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM commands c JOIN backup_runs r ON r.command_id = c.id WHERE "
                                      "c.kind = 'backup' AND c.agent_id = '" AGENT "'"),
                     1);
    assert_int_equal(due(t), first + HOUR);
    pass(t, MINUTE);
    assert_int_equal(runs(t, "1"), 1);
    finish(t, "completed");
    pass(t, HOUR);
    assert_int_equal(runs(t, "1"), 2);
}

static void two_runs_of_a_config_never_overlap(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    pass(t, HOUR);
    sql(t->fleet, "UPDATE backup_runs SET status = 'running'");
    int64_t before = due(t);
    pass(t, 3 * HOUR);
    assert_int_equal(runs(t, "1"), 1);
    assert_true(due(t) > before && due(t) > clock_now_ms(t->fleet->app.clock)); /* and it goes on by the schedule */
    assert_int_equal((due(t) - before) % HOUR, 0);
    finish(t, "completed");
    pass(t, HOUR);
    assert_int_equal(runs(t, "1"), 2);
}

static void what_was_missed_is_caught_up_once_when_the_agent_is_back(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    set_online(t->fleet, false);
    for (int i = 0; i < 30; i++)
        pass(t, HOUR);
    assert_int_equal(runs(t, "status = 'queued' AND command_id IS NULL"), 1);
    assert_int_equal(runs(t, "1"), 1);
    set_online(t->fleet, true);
    pass(t, 1000);
    assert_int_equal(runs(t, "status = 'queued' AND command_id IS NOT NULL"), 1);
    finish(t, "completed");
    pass(t, 1000);
    assert_int_equal(runs(t, "1"), 1);
}

static void a_server_that_was_down_catches_up_once(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    clock_fake_advance(&t->fleet->clock, 3 * DAY);
    tick(t);
    finish(t, "completed");
    tick(t);
    assert_int_equal(runs(t, "1"), 1);
}

static void a_closed_window_is_waited_for(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, AT_NIGHT, id);
    pass(t, 6 * HOUR); /* 21:06 */
    assert_int_equal(runs(t, "1"), 0);
    assert_int_equal(due(t) / HOUR, (FLEET_NOW + 7 * HOUR) / HOUR);
    pass(t, HOUR + 10 * MINUTE); /* 22:16 */
    assert_int_equal(runs(t, "command_id IS NOT NULL"), 1);
}

static void an_agent_that_is_back_when_the_window_is_closed_waits_for_it(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, AT_NIGHT, id);
    set_online(t->fleet, false);
    pass(t, 8 * HOUR); /* 23:06 */
    assert_int_equal(runs(t, "status = 'queued'"), 1);
    set_online(t->fleet, true);
    pass(t, 12 * HOUR); /* 11:06 */
    assert_int_equal(runs(t, "1"), 0);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM commands"), 0);
    assert_int_equal(due(t) / HOUR, (FLEET_NOW + 31 * HOUR) / HOUR); /* 22:06 */
    pass(t, 12 * HOUR);
    assert_int_equal(runs(t, "command_id IS NOT NULL"), 1);
}

static void a_server_that_was_down_does_not_catch_up_outside_of_the_window(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, AT_NIGHT, id);
    set_online(t->fleet, false);
    pass(t, 20 * HOUR); /* 11:06 */
    assert_int_equal(runs(t, "1"), 0);
    set_online(t->fleet, true);
    pass(t, 12 * HOUR);
    assert_int_equal(runs(t, "1"), 1);
}

static void without_an_agent_or_with_one_that_is_refused_nothing_runs(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    fleet_act(t->fleet, AGENT_DEACTIVATE, AGENT);
    pass(t, HOUR);
    assert_int_equal(runs(t, "1"), 0);
    assert_true(due(t) > clock_now_ms(t->fleet->app.clock));
    fleet_act(t->fleet, AGENT_ACTIVATE, AGENT);
    sql(t->fleet, "UPDATE backup_configs SET agent_id = NULL");
    pass(t, HOUR);
    assert_int_equal(runs(t, "1"), 0);
    assert_true(due(t) > clock_now_ms(t->fleet->app.clock));
    sql(t->fleet, "UPDATE backup_configs SET agent_id = '" AGENT "'");
    pass(t, HOUR);
    assert_int_equal(runs(t, "1"), 1);
}

static void a_queued_run_is_not_handed_to_an_agent_that_is_refused(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    set_online(t->fleet, false);
    pass(t, HOUR);
    set_online(t->fleet, true);
    fleet_act(t->fleet, AGENT_DEACTIVATE, AGENT);
    pass(t, MINUTE);
    assert_int_equal(runs(t, "status = 'queued' AND command_id IS NULL"), 1);
}

static void a_zone_that_is_no_more_holds_up_nobody(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE], other[UUID_SIZE];
    add(t, HOURLY, id);
    sql(t->fleet, "UPDATE backup_configs SET options = replace(options, 'UTC', 'Gone/Zone')");
    add(t, HOURLY, other);
    pass(t, HOUR);
    assert_int_equal(runs(t, "1"), 1);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM backup_configs WHERE due_ms > 1750000000000 + 3600000"), 2);
}

struct process {
    struct fleet *fleet;
    struct backup_schedule schedule;
};

static void *run_process(void *arg)
{
    struct process *p = arg;
    for (int i = 0; i < 20; i++)
        backup_schedule_tick(&p->fleet->app, &p->schedule);
    backup_schedule_end(&p->schedule);
    return NULL;
}

static void many_processes_do_everything_once(void **state)
{
    struct test *t = *state;
    struct process processes[4] = {{.fleet = NULL}};
    pthread_t threads[4];
    char id[UUID_SIZE];
    for (int i = 0; i < 300; i++)
        add(t, "{\"schedule\":{\"cron\":\"0 * * * *\",\"timeZone\":\"UTC\"},\"alertAfterHours\":1}", id);
    clock_fake_advance(&t->fleet->clock, HOUR + MINUTE);
    for (int i = 0; i < 4; i++) {
        processes[i].fleet = t->fleet;
        assert_int_equal(pthread_create(&threads[i], NULL, run_process, &processes[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(processes[i].schedule.retry_ms, 0);
    }
    assert_int_equal(runs(t, "status = 'queued' AND command_id IS NOT NULL"), 300);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM commands"), 300);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM alerts WHERE kind = 'backup.late'"), 300);
}

/* --- changes of a config --- */

static void another_schedule_is_another_due_and_another_name_is_not(void **state)
{
    struct test *t = *state;
    struct config_change change = nightly;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    int64_t before = due(t);
    clock_fake_advance(&t->fleet->clock, 2 * HOUR); /* due, and the scheduler was not there yet */
    change.name = "renamed";
    assert_int_equal(change_to(t, id, &change), 0);
    assert_int_equal(due(t), before);
    change.options = "{\"schedule\":{\"everyHours\":5}}";
    assert_int_equal(change_to(t, id, &change), 0);
    assert_true(due(t) >= FLEET_NOW + 5 * HOUR && due(t) <= FLEET_NOW + 5 * HOUR + 15 * MINUTE);
    change.options = "{}";
    assert_int_equal(change_to(t, id, &change), 0);
    assert_int_equal(due(t), -1);
    change.options = HOURLY;
    assert_int_equal(change_to(t, id, &change), 0);
    assert_true(due(t) > clock_now_ms(t->fleet->app.clock));
}

static void a_queued_run_of_a_config_that_goes_is_cancelled(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    pass(t, HOUR);
    assert_int_equal(runs(t, "status = 'queued'"), 1);
    sql(t->fleet, "UPDATE backup_configs SET agent_id = NULL");
    pass(t, MINUTE);
    assert_int_equal(runs(t, "status = 'cancelled' AND errors LIKE '%given to another agent%'"), 1);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM commands WHERE status = 'pending'"), 0);
}

/* --- what is watched --- */

static void a_run_that_takes_too_long_fails_and_says_why(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, "{\"schedule\":{\"everyHours\":24},\"maxRuntimeMinutes\":30}", id);
    pass(t, 25 * HOUR);
    assert_int_equal(runs(t, "command_id IS NOT NULL"), 1);
    finish(t, "running");
    pass(t, 31 * MINUTE); /* the agent has some time to do it itself */
    assert_int_equal(runs(t, "status = 'running'"), 1);
    pass(t, 2 * MINUTE);
    assert_int_equal(runs(t, "status = 'failed' AND errors LIKE '%30 minutes%' AND finished_ms IS NOT NULL"), 1);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM alerts WHERE kind = 'backup.failed'"), 1);
}

static int64_t open_late_alerts(struct test *t)
{
    return number(t->fleet, "SELECT count(*) FROM alerts WHERE kind = 'backup.late' AND acknowledged_ms IS NULL");
}

static bool is_late(struct test *t, const char *id)
{
    struct backup_config c;
    struct err err = {0};
    json_t *json = json_object();
    get(t, id, &c);
    expect_ok(config_times_json(t->fleet->base->db, &c, json, &err), &err);
    bool late = json_is_true(json_object_get(json, "late"));
    json_decref(json);
    return late;
}

static void who_is_late_is_told_once_and_a_success_ends_it(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE], other[UUID_SIZE];
    add(t, "{\"alertAfterHours\":24}", id);
    add(t, "{\"alertAfterHours\":48}", other);
    pass(t, 23 * HOUR);
    assert_int_equal(open_late_alerts(t), 0);
    pass(t, 2 * HOUR);
    pass(t, HOUR);
    assert_int_equal(open_late_alerts(t), 1);
    assert_true(is_late(t, id) && !is_late(t, other));
    pass(t, DAY);
    assert_int_equal(open_late_alerts(t), 2); /* each config its own */
    char text[400];
    (void)snprintf(text, sizeof text,
                   "INSERT INTO backup_runs (id, config_id, agent_id, user_id, config_name, agent_name, status, "
                   "chain_id, filename, started_ms, active_ms) SELECT id, id, agent_id, user_id, 'home', 'web-1', "
                   "'queued', id, '', 0, 0 FROM backup_configs");
    sql(t->fleet, text);
    finish(t, "failed");
    pass(t, MINUTE);
    assert_int_equal(open_late_alerts(t), 2);
    sql(t->fleet, "UPDATE backup_runs SET status = 'warning'");
    assert_false(is_late(t, id)); /* at once */
    pass(t, MINUTE);
    assert_int_equal(open_late_alerts(t), 0);
    assert_false(is_late(t, id));
    pass(t, 25 * HOUR);
    assert_int_equal(open_late_alerts(t), 1); /* late again */
}

static void a_proof_is_asked_for_when_it_is_due(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, "{\"schedule\":{\"everyHours\":24},\"verifyEveryDays\":7}", id);
    int64_t first = number(t->fleet, "SELECT verify_due_ms FROM backup_configs");
    assert_int_equal(first, FLEET_NOW + 7 * DAY);
    pass(t, 6 * DAY);
    finish(t, "completed");
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM backup_jobs"), 0);
    pass(t, DAY + MINUTE);
    pass(t, MINUTE);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM backup_jobs j JOIN backup_runs r ON r.id = j.run_id WHERE "
                                      "j.kind = 'verify' AND j.agent_id = '" AGENT "' AND r.status = 'completed'"),
                     1);
    assert_int_equal(number(t->fleet, "SELECT verify_due_ms FROM backup_configs"), first + 7 * DAY);
}

static void without_a_backup_that_can_be_restored_the_proof_waits(void **state)
{
    struct test *t = *state;
    char id[UUID_SIZE];
    add(t, "{\"schedule\":{\"everyHours\":240},\"verifyEveryDays\":1}", id);
    pass(t, 11 * DAY);
    /* An incremental one whose full one is gone. */
    finish(t, "completed");
    sql(t->fleet, "UPDATE backup_runs SET chain_seq = 1, chain_id = 'gone'");
    pass(t, 2 * HOUR);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM backup_jobs"), 0);
    sql(t->fleet, "UPDATE backup_runs SET chain_seq = 0, chain_id = id");
    pass(t, 2 * HOUR);
    assert_int_equal(number(t->fleet, "SELECT count(*) FROM backup_jobs"), 1);
}

/* --- the server's own backups --- */

static const struct config_change of_server = {
    .name = "server", .execution_mode = "server", .sources = "[{\"path\":\"/etc\"}]", .options = HOURLY};

static void the_servers_own_backups_run_on_the_agent_of_the_setting(void **state)
{
    struct test *t = *state;
    struct err err = {0};
    struct backup_config *list = NULL;
    size_t count = 0;
    struct config_write write = write_of(t, &of_server);
    assert_int_equal(db_write(t->fleet->app.writer, config_create, &write, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "MUSTER_SERVER_AGENT"));
    t->fleet->settings.server_agent = "WEB-1";
    int64_t before = number(t->fleet, "SELECT configs_rev FROM agents");
    tick(t);
    expect_ok(db_write(t->fleet->app.writer, config_create, &write, &err), &err);
    assert_true(number(t->fleet, "SELECT configs_rev FROM agents") > before);
    expect_ok(config_list_of_agent(t->fleet->base->db, AGENT, 10, t->fleet->arena, &list, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_null(list[0].agent_id);
    pass(t, HOUR);
    assert_int_equal(runs(t, "command_id IS NOT NULL AND agent_id = '" AGENT "'"), 1);
    t->fleet->settings.server_agent = NULL;
    pass(t, MINUTE);
    expect_ok(config_list_of_agent(t->fleet->base->db, AGENT, 10, t->fleet->arena, &list, &count, &err), &err);
    assert_int_equal(count, 0);
    assert_int_equal(runs(t, "status = 'cancelled'"), 1);
}

static void another_owners_agent_does_not_get_the_servers_own_backups(void **state)
{
    struct test *t = *state;
    struct err err = {0};
    struct backup_config *list = NULL;
    size_t count = 0;
    t->fleet->settings.server_agent = AGENT;
    tick(t);
    struct config_write write = write_of(t, &of_server);
    expect_ok(db_write(t->fleet->app.writer, config_create, &write, &err), &err);
    sql(t->fleet, "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms) "
                  "VALUES ('somebody', 's', 's', 'x', 'operator', 0, 0); UPDATE agents SET user_id = 'somebody'");
    expect_ok(config_list_of_agent(t->fleet->base->db, AGENT, 10, t->fleet->arena, &list, &count, &err), &err);
    assert_int_equal(count, 0);
    pass(t, HOUR);
    assert_int_equal(runs(t, "1"), 0);
}

static void who_verifies_is_an_agent_of_the_same_owner(void **state)
{
    struct test *t = *state;
    struct config_change change = nightly;
    char id[UUID_SIZE];
    add(t, HOURLY, id);
    change.options = "{\"verifyAgentId\":\"01890000-0000-7000-8000-000000000002\"}";
    assert_int_equal(change_to(t, id, &change), ERR_CONFLICT);
    change.options = "{\"verifyAgentId\":\"" AGENT "\"}";
    assert_int_equal(change_to(t, id, &change), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_due_gets_one_run_that_is_handed_out),
        TEST(two_runs_of_a_config_never_overlap),
        TEST(what_was_missed_is_caught_up_once_when_the_agent_is_back),
        TEST(a_server_that_was_down_catches_up_once),
        TEST(a_closed_window_is_waited_for),
        TEST(an_agent_that_is_back_when_the_window_is_closed_waits_for_it),
        TEST(a_server_that_was_down_does_not_catch_up_outside_of_the_window),
        TEST(without_an_agent_or_with_one_that_is_refused_nothing_runs),
        TEST(a_queued_run_is_not_handed_to_an_agent_that_is_refused),
        TEST(a_zone_that_is_no_more_holds_up_nobody),
        TEST(many_processes_do_everything_once),
        TEST(another_schedule_is_another_due_and_another_name_is_not),
        TEST(a_queued_run_of_a_config_that_goes_is_cancelled),
        TEST(a_run_that_takes_too_long_fails_and_says_why),
        TEST(who_is_late_is_told_once_and_a_success_ends_it),
        TEST(a_proof_is_asked_for_when_it_is_due),
        TEST(without_a_backup_that_can_be_restored_the_proof_waits),
        TEST(the_servers_own_backups_run_on_the_agent_of_the_setting),
        TEST(another_owners_agent_does_not_get_the_servers_own_backups),
        TEST(who_verifies_is_an_agent_of_the_same_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
