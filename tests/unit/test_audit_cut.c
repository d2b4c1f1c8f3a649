/* Cutting the audit trail: what is gone in good order is not missed, and nothing else goes. */
#include "fixture_audit.h"

static int write_cut(struct db *db, void *ctx, struct err *err)
{
    return audit_cut(db, &key, ctx, err);
}

static int write_drop(struct db *db, void *ctx, struct err *err)
{
    return audit_drop(db, &key, 1000, ctx, err);
}

static struct audit_cut plan(struct fixture *f, int64_t before_ms)
{
    struct err err = {0};
    struct audit_walk walk = {.max_rows = 1000, .before_ms = before_ms};
    expect_ok(audit_begin(f->db, &key, &walk.at, NULL, &err), &err);
    struct audit_cut cut = {.from = walk.at, .before_ms = before_ms, .now_ms = 100000};
    expect_ok(audit_walk(f->db, &key, &walk, &err), &err);
    cut.to = walk.at;
    cut.rows = walk.rows;
    return cut;
}

static void cut_before(struct fixture *f, int64_t before_ms)
{
    struct err err = {0};
    struct audit_cut cut = plan(f, before_ms);
    int64_t rows = 0;
    expect_ok(db_write(f->writer, write_cut, &cut, &err), &err);
    expect_ok(db_write(f->writer, write_drop, &rows, &err), &err);
    assert_int_equal(rows, cut.rows);
}

static void a_trail_that_was_cut_is_whole(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int64_t rows = 0;
    append_rows(f, 6);
    cut_before(f, 4000);
    assert_int_equal(fixture_number(f, "SELECT MIN(seq) FROM audit"), 4);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM audit WHERE action = 'audit.cut' AND target = 'audit:3'"),
                     1);
    expect_ok(audit_verify(f->db, &key, &rows, &err), &err);
    assert_int_equal(rows, 4); /* 4, 5, 6, and the cut's own */
    append_rows(f, 2);
    cut_before(f, 6000);
    expect_ok(audit_verify(f->db, &key, &rows, &err), &err);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM audit_cuts"), 1);
}

static void rows_of_that_moment_stay(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 4);
    assert_int_equal(plan(f, 3000).rows, 2);
    assert_int_equal(plan(f, 3001).rows, 3);
    assert_int_equal(plan(f, 1000).rows, 0);
}

static void a_row_that_is_too_young_keeps_those_behind_it(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 2);
    append_row(f, 99000);
    append_rows(f, 2); /* the clock was set back */
    assert_int_equal(plan(f, 50000).rows, 2);
}

static void everything_may_be_old(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 3);
    cut_before(f, INT64_MAX);
    expect_verify(f, 0, NULL);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM audit"), 1);
    assert_int_equal(fixture_number(f, "SELECT seq FROM audit"), 4);
    append_rows(f, 1);
    expect_verify(f, 0, NULL);
}

static void rows_that_are_cut_but_not_gone_yet_harm_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct audit_cut cut;
    append_rows(f, 4);
    cut = plan(f, 3000);
    expect_ok(db_write(f->writer, write_cut, &cut, &err), &err);
    expect_verify(f, 0, NULL);
    fixture_sql(f, "DELETE FROM audit WHERE seq = 1");
    expect_verify(f, 0, NULL);
}

static void rows_that_went_without_a_cut_are_missed(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 6);
    fixture_sql(f, "DELETE FROM audit WHERE seq <= 2");
    expect_verify(f, ERR_CORRUPT, "row 1 is missing");
}

static void rows_that_went_beyond_the_cut_are_missed(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 6);
    cut_before(f, 3000);
    fixture_sql(f, "DELETE FROM audit WHERE seq <= 4");
    expect_verify(f, ERR_CORRUPT, "row 3 is missing");
}

static void a_forged_cut_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct audit_place begin;
    append_rows(f, 6);
    fixture_sql(f, "INSERT INTO audit_cuts SELECT seq, mac, 5000, mac FROM audit WHERE seq = 3;"
                   "DELETE FROM audit WHERE seq <= 3");
    expect_verify(f, ERR_CORRUPT, "not ours");
    assert_int_equal(audit_begin(f->db, &key, &begin, NULL, &err), ERR_CORRUPT);
    int64_t rows = 0;
    assert_int_equal(db_write(f->writer, write_drop, &rows, &err), ERR_CORRUPT);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM audit"), 3);
}

static void a_cut_that_was_moved_or_changed_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const acts[] = {
        "UPDATE audit_cuts SET seq = seq + 1",
        "UPDATE audit_cuts SET cut_ms = cut_ms + 1",
        "UPDATE audit_cuts SET row_mac = (SELECT mac FROM audit ORDER BY seq LIMIT 1)",
        "UPDATE audit_cuts SET mac = ''",
        "UPDATE audit_cuts SET mac = row_mac",
        "INSERT INTO audit_cuts SELECT seq + 2, row_mac, cut_ms, mac FROM audit_cuts",
    };
    append_rows(f, 6);
    cut_before(f, 3000);
    fixture_sql(f, "CREATE TABLE kept AS SELECT * FROM audit_cuts");
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        fixture_sql(f, acts[i]);
        expect_verify(f, ERR_CORRUPT, "not ours");
        fixture_sql(f, "DELETE FROM audit_cuts; INSERT INTO audit_cuts SELECT * FROM kept");
        expect_verify(f, 0, NULL);
    }
}

static void a_cut_that_is_gone_is_missed(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 6);
    cut_before(f, 3000);
    fixture_sql(f, "DELETE FROM audit_cuts");
    expect_verify(f, ERR_CORRUPT, "row 1 is missing");
}

static void an_older_cut_put_back_does_not_do(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 6);
    cut_before(f, 3000);
    fixture_sql(f, "CREATE TABLE kept AS SELECT * FROM audit_cuts");
    cut_before(f, 5000);
    fixture_sql(f, "DELETE FROM audit_cuts; INSERT INTO audit_cuts SELECT * FROM kept");
    expect_verify(f, ERR_CORRUPT, "row 3 is missing");
}

static void a_trail_with_nothing_behind_its_cut_is_not_whole(void **state)
{
    struct fixture *f = *state;
    append_rows(f, 3);
    cut_before(f, INT64_MAX);
    fixture_sql(f, "DELETE FROM audit");
    expect_verify(f, ERR_CORRUPT, "no audit row follows");
}

static void the_cut_of_another_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct audit_place begin;
    append_rows(f, 3);
    cut_before(f, 2000);
    assert_int_equal(audit_begin(f->db, &other_key, &begin, NULL, &err), ERR_CORRUPT);
}

static void of_two_who_cut_at_once_one_does(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    append_rows(f, 6);
    struct audit_cut first = plan(f, 3000), second = plan(f, 4000);
    expect_ok(db_write(f->writer, write_cut, &first, &err), &err);
    assert_int_equal(db_write(f->writer, write_cut, &second, &err), ERR_CONFLICT);
    expect_verify(f, 0, NULL);
}

static void what_does_not_verify_is_not_cut(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    append_rows(f, 6);
    struct audit_cut cut = plan(f, 4000);
    fixture_sql(f, "UPDATE audit SET mac = 'x' WHERE seq = 3");
    assert_int_equal(db_write(f->writer, write_cut, &cut, &err), ERR_CORRUPT);
    struct audit_walk walk = {.max_rows = 1000, .before_ms = INT64_MAX};
    expect_ok(audit_begin(f->db, &key, &walk.at, NULL, &err), &err);
    assert_int_equal(audit_walk(f->db, &key, &walk, &err), ERR_CORRUPT);
    assert_int_equal(walk.at.seq, 2);
}

static void a_walk_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct audit_walk walk = {.max_rows = 2, .before_ms = INT64_MAX};
    append_rows(f, 5);
    expect_ok(audit_begin(f->db, &key, &walk.at, NULL, &err), &err);
    expect_ok(audit_walk(f->db, &key, &walk, &err), &err);
    assert_false(walk.ended);
    expect_ok(audit_walk(f->db, &key, &walk, &err), &err);
    assert_false(walk.ended);
    expect_ok(audit_walk(f->db, &key, &walk, &err), &err);
    assert_true(walk.ended);
    assert_int_equal(walk.at.seq, 5);
    assert_int_equal(walk.rows, 1);
}

static void heads_from_before_a_cut_are_no_alarm(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char heads[3][AUDIT_HEAD_SIZE];
    append_rows(f, 2);
    for (int i = 0; i < 3; i++) {
        expect_ok(audit_head(f->db, heads[i], &err), &err); /* of the rows 2, 3, 4 */
        append_row(f, 3000 + 1000 * i);
    }
    cut_before(f, 4000);
    for (int i = 0; i < 3; i++)
        expect_ok(audit_check_head(f->db, &key, heads[i], &err), &err);
    /* The one at the cut is still known, whatever came before it is not. */
    heads[1][10] = heads[1][10] == '0' ? '1' : '0';
    assert_int_equal(audit_check_head(f->db, &key, heads[1], &err), ERR_CORRUPT);
    heads[0][10] = heads[0][10] == '0' ? '1' : '0';
    assert_int_equal(audit_check_head(f->db, &key, heads[0], &err), 0);
    heads[2][10] = heads[2][10] == '0' ? '1' : '0';
    assert_int_equal(audit_check_head(f->db, &key, heads[2], &err), ERR_CORRUPT);
}

static void a_forged_cut_silences_no_alarm(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char head[AUDIT_HEAD_SIZE];
    append_rows(f, 4);
    expect_ok(audit_head(f->db, head, &err), &err);
    fixture_sql(f, "INSERT INTO audit_cuts VALUES (1000000, 'x', 5000, 'x'); DELETE FROM audit");
    assert_int_equal(audit_check_head(f->db, &key, head, &err), ERR_CORRUPT);
}

static void a_signature_for_one_purpose_is_none_for_another(void **state)
{
    (void)state;
    struct err err = {0};
    char one[AUDIT_MAC_SIZE], two[AUDIT_MAC_SIZE];
    expect_ok(audit_sign(&key, "audit cut", "x", one, &err), &err);
    expect_ok(audit_sign(&key, "audit cu", "tx", two, &err), &err);
    assert_string_not_equal(one, two);
    assert_int_equal(
        audit_sign(&key, "0000000000000000000000000000000000000000000000000000000000000000", "x", one, &err),
        ERR_INTERNAL);
}

#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DB(a_trail_that_was_cut_is_whole),
        WITH_DB(rows_of_that_moment_stay),
        WITH_DB(a_row_that_is_too_young_keeps_those_behind_it),
        WITH_DB(everything_may_be_old),
        WITH_DB(rows_that_are_cut_but_not_gone_yet_harm_nothing),
        WITH_DB(rows_that_went_without_a_cut_are_missed),
        WITH_DB(rows_that_went_beyond_the_cut_are_missed),
        WITH_DB(a_forged_cut_is_refused),
        WITH_DB(a_cut_that_was_moved_or_changed_is_refused),
        WITH_DB(a_cut_that_is_gone_is_missed),
        WITH_DB(an_older_cut_put_back_does_not_do),
        WITH_DB(a_trail_with_nothing_behind_its_cut_is_not_whole),
        WITH_DB(the_cut_of_another_key_is_refused),
        WITH_DB(of_two_who_cut_at_once_one_does),
        WITH_DB(what_does_not_verify_is_not_cut),
        WITH_DB(a_walk_goes_on_where_it_was),
        WITH_DB(heads_from_before_a_cut_are_no_alarm),
        WITH_DB(a_forged_cut_silences_no_alarm),
        cmocka_unit_test(a_signature_for_one_purpose_is_none_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
