#include "unit.h"

#include <string.h>

#include "common/text.h"

static void expect(const char *s, size_t len, uint32_t code)
{
    uint32_t got = 0;
    assert_int_equal(text_next(s, &got), len);
    assert_int_equal(got, code);
}

static void characters_of_each_length_are_read(void **state)
{
    (void)state;
    expect("a", 1, 'a');
    expect("\xc3\xa4x", 2, 0xe4);
    expect("\xe2\x82\xac", 3, 0x20ac);
    expect("\xf0\x9f\x94\x92", 4, 0x1f512);
    expect("\xf4\x8f\xbf\xbf", 4, 0x10ffff);
}

static void what_is_no_utf8_is_one_byte(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc3",
        "\xc3z",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf0\x9f\x94",
        "\xff",
        "\xfe",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect(wrong[i], 1, TEXT_INVALID);
}

static void orders_to_terminals_and_viewers_are_told_from_text(void **state)
{
    (void)state;
    static const uint32_t orders[] = {0,      7,      0x0a,   0x1b,   0x7f,         0x85,   0x9b,
                                      0xad,   0x61c,  0x200b, 0x200f, 0x2028,       0x2029, 0x202a,
                                      0x202e, 0x2066, 0x2069, 0xfeff, TEXT_INVALID, 0xe0041};
    static const uint32_t plain[] = {' ', '~', 0xa0, 0xe4, 0x5d0, 0x627, 0x2010, 0x20ac, 0x4e2d, 0x1f512};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        assert_true(text_is_control(orders[i]));
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        assert_false(text_is_control(plain[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_each_length_are_read),
        cmocka_unit_test(what_is_no_utf8_is_one_byte),
        cmocka_unit_test(orders_to_terminals_and_viewers_are_told_from_text),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
