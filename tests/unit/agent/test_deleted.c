#include "../unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "restore/deleted.h"

/* What came out, with '|' behind each path. */
struct fixture {
    struct deleted *deleted;
    struct buf said;
    int answer;
    struct err err;
};

static int note(void *ctx, const char *path, struct err *err)
{
    struct fixture *f = ctx;
    buf_adds(&f->said, path);
    buf_addc(&f->said, '|');
    return f->answer == 0 ? 0 : err_set(err, f->answer, "no");
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    buf_init(&f.said, 2 * DELETED_PATH_MAX);
    assert_int_equal(deleted_new(note, &f, &f.deleted, &f.err), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    deleted_free(f->deleted);
    buf_done(&f->said);
    return 0;
}

static void paths_come_out_however_they_are_cut(void **state)
{
    struct fixture *f = *state;
    static const char list[] = "a/b\0c\0\0d e\nf";
    for (size_t i = 0; i < sizeof list; i++)
        assert_int_equal(deleted_push(f->deleted, list + i, 1, (int64_t)i, &f->err), 0);
    assert_int_equal(deleted_finish(f->deleted, &f->err), 0);
    assert_string_equal(buf_str(&f->said), "a/b|c||d e\nf|");
}

static void an_empty_list_is_one(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(deleted_finish(f->deleted, &f->err), 0);
}

static void a_path_without_an_end_is_damage(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(deleted_push(f->deleted, "a\0b", 3, 0, &f->err), 0);
    assert_int_equal(deleted_finish(f->deleted, &f->err), ERR_CORRUPT);
    assert_string_equal(buf_str(&f->said), "a|");
}

static void a_hole_is_damage(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(deleted_push(f->deleted, "a", 2, 0, &f->err), 0);
    assert_int_equal(deleted_push(f->deleted, "b", 2, 3, &f->err), ERR_CORRUPT);
}

static void a_path_that_never_ends_takes_no_memory(void **state)
{
    struct fixture *f = *state;
    static char block[64 * 1024];
    memset(block, 'x', sizeof block);
    int rc = 0;
    int64_t at = 0;
    for (; rc == 0 && at < 1 << 30; at += (int64_t)sizeof block)
        rc = deleted_push(f->deleted, block, sizeof block, at, &f->err);
    assert_int_equal(rc, ERR_CORRUPT);
    assert_true(at <= DELETED_PATH_MAX + (int64_t)sizeof block);
}

static void who_is_told_may_end_it(void **state)
{
    struct fixture *f = *state;
    f->answer = ERR_NOMEM;
    assert_int_equal(deleted_push(f->deleted, "a\0b", 4, 0, &f->err), ERR_NOMEM);
    assert_string_equal(buf_str(&f->said), "a|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_come_out_however_they_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_list_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_path_without_an_end_is_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hole_is_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_path_that_never_ends_takes_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_told_may_end_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
