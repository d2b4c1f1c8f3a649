#include "unit.h"

#include <errno.h>
#include <string.h>

#include "common/err.h"

static void an_error_carries_its_code_and_story(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_INVALID, "field %d", 3), ERR_INVALID);
    assert_int_equal(e.code, ERR_INVALID);
    assert_int_equal(e.sys_errno, 0);
    assert_string_equal(e.msg, "field 3");
}

static void a_system_error_says_why_in_words(void **state)
{
    (void)state;
    struct err e = {0};
    errno = ENOENT;
    assert_int_equal(err_sys(&e, ERR_IO, "open %s", "/x"), ERR_IO);
    assert_string_equal(e.msg, "open /x: No such file or directory");
    assert_int_equal(e.sys_errno, ENOENT);
    assert_int_equal(errno, ENOENT);
}

static void a_prefix_keeps_code_and_errno(void **state)
{
    (void)state;
    struct err e = {0};
    errno = EACCES;
    (void)err_sys(&e, ERR_IO, "write");
    assert_int_equal(err_prefix(&e, "file %s", "a"), ERR_IO);
    assert_string_equal(e.msg, "file a: write: Permission denied");
    assert_int_equal(e.sys_errno, EACCES);
}

static void nobody_listening_is_fine(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_NOMEM, "x"), ERR_NOMEM);
    assert_int_equal(err_sys(NULL, ERR_IO, "x"), ERR_IO);
    assert_int_equal(err_prefix(NULL, "x"), ERR_INTERNAL);
}

static void control_characters_cannot_start_a_new_line(void **state)
{
    (void)state;
    struct err e = {0};
    (void)err_set(&e, ERR_INVALID, "a\nb\x1b[31m\x7f");
    assert_string_equal(e.msg, "a?b?[31m?");
    (void)err_prefix(&e, "x\ry");
    assert_string_equal(e.msg, "x?y: a?b?[31m?");
}

static void long_stories_are_cut_and_the_reason_stays(void **state)
{
    (void)state;
    char path[1000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    struct err e = {0};
    errno = ENOSPC;
    (void)err_sys(&e, ERR_IO, "write %s", path);
    assert_non_null(strstr(e.msg, ": No space left on device"));
    (void)err_set(&e, ERR_INVALID, "%s", path);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    (void)err_prefix(&e, "%s", path);
    assert_true(strlen(e.msg) < sizeof e.msg);
    assert_non_null(strstr(e.msg, ": p"));
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = ERR_INTERNAL; a <= 0; a++)
        for (int b = a + 1; b <= 0; b++)
            assert_string_not_equal(err_name(a), err_name(b));
    assert_string_equal(err_name(12345), "internal error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_carries_its_code_and_story),
        cmocka_unit_test(a_system_error_says_why_in_words),
        cmocka_unit_test(a_prefix_keeps_code_and_errno),
        cmocka_unit_test(nobody_listening_is_fine),
        cmocka_unit_test(control_characters_cannot_start_a_new_line),
        cmocka_unit_test(long_stories_are_cut_and_the_reason_stays),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
