#include "unit.h"

#include "common/version.h"

static void versions_order_as_semver_says(void **state)
{
    (void)state;
    /* §11.4.4 of the specification, with numbers of more than one digit around it. */
    static const char *const ascending[] = {
        "0.0.0",       "0.0.9",        "0.0.10",         "0.1.0",         "0.1.9",
        "0.1.10-rc.1", "0.1.10",       "0.2.0",          "1.0.0-0",       "1.0.0-2",
        "1.0.0-10",    "1.0.0--",      "1.0.0-alpha",    "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta",  "1.0.0-beta.2", "1.0.0-beta.11",  "1.0.0-rc.1",    "1.0.0",
        "2.0.0",       "10.0.0",       "4294967295.0.0",
    };
    size_t count = sizeof ascending / sizeof ascending[0];
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            int order = version_compare(ascending[a], ascending[b]);
            if ((order > 0) - (order < 0) != (a > b) - (a < b))
                fail_msg("%s against %s gave %d", ascending[a], ascending[b], order);
        }
    }
}

static void builds_do_not_count(void **state)
{
    (void)state;
    assert_int_equal(version_compare("1.0.0+a", "1.0.0+b.2"), 0);
    assert_int_equal(version_compare("1.0.0-rc.1+a", "1.0.0-rc.1"), 0);
    assert_true(version_compare("1.0.0-rc.1+a", "1.0.0+b") < 0);
}

static void what_is_no_version_is_refused_and_sorts_first(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "v1.2.3",
        "1.2.x",
        "01.2.3",
        "1.02.3",
        "1.2.3-",
        "1.2.3-a..b",
        "1.2.3-a.",
        "1.2.3-.a",
        "1.2.3-01",
        "1.2.3+",
        "1.2.3+a..b",
        "1.2.3 ",
        " 1.2.3",
        "1.2.3-a_b",
        "-1.2.3",
        "1.2.3-\xc3\xa9",
        "4294967296.0.0",
        "1..3",
        "1.2.3\n",
        "1.2.3-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", /* 65 bytes */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (version_valid(wrong[i]))
            fail_msg("\"%s\" was accepted", wrong[i]);
        assert_true(version_compare(wrong[i], "0.0.0-0") < 0);
        assert_true(version_compare("0.0.0-0", wrong[i]) > 0);
        assert_int_equal(version_compare(wrong[i], "also wrong"), 0);
    }
}

static void unusual_versions_are_accepted(void **state)
{
    (void)state;
    static const char *const right[] = {"0.0.0",
                                        "1.2.3-0",
                                        "1.2.3-0a",
                                        "1.2.3--",
                                        "1.2.3+001",
                                        "1.2.3-a-b.c+d-e.f",
                                        "1.2.3-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        if (!version_valid(right[i]))
            fail_msg("\"%s\" was refused", right[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_order_as_semver_says),
        cmocka_unit_test(builds_do_not_count),
        cmocka_unit_test(what_is_no_version_is_refused_and_sorts_first),
        cmocka_unit_test(unusual_versions_are_accepted),
    };
    return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
