/* The audit trail: a chain that notices what was changed in it, cut out of it, or cut off it. */
#include "fixture_audit.h"

static void an_empty_trail_is_whole(void **state)
{
    struct fixture *f = *state;
    char head[AUDIT_HEAD_SIZE];
    struct err err = {0};
    expect_verify(f, 0, NULL);
    expect_ok(audit_head(f->db, head, &err), &err);
    assert_string_equal(head, "0:0000000000000000000000000000000000000000000000000000000000000000");
    expect_ok(audit_check_head(f->db, &key, head, &err), &err);
}

static void rows_chain_and_verify(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int64_t rows = 0;
    append_rows(f, 5);
    expect_ok(audit_verify(f->db, &key, &rows, &err), &err);
    assert_int_equal(rows, 5);
}

static void another_key_verifies_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int64_t rows = 0;
    append_rows(f, 1);
    assert_int_equal(audit_verify(f->db, &other_key, &rows, &err), ERR_CORRUPT);
}

static void a_changed_row_is_named(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 5);
    fixture_sql(f, "UPDATE audit SET actor = 'cli:1' WHERE seq = 3");
    expect_verify(f, ERR_CORRUPT, "row 3");
}

static void text_moved_from_one_field_to_the_next_is_noticed(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 2);
    fixture_sql(f, "UPDATE audit SET action = 'test.ac', target = 'tagent:x' WHERE seq = 2");
    expect_verify(f, ERR_CORRUPT, "row 2");
}

static void a_row_cut_out_is_named(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 5);
    fixture_sql(f, "DELETE FROM audit WHERE seq = 2");
    expect_verify(f, ERR_CORRUPT, "row 2 is missing");
}

static void rows_that_changed_places_are_noticed(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 4);
    fixture_sql(f, "UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
                   "UPDATE audit SET seq = 3 WHERE seq = 100");
    expect_verify(f, ERR_CORRUPT, "row 2");
}

static void a_head_given_out_before_shows_that_the_end_was_cut_off(void **state)
{
    struct fixture *f = *state;
    char head[AUDIT_HEAD_SIZE];
    struct err err = {0};
    append_rows(f, 5);
    expect_ok(audit_head(f->db, head, &err), &err);
    append_row(f, 6000);
    expect_ok(audit_check_head(f->db, &key, head, &err), &err);
    fixture_sql(f, "DELETE FROM audit WHERE seq >= 5");
    expect_verify(f, 0, NULL); /* the chain itself cannot tell */
    assert_int_equal(audit_check_head(f->db, &key, head, &err), ERR_CORRUPT);
    append_row(f, 5000);
    assert_int_equal(audit_check_head(f->db, &key, head, &err), 0); /* the same act at the same time is the same row */
    fixture_sql(f, "DELETE FROM audit WHERE seq >= 4");
    append_rows(f, 1);
    assert_int_equal(audit_check_head(f->db, &key, head, &err), ERR_CORRUPT);
}

static void what_is_no_head_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    static const char *const none[] = {"",
                                       ":",
                                       "5",
                                       "x:00",
                                       "-1:0000000000000000000000000000000000000000000000000000000000000000",
                                       "1:0000000000000000000000000000000000000000000000000000000000000000 ",
                                       "0:0000000000000000000000000000000000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(audit_check_head(f->db, &key, none[i], &err), ERR_INVALID);
}

static int append_then_fail(struct db *db, void *ctx, struct err *err)
{
    int rc = append(db, ctx, err);
    return rc != 0 ? rc : err_set(err, ERR_CONFLICT, "as asked");
}

static void an_act_that_fails_leaves_no_row(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int64_t rows = -1;
    append_rows(f, 1);
    assert_int_equal(db_write(f->writer, append_then_fail, &(int64_t){2000}, &err), ERR_CONFLICT);
    append_rows(f, 1);
    expect_ok(audit_verify(f->db, &key, &rows, &err), &err);
    assert_int_equal(rows, 2);
}

#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DB(an_empty_trail_is_whole),
        WITH_DB(rows_chain_and_verify),
        WITH_DB(another_key_verifies_nothing),
        WITH_DB(a_changed_row_is_named),
        WITH_DB(text_moved_from_one_field_to_the_next_is_noticed),
        WITH_DB(a_row_cut_out_is_named),
        WITH_DB(rows_that_changed_places_are_noticed),
        WITH_DB(a_head_given_out_before_shows_that_the_end_was_cut_off),
        WITH_DB(what_is_no_head_is_refused),
        WITH_DB(an_act_that_fails_leaves_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
