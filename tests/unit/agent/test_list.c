#include "../unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "snapshot/index.h"
#include "snapshot/list.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir;
    char path[PATH_MAX];
    struct list_writer *writer;
    struct list *list;
    struct err err;
};

static const struct list_head head = {
    .config_id = "config", .run_id = "run-1", .chain_seq = 3, .start_ms = 1700000000000};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tempdir_make(&f.dir);
    (void)snprintf(f.path, sizeof f.path, "%s", tempdir_path(&f.dir, "list"));
    assert_int_equal(list_create(f.path, &head, &f.writer, &f.err), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    list_writer_free(f->writer);
    list_close(f->list);
    tempdir_remove(&f->dir);
    return 0;
}

static struct list_entry entry(const char *path)
{
    return (struct list_entry){.path = path, .type = 'f', .size = 10, .ino = 7, .seq = 3};
}

static int add(struct fixture *f, const char *path)
{
    const struct list_entry e = entry(path);
    return list_add(f->writer, &e, &f->err);
}

static void finish(struct fixture *f)
{
    assert_int_equal(list_finish(f->writer, &f->err), 0);
}

static int reopen(struct fixture *f)
{
    return list_open(f->path, "config", &f->list, &f->err);
}

static void paths_are_ordered_by_their_components(void **state)
{
    static const char *const order[] = {"",      "a",   "a/",  "a/\x01", "a/b", "a/b/c",
                                        "a\x01", "a b", "a-b", "a.d",    "aa",  "\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        for (size_t k = 0; k < sizeof order / sizeof order[0]; k++)
            assert_int_equal(path_compare(order[i], order[k]), i < k ? -1 : i > k ? 1 : 0);
}

static void what_is_written_is_read(void **state)
{
    struct fixture *f = *state;
    const struct list_entry all[] = {
        {.path = "", .type = 'd', .seq = 0},
        {.path = "a\n\xff",
         .type = 'f',
         .outcome = LIST_CHANGED,
         .doubt = true,
         .size = INT64_MAX,
         .seq = 3,
         .mtime = {.tv_sec = -5, .tv_nsec = 999999999},
         .ctime = {.tv_sec = 5000000000},
         .ino = UINT64_MAX},
        {.path = "a\n\xff\x01", .type = 's', .outcome = LIST_SKIPPED, .seq = -1},
        {.path = "b", .type = 'l', .outcome = LIST_VANISHED, .seq = -1},
    };
    const struct list_entry *e;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(list_add(f->writer, &all[i], &f->err), 0);
    finish(f);
    assert_int_equal(reopen(f), 0);
    assert_string_equal(list_head(f->list)->run_id, "run-1");
    assert_int_equal(list_head(f->list)->start_ms, head.start_ms);
    assert_int_equal(list_totals(f->list).entries, 4);
    assert_int_equal(list_totals(f->list).files, 2);
    assert_int_equal(list_totals(f->list).bytes, INT64_MAX);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(list_next(f->list, &e, &f->err), 0);
            assert_string_equal(e->path, all[i].path);
            assert_int_equal(e->type, all[i].type);
            assert_int_equal(e->outcome, all[i].outcome);
            assert_int_equal(e->doubt, all[i].doubt);
            assert_int_equal(e->size, all[i].size);
            assert_int_equal(e->ino, all[i].ino);
            assert_int_equal(e->seq, all[i].seq);
            assert_memory_equal(&e->mtime, &all[i].mtime, sizeof e->mtime);
            assert_memory_equal(&e->ctime, &all[i].ctime, sizeof e->ctime);
        }
        assert_int_equal(list_next(f->list, &e, &f->err), 0);
        assert_null(e);
        assert_int_equal(list_rewind(f->list, &f->err), 0);
    }
}

static void long_paths_fit(void **state)
{
    struct fixture *f = *state;
    static char path[200001];
    const struct list_entry *e;
    memset(path, 'x', 200000);
    assert_int_equal(add(f, "a"), 0);
    assert_int_equal(add(f, path), 0);
    finish(f);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(list_next(f->list, &e, &f->err), 0);
    assert_int_equal(list_next(f->list, &e, &f->err), 0);
    assert_string_equal(e->path, path);
}

static void what_is_out_of_order_or_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add(f, "b/c"), 0);
    assert_int_equal(add(f, "b/c"), ERR_INVALID);
    assert_int_equal(add(f, "b"), ERR_INVALID);
    assert_int_equal(add(f, "b-"), 0);
}

static void a_list_without_its_end_is_none(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(reopen(f), ERR_CORRUPT);
    assert_int_equal(add(f, "a"), 0);
    finish(f);
    assert_int_equal(reopen(f), 0);
    list_close(f->list);
    f->list = NULL;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    for (off_t size = st.st_size - 1; size >= 0; size--) {
        assert_int_equal(truncate(f->path, size), 0);
        assert_int_equal(reopen(f), ERR_CORRUPT);
    }
}

static void every_bit_of_the_file_is_checked(void **state)
{
    struct fixture *f = *state;
    char *good;
    size_t len;
    for (char name[] = "a"; name[0] <= 'z'; name[0]++)
        assert_int_equal(add(f, name), 0);
    finish(f);
    assert_int_equal(file_read(f->path, 100000, &good, &len, &f->err), 0);
    for (size_t bit = 0; bit < len * 8; bit++) {
        good[bit / 8] = (char)(good[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(file_write(f->path, good, len, 0600, &f->err), 0);
        int rc = reopen(f);
        if (rc == 0) { /* a bit of the frame's head that says nothing about the content */
            assert_string_equal(list_head(f->list)->run_id, "run-1");
            assert_int_equal(list_totals(f->list).files, 26);
            list_close(f->list);
            f->list = NULL;
        } else {
            assert_int_equal(rc, ERR_CORRUPT);
        }
        good[bit / 8] = (char)(good[bit / 8] ^ 1 << bit % 8);
    }
    free(good);
}

static void another_configurations_list_is_none(void **state)
{
    struct fixture *f = *state;
    finish(f);
    assert_int_equal(list_open(f->path, "other", &f->list, &f->err), ERR_CORRUPT);
    assert_int_equal(list_open("/nowhere/list", "config", &f->list, &f->err), ERR_NOT_FOUND);
}

static void a_line_of_the_index_has_no_space_or_control_in_its_path(void **state)
{
    struct buf text;
    struct list_entry e = entry("a b\n\\\x7f\xffü");
    (void)state;
    e.mtime = (struct timespec){.tv_sec = -1, .tv_nsec = 500000000};
    e.outcome = LIST_CHANGED;
    buf_init(&text, 1000);
    index_line(&e, &text);
    e = (struct list_entry){.path = "", .type = 'd', .seq = -1, .outcome = LIST_UNREADABLE};
    index_line(&e, &text);
    assert_string_equal(buf_str(&text), "f c 10 -500 3 a\\040b\\012\\134\\177\\377ü\nd u 0 0 - .\n");
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_ordered_by_their_components),
        cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(long_paths_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_out_of_order_or_twice_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_without_its_end_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(every_bit_of_the_file_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(another_configurations_list_is_none, setup, teardown),
        cmocka_unit_test(a_line_of_the_index_has_no_space_or_control_in_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
