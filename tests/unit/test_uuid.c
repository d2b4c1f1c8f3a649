#include "unit.h"

#include <string.h>

#include "common/uuid.h"

static bool all_ones(void *ret, size_t len)
{
    memset(ret, 0xff, len);
    return true;
}

static bool none(void *ret, size_t len)
{
    (void)ret;
    (void)len;
    return false;
}

static void the_time_stands_first_and_version_and_variant_in_their_places(void **state)
{
    (void)state;
    char id[UUID_SIZE];
    assert_true(uuid_v7(0x0123456789ab, all_ones, id));
    assert_string_equal(id, "01234567-89ab-7fff-bfff-ffffffffffff");
    assert_true(uuid_v7(-5, all_ones, id));
    assert_memory_equal(id, "00000000-0000-7", 15);
}

static void later_ids_sort_after_earlier_ones_and_none_comes_twice(void **state)
{
    (void)state;
    char a[UUID_SIZE];
    char b[UUID_SIZE];
    char c[UUID_SIZE];
    assert_true(uuid_v7(1771185600000, token_random, a));
    assert_true(uuid_v7(1771185600000, token_random, b));
    assert_true(uuid_v7(1771185600001, token_random, c));
    assert_string_not_equal(a, b);
    assert_true(strcmp(a, c) < 0);
    assert_true(uuid_valid(a));
}

static void without_randomness_there_is_no_id(void **state)
{
    (void)state;
    char id[UUID_SIZE] = "old";
    assert_false(uuid_v7(1, none, id));
    assert_string_equal(id, "");
}

static void only_the_canonical_spelling_is_valid(void **state)
{
    (void)state;
    assert_true(uuid_valid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));
    static const char *const wrong[] = {
        "",
        "f81d4fae",
        "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf66",
        "f81d4fae07dec-11d0-a765-00a0c91e6bf6",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bg6",
        "../../..-7dec-11d0-a765-00a0c91e6bf6",
        "{81d4fae-7dec-11d0-a765-00a0c91e6bf}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (uuid_valid(wrong[i]))
            fail_msg("\"%s\" was accepted", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_stands_first_and_version_and_variant_in_their_places),
        cmocka_unit_test(later_ids_sort_after_earlier_ones_and_none_comes_twice),
        cmocka_unit_test(without_randomness_there_is_no_id),
        cmocka_unit_test(only_the_canonical_spelling_is_valid),
    };
    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
