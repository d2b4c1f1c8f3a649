#include "unit.h"

#include "common/wipe.h"

static void wiped_bytes_are_zero_and_their_neighbours_are_not(void **state)
{
    (void)state;
    char bytes[] = "xsecretx";
    wipe(bytes + 1, 6);
    assert_memory_equal(bytes, "x\0\0\0\0\0\0x", 8);
    wipe(NULL, 0);
    char text[] = "secret";
    wipe_str(text);
    assert_memory_equal(text, "\0\0\0\0\0\0", 7);
    wipe_str(NULL);
}

static void one_differing_bit_anywhere_is_seen(void **state)
{
    (void)state;
    unsigned char a[33] = {0};
    unsigned char b[33] = {0};
    assert_true(wipe_equal(a, b, sizeof a));
    for (size_t bit = 0; bit < sizeof a * 8; bit++) {
        b[bit / 8] = (unsigned char)(1U << (bit % 8));
        assert_false(wipe_equal(a, b, sizeof a));
        b[bit / 8] = 0;
    }
    assert_true(wipe_equal(NULL, NULL, 0));
}

static void strings_of_unequal_length_are_unequal(void **state)
{
    (void)state;
    assert_true(wipe_equal_str("abc", "abc"));
    assert_false(wipe_equal_str("abc", "abd"));
    assert_false(wipe_equal_str("abc", "abcd"));
    assert_false(wipe_equal_str("", "a"));
    assert_true(wipe_equal_str("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wiped_bytes_are_zero_and_their_neighbours_are_not),
        cmocka_unit_test(one_differing_bit_anywhere_is_seen),
        cmocka_unit_test(strings_of_unequal_length_are_unequal),
    };
    return cmocka_run_group_tests_name("wipe", tests, NULL, NULL);
}
