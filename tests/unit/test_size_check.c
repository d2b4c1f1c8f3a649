/* Which runs raise the alarm that a backup has shrunk. */
#include "backup/size_check.h"
#include "db/driver.h"
#include "fixture_db.h"

#define USER   "0193a000-0000-7000-8000-000000000001"
#define AGENT  "0193a000-0000-7000-8000-000000000002"
#define CONFIG "0193a000-0000-7000-8000-000000000003"

static int setup(void **state)
{
    int rc = fixture_setup(state);
    fixture_script(*state,
                   "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
                   " VALUES ('" USER "', 'u', 'u', 'x', 'admin', 1, 1);"
                   "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
                   " VALUES ('" AGENT "', 'a', 'a', '" USER "', 'k', 1, 1);"
                   "INSERT INTO backup_configs (id, user_id, agent_id, execution_mode, name, sources, options, rev,"
                   " created_ms, updated_ms) VALUES ('" CONFIG "', '" USER "', '" AGENT
                   "', 'agent', 'c', '[]', '{}', 1, 1, 1);");
    return rc;
}

/* listed: what the tree held; "NULL": the agent did not say. */
static void add_run(struct fixture *f, int number, const char *status, const char *type, int64_t size,
                    const char *listed)
{
    char sql[1000];
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO backup_runs (id, config_id, agent_id, user_id, config_name, agent_name, status, type,"
        " chain_id, filename, size_bytes, listed_bytes, started_ms, active_ms, finished_ms) VALUES ('%d', '" CONFIG
        "', '" AGENT "', '" USER "', 'c', 'a', '%s', '%s', '%d', 'f', %lld, %s, %d, 1, %d);",
        number, status, type, number, (long long)size, listed, number, number);
    fixture_script(f, sql);
}

static int check(struct db *db, void *ctx, struct err *err)
{
    return size_check(db, ctx, 5, err);
}

static void expect_alerts(struct fixture *f, const char *run, int64_t expected)
{
    struct err err = {0};
    struct db_rows rows;
    char id[8];
    (void)snprintf(id, sizeof id, "%s", run);
    expect_ok(db_write(f->writer, check, id, &err), &err);
    assert_int_equal(db_query_one(f->db, DB_ALERT_OPEN_COUNT, DB_ARGS(DB_NULL("viewer")), &rows, &err), DB_ROW);
    assert_int_equal(db_rows_int(&rows, 0, -1), expected);
    db_rows_done(&rows);
}

static void the_first_run_is_as_large_as_it_is(void **state)
{
    add_run(*state, 1, "completed", "full", 0, "NULL");
    expect_alerts(*state, "1", 0);
}

static void below_half_of_the_median_is_the_alarm(void **state)
{
    add_run(*state, 1, "completed", "full", 100, "NULL");
    add_run(*state, 2, "warning", "full", 1000, "NULL");
    add_run(*state, 3, "completed", "full", 101, "NULL");
    add_run(*state, 4, "completed", "full", 51, "NULL");
    expect_alerts(*state, "4", 0);
    fixture_script(*state, "UPDATE backup_runs SET size_bytes = 50 WHERE id = '4';");
    expect_alerts(*state, "4", 1);
}

static void what_the_tree_holds_goes_before_the_size_of_the_archive(void **state)
{
    add_run(*state, 1, "completed", "full", 1000, "5000");
    add_run(*state, 2, "completed", "incremental", 3, "5000");
    expect_alerts(*state, "2", 0);
    add_run(*state, 3, "completed", "incremental", 2000, "2499");
    expect_alerts(*state, "3", 1);
}

static void an_incremental_of_an_unknown_tree_is_not_judged(void **state)
{
    add_run(*state, 1, "completed", "full", 1000, "NULL");
    add_run(*state, 2, "completed", "incremental", 1, "NULL");
    expect_alerts(*state, "2", 0);
    add_run(*state, 3, "completed", "full", 900, "NULL"); /* is not compared with it either */
    expect_alerts(*state, "3", 0);
}

static void runs_that_failed_say_nothing(void **state)
{
    add_run(*state, 1, "failed", "full", 100000, "NULL");
    add_run(*state, 2, "completed", "full", 10, "NULL");
    expect_alerts(*state, "2", 0);
}

static void only_the_last_ten_count(void **state)
{
    add_run(*state, 1, "completed", "full", 100000, "NULL");
    add_run(*state, 2, "completed", "full", 100000, "NULL");
    for (int i = 3; i <= 13; i++)
        add_run(*state, i, "completed", "full", i < 8 ? 100000 : 100, "NULL");
    add_run(*state, 14, "completed", "full", 60, "NULL");
    expect_alerts(*state, "14", 0);
}

static void runs_in_a_row_raise_it_once(void **state)
{
    for (int i = 1; i <= 5; i++)
        add_run(*state, i, "completed", "full", 1000, "NULL");
    add_run(*state, 6, "completed", "full", 10, "NULL");
    expect_alerts(*state, "6", 1);
    add_run(*state, 7, "completed", "full", 10, "NULL");
    expect_alerts(*state, "7", 1);
    add_run(*state, 8, "completed", "full", 1000, "NULL");
    add_run(*state, 9, "completed", "full", 10, "NULL");
    expect_alerts(*state, "9", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_run_is_as_large_as_it_is, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(below_half_of_the_median_is_the_alarm, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_the_tree_holds_goes_before_the_size_of_the_archive, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_incremental_of_an_unknown_tree_is_not_judged, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(runs_that_failed_say_nothing, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(only_the_last_ten_count, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(runs_in_a_row_raise_it_once, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
