/* The driver: binding, rows, errors. */
#include "fixture_db.h"

static struct db *open_write(const struct fixture *f)
{
    struct db *db = NULL;
    struct err err = {0};
    expect_ok(db_open(&(struct db_options){.path = f->path}, &db, &err), &err);
    return db;
}

static void a_value_comes_back_as_it_was_bound(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    struct db_rows rows;
    const char *text = "it's \"quoted\"; DROP TABLE facts; -- \xc3\xa9";
    expect_ok(db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", "a"), DB_TEXT("value", text)), NULL, &err), &err);
    assert_int_equal(db_query_one(db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", "a")), &rows, &err), DB_ROW);
    assert_string_equal(db_rows_text(&rows, 0), text);
    db_rows_done(&rows);
    db_close(db);
}

static void a_missing_row_is_done_and_not_an_error(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct db_rows rows;
    assert_int_equal(db_query_one(f->db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", "absent")), &rows, &err), DB_DONE);
}

static void a_number_without_a_row_is_0_and_one_that_cannot_be_read_stays(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    int64_t number = 7;
    expect_ok(db_query_number(db, DB_CHANGE_GET, DB_ARGS(DB_TEXT("topic", "numbered")), &number, &err), &err);
    assert_int_equal(number, 0);
    expect_ok(db_changed(db, "numbered", &err), &err);
    expect_ok(db_changed(db, "numbered", &err), &err);
    expect_ok(db_query_number(db, DB_CHANGE_GET, DB_ARGS(DB_TEXT("topic", "numbered")), &number, &err), &err);
    assert_int_equal(number, 2);
    assert_int_equal(db_query_number(db, DB_CHANGE_GET, DB_NO_ARGS, &number, &err), ERR_INTERNAL);
    assert_int_equal(number, 2);
    db_close(db);
}

static void a_missing_argument_is_refused(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    assert_int_equal(db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", "a")), NULL, &err), ERR_INTERNAL);
    db_close(db);
}

static void an_argument_that_is_no_parameter_is_refused(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    assert_int_equal(db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", "a"), DB_TEXT("valu", "x")), NULL, &err),
                     ERR_INTERNAL);
    assert_non_null(strstr(err.msg, "value"));
    db_close(db);
}

static void an_argument_too_many_is_refused(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    assert_int_equal(
        db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", "a"), DB_TEXT("value", "x"), DB_INT("z", 1)), NULL, &err),
        ERR_INTERNAL);
    db_close(db);
}

static void a_statement_is_open_once_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct db_rows first, second;
    expect_ok(db_query(f->db, DB_CHANGE_LIST, DB_NO_ARGS, &first, &err), &err);
    assert_int_equal(db_query(f->db, DB_CHANGE_LIST, DB_NO_ARGS, &second, &err), ERR_INTERNAL);
    db_rows_done(&second);
    assert_int_equal(db_rows_next(&first, &err), DB_ROW);
    db_rows_done(&first);
    expect_ok(db_query(f->db, DB_CHANGE_LIST, DB_NO_ARGS, &first, &err), &err);
    db_rows_done(&first);
}

static void null_binds_null_and_reads_as_the_fallback(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    struct db_rows rows;
    expect_ok(db_exec(db, DB_ALERT_INSERT,
                      DB_ARGS(DB_TEXT("id", "x"), DB_TEXT("kind", "k"), DB_TEXT("message", "m"),
                              DB_TEXT("user_id", NULL), DB_NULL("agent_id"), DB_INT("now", 7)),
                      NULL, &err),
              &err);
    expect_ok(db_query(db, DB_ALERT_LIST, DB_ARGS(DB_TEXT("viewer", NULL), DB_INT("limit", 5)), &rows, &err), &err);
    assert_int_equal(db_rows_next(&rows, &err), DB_ROW);
    assert_true(db_rows_null(&rows, 4));
    assert_null(db_rows_text(&rows, 4));
    assert_int_equal(db_rows_int(&rows, 5, -3), -3);
    assert_int_equal(db_rows_int(&rows, 1, 0), 7);
    db_rows_done(&rows);
    db_close(db);
}

static void a_constraint_that_refuses_is_a_conflict(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    struct db_args args = DB_ARGS(DB_TEXT("id", "twice"), DB_TEXT("kind", "k"), DB_TEXT("message", "m"),
                                  DB_TEXT("user_id", NULL), DB_NULL("agent_id"), DB_INT("now", 7));
    expect_ok(db_exec(db, DB_ALERT_INSERT, args, NULL, &err), &err);
    assert_int_equal(db_exec(db, DB_ALERT_INSERT, args, NULL, &err), ERR_CONFLICT);
    db_close(db);
}

static void a_foreign_key_that_leads_nowhere_is_a_conflict(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    assert_int_equal(db_exec(db, DB_ALERT_INSERT,
                             DB_ARGS(DB_TEXT("id", "fk"), DB_TEXT("kind", "k"), DB_TEXT("message", "m"),
                                     DB_TEXT("user_id", "nobody"), DB_NULL("agent_id"), DB_INT("now", 7)),
                             NULL, &err),
                     ERR_CONFLICT);
    db_close(db);
}

static void a_read_connection_cannot_write(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_not_equal(db_exec(f->db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", "r"), DB_TEXT("value", "x")), NULL, &err),
                         0);
}

static void a_database_that_is_not_there_is_not_made_by_accident(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    struct err err = {0};
    char path[160];
    (void)snprintf(path, sizeof path, "%s/absent.db", f->dir);
    assert_int_not_equal(db_open(&(struct db_options){.path = path}, &db, &err), 0);
    assert_null(db);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_read_transaction_sees_one_moment(void **state)
{
    struct fixture *f = *state;
    struct db *db = open_write(f);
    struct err err = {0};
    struct db_rows rows;
    expect_ok(db_read_begin(f->db, &err), &err);
    assert_int_equal(db_query_one(f->db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", "later")), &rows, &err), DB_DONE);
    expect_ok(db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", "later"), DB_TEXT("value", "x")), NULL, &err), &err);
    assert_int_equal(db_query_one(f->db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", "later")), &rows, &err), DB_DONE);
    db_read_end(f->db);
    assert_int_equal(db_query_one(f->db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", "later")), &rows, &err), DB_ROW);
    db_rows_done(&rows);
    db_close(db);
}

static void a_change_counts_its_topic_up(void **state)
{
    struct db *db = open_write(*state);
    struct err err = {0};
    struct db_rows rows;
    expect_ok(db_changed(db, "new-topic", &err), &err);
    expect_ok(db_changed(db, "new-topic", &err), &err);
    expect_ok(db_query(db, DB_CHANGE_LIST, DB_NO_ARGS, &rows, &err), &err);
    int64_t counter = 0;
    while (db_rows_next(&rows, &err) == DB_ROW)
        if (strcmp(db_rows_text(&rows, 0), "new-topic") == 0)
            counter = db_rows_int(&rows, 1, 0);
    db_rows_done(&rows);
    assert_int_equal(counter, 2);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_comes_back_as_it_was_bound),
        cmocka_unit_test(a_missing_row_is_done_and_not_an_error),
        cmocka_unit_test(a_number_without_a_row_is_0_and_one_that_cannot_be_read_stays),
        cmocka_unit_test(a_missing_argument_is_refused),
        cmocka_unit_test(an_argument_that_is_no_parameter_is_refused),
        cmocka_unit_test(an_argument_too_many_is_refused),
        cmocka_unit_test(a_statement_is_open_once_at_a_time),
        cmocka_unit_test(null_binds_null_and_reads_as_the_fallback),
        cmocka_unit_test(a_constraint_that_refuses_is_a_conflict),
        cmocka_unit_test(a_foreign_key_that_leads_nowhere_is_a_conflict),
        cmocka_unit_test(a_read_connection_cannot_write),
        cmocka_unit_test(a_database_that_is_not_there_is_not_made_by_accident),
        cmocka_unit_test(a_read_transaction_sees_one_moment),
        cmocka_unit_test(a_change_counts_its_topic_up),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
