#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/jsonread.h"
#include "common/jsonwrite.h"

static char path[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/muster-test-jsonwrite-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void expect_stored(json_int_t n)
{
    json_t *stored = jsonread_file(path, 1000, NULL);
    assert_int_equal(json_integer_value(json_object_get(stored, "n")), n);
    json_decref(stored);
}

static void what_is_written_is_read_again_and_is_its_owners_alone(void **state)
{
    (void)state;
    struct err err = {0};
    struct stat st;
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(jsonwrite_file(path, json_pack("{s:i}", "n", 7), JSON_COMPACT, &err), 0);
    expect_stored(7);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void what_could_not_be_made_leaves_the_file_as_it_was(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(jsonwrite_file(path, json_pack("{s:i}", "n", 7), JSON_INDENT(2), &err), 0);
    assert_int_equal(jsonwrite_file(path, NULL, JSON_COMPACT, &err), ERR_NOMEM);
    expect_stored(7);
}

static void where_nothing_can_be_written_it_says_so(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_not_equal(jsonwrite_file("/nowhere/at/all", json_object(), JSON_COMPACT, &err), 0);
    assert_string_not_equal(err.msg, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_again_and_is_its_owners_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_could_not_be_made_leaves_the_file_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(where_nothing_can_be_written_it_says_so, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
