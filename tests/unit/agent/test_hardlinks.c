#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "snapshot/hardlinks.h"

static struct stat file(ino_t ino, nlink_t links)
{
    return (struct stat){.st_dev = 7, .st_ino = ino, .st_nlink = links};
}

static void a_file_is_found_under_its_first_name(void **state)
{
    (void)state;
    struct hardlinks *h = hardlinks_new(1000);
    struct stat st = file(5, 3);
    assert_null(hardlinks_find(h, &st));
    assert_true(hardlinks_add(h, &st, "a/first"));
    assert_string_equal(hardlinks_find(h, &st), "a/first");
    hardlinks_free(h);
}

static void the_same_inode_on_another_device_is_another_file(void **state)
{
    (void)state;
    struct hardlinks *h = hardlinks_new(1000);
    struct stat st = file(5, 2);
    assert_true(hardlinks_add(h, &st, "a"));
    st.st_dev = 8;
    assert_null(hardlinks_find(h, &st));
    hardlinks_free(h);
}

static void memory_is_given_back_when_all_names_were_seen(void **state)
{
    (void)state;
    struct hardlinks *h = hardlinks_new(1000);
    struct stat st = file(5, 3);
    assert_true(hardlinks_add(h, &st, "a"));
    assert_non_null(hardlinks_find(h, &st));
    assert_true(hardlinks_used(h) > 0);
    assert_string_equal(hardlinks_find(h, &st), "a");
    assert_int_equal(hardlinks_used(h), 0);
    assert_null(hardlinks_find(h, &st));
    hardlinks_free(h);
}

static void a_full_table_says_so_and_stays_within_its_memory(void **state)
{
    (void)state;
    struct hardlinks *h = hardlinks_new(64 * 1024);
    bool full = false;
    for (ino_t i = 1; i < 100000 && !full; i++) {
        struct stat st = file(i, 2);
        full = !hardlinks_add(h, &st, "some/path/to/a/file");
    }
    assert_true(full);
    assert_true(hardlinks_used(h) <= 64 * 1024);
    struct stat first = file(1, 2);
    assert_non_null(hardlinks_find(h, &first));
    struct stat late = file(200000, 2);
    assert_true(hardlinks_add(h, &late, "b"));
    hardlinks_free(h);
}

static void a_file_with_names_to_come_is_found_by_what_a_list_knows(void **state)
{
    (void)state;
    struct hardlinks *h = hardlinks_new(1000);
    struct stat st = file(5, 2);
    struct hardlink found;
    st.st_mode = S_IFREG | 0640;
    st.st_uid = 11;
    st.st_mtim.tv_sec = 12;
    st.st_ctim = (struct timespec){.tv_sec = 13, .tv_nsec = 14};
    struct timespec other = {.tv_sec = 13, .tv_nsec = 15};
    assert_true(hardlinks_add(h, &st, "a"));
    assert_false(hardlinks_like(h, 6, &st.st_ctim, &found));
    assert_false(hardlinks_like(h, 5, &other, &found));
    assert_true(hardlinks_like(h, 5, &st.st_ctim, &found));
    assert_string_equal(found.path, "a");
    assert_int_equal(found.st.st_mode, S_IFREG | 0640);
    assert_int_equal(found.st.st_uid, 11);
    assert_int_equal(found.st.st_mtim.tv_sec, 12);
    assert_non_null(hardlinks_find(h, &st));
    assert_false(hardlinks_like(h, 5, &st.st_ctim, &found)); /* all its names were seen */
    hardlinks_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_found_under_its_first_name),
        cmocka_unit_test(the_same_inode_on_another_device_is_another_file),
        cmocka_unit_test(memory_is_given_back_when_all_names_were_seen),
        cmocka_unit_test(a_full_table_says_so_and_stays_within_its_memory),
        cmocka_unit_test(a_file_with_names_to_come_is_found_by_what_a_list_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
