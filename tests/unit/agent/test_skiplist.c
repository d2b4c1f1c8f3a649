#include "../unit.h"

#include "common/file.h"
#include "tempdir.h"
#include "update/skiplist.h"

static void what_is_saved_comes_back(void **state)
{
    const char *path = tempdir_path(*state, "skipped.json");
    struct skiplist s = {.count = 0};
    struct err err = {0};
    skiplist_add(&s, "0.2.0", "crashed: signal 6", 17);
    skiplist_add(&s, "0.2.1", "silent", 18);
    assert_int_equal(skiplist_save(path, &s, &err), 0);
    skiplist_load(path, &s);
    assert_int_equal(s.count, 2);
    assert_string_equal(skiplist_reason(&s, "0.2.0"), "crashed: signal 6");
    assert_string_equal(skiplist_reason(&s, "0.2.1"), "silent");
    assert_null(skiplist_reason(&s, "0.2.2"));
    assert_int_equal(s.list[1].time_ms, 18);
}

static void the_oldest_goes_when_there_is_no_room(void **state)
{
    (void)state;
    struct skiplist s = {.count = 0};
    for (int i = 0; i <= SKIPLIST_MAX; i++) {
        char version[16];
        (void)snprintf(version, sizeof version, "0.%d.0", i);
        skiplist_add(&s, version, "", i);
    }
    assert_int_equal(s.count, SKIPLIST_MAX);
    assert_null(skiplist_reason(&s, "0.0.0"));
    assert_non_null(skiplist_reason(&s, "0.1.0"));
    skiplist_add(&s, "0.1.0", "again", 100);
    assert_int_equal(s.count, SKIPLIST_MAX);
    assert_string_equal(skiplist_reason(&s, "0.1.0"), "again");
    assert_non_null(skiplist_reason(&s, "0.2.0"));
}

static void a_version_can_be_forgiven_or_outgrown(void **state)
{
    (void)state;
    struct skiplist s = {.count = 0};
    skiplist_add(&s, "0.2.0", "", 1);
    skiplist_add(&s, "0.3.0", "", 2);
    assert_false(skiplist_forget(&s, "0.4.0"));
    assert_false(skiplist_outgrown(&s, "0.1.0"));
    assert_true(skiplist_outgrown(&s, "0.2.1"));
    assert_null(skiplist_reason(&s, "0.2.0"));
    assert_true(skiplist_forget(&s, "0.3.0"));
    assert_int_equal(s.count, 0);
    assert_false(skiplist_forget(&s, NULL));
}

static void a_missing_or_damaged_file_is_empty(void **state)
{
    static const char *const damaged[] = {
        "", "{", "[]", "{\"skipped\":7}", "{\"skipped\":[{\"version\":\"..\"}]}", "{\"skipped\":[{\"reason\":\"x\"}]}"};
    const char *path = tempdir_path(*state, "damaged.json");
    struct skiplist s = {.count = 3};
    struct err err = {0};
    skiplist_load(path, &s);
    assert_int_equal(s.count, 0);
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        assert_int_equal(file_write(path, damaged[i], strlen(damaged[i]), 0600, &err), 0);
        skiplist_load(path, &s);
        assert_int_equal(s.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_comes_back),
        cmocka_unit_test(the_oldest_goes_when_there_is_no_room),
        cmocka_unit_test(a_version_can_be_forgiven_or_outgrown),
        cmocka_unit_test(a_missing_or_damaged_file_is_empty),
    };
    return cmocka_run_group_tests(tests, tempdir_setup, tempdir_teardown);
}
