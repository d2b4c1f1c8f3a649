#include "../unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "snapshot/names.h"
#include "tempdir.h"

enum { MANY = 30000, SOME = 2000 }; /* four runs and more; what fits a run */

struct fixture {
    struct tempdir dir;
    struct names_pool *pool;
    struct err err;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tempdir_make(&f.dir);
    assert_int_equal(names_pool_new(f.dir.path, &f.pool, &f.err), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    names_pool_free(f->pool);
    tempdir_remove(&f->dir);
    return 0;
}

/* A directory of files called 00000 and so on, made in another order. */
static void fill(const struct fixture *f, const char *name, int count)
{
    assert_int_equal(mkdir(tempdir_path(&f->dir, name), 0755), 0);
    int dir = open(tempdir_path(&f->dir, name), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < count; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%05d", (int)((long)i * 7919 % count));
        int fd = openat(dir, text, O_WRONLY | O_CREAT, 0644);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    (void)close(dir);
}

static struct names read_names(struct fixture *f, const char *name)
{
    struct names n;
    int dir = open(tempdir_path(&f->dir, name), O_RDONLY | O_DIRECTORY);
    assert_int_equal(names_read(f->pool, dir, &n, &f->err), 0);
    assert_int_equal(n.trouble, 0);
    (void)close(dir);
    return n;
}

/* The next names are those of the numbers from first on. */
static void expect(struct fixture *f, struct names *n, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        const char *name;
        char want[16];
        (void)snprintf(want, sizeof want, "%05d", i);
        assert_int_equal(names_next(f->pool, n, &name, &f->err), 0);
        assert_non_null(name);
        assert_string_equal(name, want);
    }
}

static void expect_end(struct fixture *f, struct names *n)
{
    const char *name;
    assert_int_equal(names_next(f->pool, n, &name, &f->err), 0);
    assert_null(name);
    names_free(f->pool, n);
}

static void names_are_sorted_whatever_their_number(void **state)
{
    struct fixture *f = *state;
    fill(f, "empty", 0);
    fill(f, "some", SOME);
    fill(f, "many", MANY);
    struct names n = read_names(f, "empty");
    expect_end(f, &n);
    n = read_names(f, "some");
    assert_int_equal(n.start, -1); /* in memory */
    expect(f, &n, 0, SOME);
    expect_end(f, &n);
    n = read_names(f, "many");
    assert_true(n.start >= 0);
    assert_true(n.cost == 0);
    expect(f, &n, 0, MANY);
    expect_end(f, &n);
}

static void a_directory_rests_while_one_below_it_is_read(void **state)
{
    struct fixture *f = *state;
    fill(f, "some", SOME);
    fill(f, "many", MANY);
    struct names outer = read_names(f, "many");
    expect(f, &outer, 0, 1234);
    names_rest(f->pool, &outer);
    assert_null(outer.text);
    struct names middle = read_names(f, "some");
    expect(f, &middle, 0, 5);
    names_rest(f->pool, &middle);
    struct names inner = read_names(f, "many");
    expect(f, &inner, 0, MANY);
    expect_end(f, &inner);
    expect(f, &middle, 5, SOME - 5);
    expect_end(f, &middle);
    expect(f, &outer, 1234, MANY - 1234);
    expect_end(f, &outer);
}

static void beyond_the_budget_small_directories_go_to_the_file_too(void **state)
{
    struct fixture *f = *state;
    enum { LEVELS = NAMES_BUDGET / (SOME * 6) + 20 };
    static struct names levels[LEVELS];
    size_t in_memory = 0;
    fill(f, "some", SOME);
    for (size_t i = 0; i < LEVELS; i++) {
        levels[i] = read_names(f, "some");
        in_memory += levels[i].cost;
        expect(f, &levels[i], 0, 1);
        names_rest(f->pool, &levels[i]);
    }
    assert_true(in_memory <= NAMES_BUDGET);
    assert_true(levels[LEVELS - 1].start >= 0);
    for (size_t i = LEVELS; i-- > 0;) {
        expect(f, &levels[i], 1, SOME - 1);
        expect_end(f, &levels[i]);
    }
}

static void a_fixed_list_is_sorted_too(void **state)
{
    struct fixture *f = *state;
    static const char *const list[] = {"00001", "00000"};
    struct names n;
    assert_int_equal(names_fixed(f->pool, list, 2, &n, &f->err), 0);
    expect(f, &n, 0, 2);
    expect_end(f, &n);
}

static void what_cannot_be_read_is_told(void **state)
{
    struct fixture *f = *state;
    struct names n;
    int fd = open(f->dir.path, O_PATH | O_DIRECTORY);
    assert_int_equal(names_read(f->pool, fd, &n, &f->err), 0);
    (void)close(fd);
    assert_true(n.trouble != 0);
    expect_end(f, &n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_sorted_whatever_their_number, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_rests_while_one_below_it_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(beyond_the_budget_small_directories_go_to_the_file_too, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fixed_list_is_sorted_too, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
