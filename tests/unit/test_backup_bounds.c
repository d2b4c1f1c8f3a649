/* What one agent can cost and do to others: the work its questions make, the rows it leaves, the objects it names. */
#include "app.h"
#include "db/driver.h"
#include "fixture_db.h"

#include <sqlite3.h>

#define USER  "0193a000-0000-7000-8000-000000000001"
#define AGENT "0193a000-0000-7000-8000-000000000002"
#define OTHER "0193a000-0000-7000-8000-000000000003"
#define OWN   "0193a000-0000-7000-8000-000000000004"

static int setup(void **state)
{
    int rc = fixture_setup(state);
    fixture_script(*state,
                   "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
                   " VALUES ('" USER "', 'u', 'u', 'x', 'admin', 1, 1);"
                   "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms) VALUES"
                   " ('" AGENT "', 'a', 'a', '" USER "', 'k', 1, 1), ('" OTHER "', 'b', 'b', '" USER "', 'l', 1, 1);");
    return rc;
}

/* A run that has ended, as id, agent_id and status tell. */
#define ENDED                                                                                                          \
    "INSERT INTO backup_runs (id, chain_id, agent_id, user_id, config_name, agent_name, status, filename,"             \
    " s3_path, started_ms, active_ms, finished_ms) "

#define THOUSANDS                                                                                                      \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) " ENDED                            \
    "SELECT 'r' || i, 'r' || i, '" OTHER "', '" USER "', 'c', 'b', 'completed', 'f', 'p' || i, i, 1, i FROM n;"

static void bind(sqlite3_stmt *stmt, const char *name, const char *value)
{
    int at = sqlite3_bind_parameter_index(stmt, name);
    assert_true(at > 0);
    int rc = strcmp(value, "0") == 0 ? sqlite3_bind_int(stmt, at, 0)
                                     : sqlite3_bind_text(stmt, at, value, -1, SQLITE_TRANSIENT);
    assert_int_equal(rc, SQLITE_OK);
}

/* How many steps the database takes; values are names and texts, and a NULL behind them. */
static int steps(struct fixture *f, enum db_statement statement, const char *const *values, int limit, int *ret_rows)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int rows = 0;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, db_statements[statement].sql, -1, &stmt, NULL), SQLITE_OK);
    for (; values[0] != NULL; values += 2)
        bind(stmt, values[0], values[1]);
    assert_int_equal(sqlite3_bind_int(stmt, sqlite3_bind_parameter_index(stmt, ":limit"), limit), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        rows++;
    int taken = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    *ret_rows = rows;
    return taken;
}

static int steps_of_candidates(struct fixture *f, const char *run_id, int *ret_rows)
{
    const char *const values[] = {
        ":agent_id", AGENT, ":verifier", "%\"verifyAgentId\":\"" AGENT "\"%", run_id != NULL ? ":run_id" : NULL,
        run_id,      NULL};
    return steps(f, DB_RESTORE_CANDIDATES, values, 50, ret_rows);
}

static void what_an_agent_may_read_is_found_without_looking_at_the_runs_of_others(void **state)
{
    enum { FEW = 2000 };
    int rows = 0;
    fixture_script(*state, THOUSANDS ENDED "VALUES ('" OWN "', '" OWN "', '" AGENT "', '" USER
                                           "', 'c', 'a', 'completed', 'f', 'p', 1, 1, 1);");
    assert_true(steps_of_candidates(*state, NULL, &rows) < FEW);
    assert_int_equal(rows, 1);
    assert_true(steps_of_candidates(*state, OWN, &rows) < FEW);
    assert_int_equal(rows, 1);
    assert_true(steps_of_candidates(*state, "r7", &rows) < FEW);
    assert_int_equal(rows, 0);
}

static void a_page_of_runs_costs_what_is_on_it(void **state)
{
    enum { FEW = 6000 };
    static const char *const all[] = {":deleted", "0", ":offset", "0", NULL};
    static const char *const own[] = {":deleted", "0", ":offset", "0", ":viewer", USER, ":agent_id", OTHER, NULL};
    int rows = 0;
    fixture_script(*state, THOUSANDS);
    assert_true(steps(*state, DB_BACKUP_RUN_LIST, all, 20, &rows) < FEW);
    assert_int_equal(rows, 20);
    assert_true(steps(*state, DB_BACKUP_RUN_LIST, own, 20, &rows) < FEW);
    assert_int_equal(rows, 20);
}

/* The text that is in the first column, row after row with a space behind each. */
static void first_column(struct fixture *f, enum db_statement statement, struct db_args args, char *ret, size_t size)
{
    struct err err = {0};
    struct db_rows rows;
    ret[0] = '\0';
    int rc = db_query(f->db, statement, args, &rows, &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW) {
        size_t len = strlen(ret);
        (void)snprintf(ret + len, size - len, "%s ", db_rows_text(&rows, 0));
        rc = 0;
    }
    db_rows_done(&rows);
    assert_int_equal(rc, DB_DONE);
}

static void a_path_that_was_given_up_and_is_another_runs_now_is_not_purged(void **state)
{
    char paths[200];
    fixture_script(*state,
                   ENDED "VALUES ('early', 'early', '" AGENT "', '" USER "', 'c', 'a', 'failed', 'f.index', 'p.index',"
                         " 1, 1, 1), ('gone', 'gone', '" AGENT "', '" USER "', 'c', 'a', 'failed', 'g', 'q', 1, 1, 1),"
                         " ('" OWN "', '" OWN "', '" AGENT "', '" USER "', 'c', 'a', 'completed', 'f', 'p', 2, 2, 2);"
                         "INSERT INTO backup_objects (run_id, number, s3_path, upload_id, size_bytes) VALUES"
                         " ('" OWN "', 1, 'p', 'u', 5), ('" OWN "', 0, 'p.index', 'v', 5);");
    first_column(*state, DB_RETENTION_OBJECTS, DB_ARGS(DB_TEXT("run_id", "early")), paths, sizeof paths);
    assert_string_equal(paths, "");
    first_column(*state, DB_RETENTION_OBJECTS, DB_ARGS(DB_TEXT("run_id", "gone")), paths, sizeof paths);
    assert_string_equal(paths, "q ");
    first_column(*state, DB_RETENTION_OBJECTS, DB_ARGS(DB_TEXT("run_id", OWN)), paths, sizeof paths);
    assert_string_equal(paths, "p p.index ");
}

static void a_body_that_may_still_come_is_cleared_away_when_it_cannot_any_more(void **state)
{
    char runs[200];
    fixture_script(*state, ENDED
                   "VALUES ('whole', 'whole', '" AGENT "', '" USER "', 'c', 'a', 'failed', 'f', 'p', 100, 1, 110),"
                   " ('parts', 'parts', '" AGENT "', '" USER "', 'c', 'a', 'failed', 'g', 'q', 100, 1, 110);"
                   "UPDATE backup_runs SET part_size = 8388608 WHERE id = 'parts';"
                   "INSERT INTO backup_objects (run_id, number, s3_path, upload_id) VALUES"
                   " ('whole', 1, 'p', 'whole'), ('parts', 1, 'q', 'u');");
    first_column(*state, DB_BACKUP_OBJECT_LEFTOVER, DB_ARGS(DB_INT("before", 200), DB_INT("whole_before", 100)), runs,
                 sizeof runs);
    assert_string_equal(runs, "parts ");
    first_column(*state, DB_BACKUP_OBJECT_LEFTOVER, DB_ARGS(DB_INT("before", 200), DB_INT("whole_before", 101)), runs,
                 sizeof runs);
    assert_string_equal(runs, "parts whole ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_an_agent_may_read_is_found_without_looking_at_the_runs_of_others, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_page_of_runs_costs_what_is_on_it, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_path_that_was_given_up_and_is_another_runs_now_is_not_purged, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_body_that_may_still_come_is_cleared_away_when_it_cannot_any_more, setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
