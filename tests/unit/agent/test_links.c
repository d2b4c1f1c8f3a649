#include "../unit.h"

#include <stdio.h>

#include "restore/links.h"

enum { SOME = 64 * 1024 };

static void names_are_found_in_the_order_they_came(void **state)
{
    (void)state;
    struct links *l = links_new(SOME);
    assert_true(links_add(l, "z", "1"));
    assert_true(links_add(l, "a", "2"));
    assert_true(links_add(l, "z", "3"));
    assert_true(links_add(l, "ab", "4"));
    links_sort(l);
    assert_string_equal(links_of(l, "z", 0), "1");
    assert_string_equal(links_of(l, "z", 1), "3");
    assert_null(links_of(l, "z", 2));
    assert_string_equal(links_of(l, "a", 0), "2");
    assert_null(links_of(l, "a", 1));
    assert_null(links_of(l, "b", 0));
    assert_int_equal(links_count(l), 4);
    links_free(l);
}

static void nothing_is_found_in_nothing(void **state)
{
    (void)state;
    struct links *l = links_new(SOME);
    links_sort(l);
    assert_null(links_of(l, "a", 0));
    links_free(l);
}

static void memory_is_bounded_and_given_back(void **state)
{
    (void)state;
    struct links *l = links_new(SOME);
    char path[32];
    for (int round = 0; round < 2; round++) {
        size_t count = 0;
        do {
            (void)snprintf(path, sizeof path, "%zu", count++);
        } while (links_add(l, "target", path) && count < SOME);
        assert_in_range(count, 100, SOME / 32);
        links_clear(l);
        assert_int_equal(links_count(l), 0);
    }
    links_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_in_the_order_they_came),
        cmocka_unit_test(nothing_is_found_in_nothing),
        cmocka_unit_test(memory_is_bounded_and_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
