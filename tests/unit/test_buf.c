#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

static void an_empty_buffer_is_an_empty_string(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_string_equal(buf_str(&b), "");
    assert_true(buf_ok(&b));
    assert_null(buf_take(&b));
    buf_done(&b);
}

static void appends_follow_each_other(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_add(&b, "a\0b", 3);
    buf_addc(&b, 'c');
    buf_adds(&b, "de");
    buf_addf(&b, "%03d", 7);
    assert_int_equal(b.len, 9);
    assert_memory_equal(b.data, "a\0bcde007", 10);
    buf_done(&b);
}

static void content_survives_growth(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    for (int i = 0; i < 10000; i++)
        buf_addf(&b, "%06d,", i);
    assert_true(buf_ok(&b));
    assert_int_equal(b.len, 70000);
    assert_memory_equal(b.data + 7 * 1234, "001234,", 7);
    buf_done(&b);
}

static void the_maximum_fits_and_one_more_does_not(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 300);
    for (int i = 0; i < 300; i++)
        buf_addc(&b, 'x');
    assert_true(buf_ok(&b));
    buf_addc(&b, 'y');
    assert_false(buf_ok(&b));
    assert_int_equal(b.len, 300);
    assert_int_equal(strlen(buf_str(&b)), 300);
    buf_done(&b);
}

static void a_failed_append_leaves_the_content_and_refuses_later_ones(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    buf_adds(&b, "12345");
    buf_adds(&b, "6789");
    buf_adds(&b, "6");
    assert_false(buf_ok(&b));
    assert_string_equal(buf_str(&b), "12345");
    assert_null(buf_take(&b));
    buf_clear(&b);
    assert_true(buf_ok(&b));
    buf_adds(&b, "12345678");
    assert_string_equal(buf_str(&b), "12345678");
    buf_done(&b);
}

static void a_formatted_append_is_whole_or_not_at_all(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    buf_addf(&b, "%s", "123456789");
    assert_false(buf_ok(&b));
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

static void a_buffer_of_no_size_takes_only_nothing(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_add(&b, NULL, 0);
    assert_true(buf_ok(&b));
    buf_addc(&b, 'x');
    assert_false(buf_ok(&b));
    buf_done(&b);
}

static void lengths_near_the_end_of_memory_do_not_wrap(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, SIZE_MAX);
    buf_adds(&b, "x");
    buf_add(&b, "x", SIZE_MAX);
    assert_false(buf_ok(&b));
    assert_string_equal(buf_str(&b), "x");
    buf_done(&b);
}

static void taken_bytes_are_the_callers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_adds(&b, "mine");
    char *s = buf_take(&b);
    assert_string_equal(s, "mine");
    assert_int_equal(b.len, 0);
    buf_adds(&b, "other");
    assert_string_equal(s, "mine");
    free(s);
    buf_done(&b);
}

static void clearing_keeps_the_memory_and_forgets_the_text(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_clear(&b);
    buf_adds(&b, "text");
    const char *before = b.data;
    buf_clear(&b);
    assert_string_equal(buf_str(&b), "");
    assert_null(buf_take(&b));
    assert_ptr_equal(before, b.data);
    buf_done_secret(&b);
    assert_null(b.data);
    buf_done_secret(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_is_an_empty_string),
        cmocka_unit_test(appends_follow_each_other),
        cmocka_unit_test(content_survives_growth),
        cmocka_unit_test(the_maximum_fits_and_one_more_does_not),
        cmocka_unit_test(a_failed_append_leaves_the_content_and_refuses_later_ones),
        cmocka_unit_test(a_formatted_append_is_whole_or_not_at_all),
        cmocka_unit_test(a_buffer_of_no_size_takes_only_nothing),
        cmocka_unit_test(lengths_near_the_end_of_memory_do_not_wrap),
        cmocka_unit_test(taken_bytes_are_the_callers),
        cmocka_unit_test(clearing_keeps_the_memory_and_forgets_the_text),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
