#include "unit.h"

#include <string.h>

#include "common/cursor.h"

static struct cursor over(const char *text)
{
    struct cursor c;
    cursor_init(&c, span_of(text));
    return c;
}

static void assert_span(struct span s, const char *want)
{
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.ptr, want, s.len);
}

static void spans_compare_by_length_and_bytes(void **state)
{
    (void)state;
    assert_true(span_equal(span_of("abc"), "abc"));
    assert_false(span_equal(span_of("abc"), "abcd"));
    assert_false(span_equal(span_of("abc"), "ab"));
    assert_false(span_equal(span_of("abc"), "ABC"));
    assert_true(span_equal_nocase(span_of("aBc"), "AbC"));
    assert_false(span_equal_nocase(span_of("abc"), "abd"));
}

static void a_span_without_an_address_is_the_empty_string(void **state)
{
    (void)state;
    struct span nothing = {.ptr = NULL, .len = 0};
    assert_true(span_equal(nothing, ""));
    assert_true(span_equal_nocase(nothing, ""));
    assert_false(span_equal(nothing, "x"));
    struct cursor c;
    cursor_init(&c, nothing);
    struct span rest;
    uint64_t n;
    assert_true(cursor_done(&c));
    assert_true(cursor_literal(&c, ""));
    assert_false(cursor_literal(&c, "x"));
    assert_false(cursor_char(&c, 'x'));
    assert_false(cursor_line(&c, &rest));
    assert_false(cursor_uint(&c, 9, &n));
    assert_int_equal(span_trim(nothing).len, 0);
}

static void trimming_takes_blanks_of_both_ends_only(void **state)
{
    (void)state;
    assert_span(span_trim(span_of(" \t a b\t ")), "a b");
    assert_span(span_trim(span_of(" \t ")), "");
    assert_span(span_trim(span_of("\na\n")), "\na\n");
}

static void a_cursor_stays_where_it_was_when_it_does_not_find(void **state)
{
    (void)state;
    struct cursor c = over("abc");
    struct span s = {0};
    uint64_t n = 7;
    assert_false(cursor_char(&c, 'b'));
    assert_false(cursor_literal(&c, "abd"));
    assert_false(cursor_literal(&c, "abcd"));
    assert_false(cursor_until(&c, ':', &s));
    assert_false(cursor_uint(&c, 10, &n));
    assert_null(s.ptr);
    assert_int_equal(n, 7);
    assert_true(cursor_literal(&c, "ab"));
    assert_true(cursor_char(&c, 'c'));
    assert_true(cursor_done(&c));
}

static void until_takes_the_stop_but_does_not_give_it(void **state)
{
    (void)state;
    struct cursor c = over("key: value");
    struct span s;
    assert_true(cursor_until(&c, ':', &s));
    assert_span(s, "key");
    assert_true(cursor_literal(&c, " value"));
}

static void fields_are_split_with_empty_ones_kept(void **state)
{
    (void)state;
    struct cursor c = over("a,,b");
    struct span s;
    assert_true(cursor_field(&c, ',', &s));
    assert_span(s, "a");
    assert_true(cursor_field(&c, ',', &s));
    assert_span(s, "");
    assert_true(cursor_field(&c, ',', &s));
    assert_span(s, "b");
    assert_false(cursor_field(&c, ',', &s));
}

static void lines_end_with_lf_or_crlf_and_the_last_may_lack_it(void **state)
{
    (void)state;
    struct cursor c = over("one\r\n\ntwo\rx\nlast");
    struct span s;
    assert_true(cursor_line(&c, &s));
    assert_span(s, "one");
    assert_true(cursor_line(&c, &s));
    assert_span(s, "");
    assert_true(cursor_line(&c, &s));
    assert_span(s, "two\rx");
    assert_true(cursor_line(&c, &s));
    assert_span(s, "last");
    assert_false(cursor_line(&c, &s));
}

static void a_nul_byte_is_a_byte_like_others(void **state)
{
    (void)state;
    struct cursor c;
    cursor_init(&c, (struct span){.ptr = "a\0b,c", .len = 5});
    struct span s;
    assert_true(cursor_field(&c, ',', &s));
    assert_int_equal(s.len, 3);
}

static void numbers_stop_at_the_first_other_character(void **state)
{
    (void)state;
    struct cursor c = over("120s");
    uint64_t n;
    assert_true(cursor_uint(&c, 1000, &n));
    assert_int_equal(n, 120);
    assert_true(cursor_char(&c, 's'));
}

static void numbers_reach_exactly_their_maximum(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool ok;
    } cases[] = {
        {"0", 0, true},
        {"1", 0, false},
        {"9", 5, false},
        {"5", 5, true},
        {"6", 5, false},
        {"10", 9, false},
        {"99", 99, true},
        {"100", 99, false},
        {"18446744073709551615", UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, false},
        {"99999999999999999999999", UINT64_MAX, false},
        {"9223372036854775807", INT64_MAX, true},
        {"9223372036854775808", INT64_MAX, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t n = 77;
        if (cursor_parse_uint(cases[i].text, cases[i].max, &n) != cases[i].ok)
            fail_msg("%s with maximum %llu", cases[i].text, (unsigned long long)cases[i].max);
        if (!cases[i].ok)
            assert_int_equal(n, 77);
        else
            assert_true(n <= cases[i].max);
    }
}

static void only_one_spelling_of_a_number_is_taken(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "00", "01", "+1", "-1", " 1", "1 ", "1x", "0x1", "1.0", "\xd9\xa1"};
    uint64_t n;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (cursor_parse_uint(wrong[i], 100, &n))
            fail_msg("\"%s\" was accepted", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_by_length_and_bytes),
        cmocka_unit_test(a_span_without_an_address_is_the_empty_string),
        cmocka_unit_test(trimming_takes_blanks_of_both_ends_only),
        cmocka_unit_test(a_cursor_stays_where_it_was_when_it_does_not_find),
        cmocka_unit_test(until_takes_the_stop_but_does_not_give_it),
        cmocka_unit_test(fields_are_split_with_empty_ones_kept),
        cmocka_unit_test(lines_end_with_lf_or_crlf_and_the_last_may_lack_it),
        cmocka_unit_test(a_nul_byte_is_a_byte_like_others),
        cmocka_unit_test(numbers_stop_at_the_first_other_character),
        cmocka_unit_test(numbers_reach_exactly_their_maximum),
        cmocka_unit_test(only_one_spelling_of_a_number_is_taken),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
