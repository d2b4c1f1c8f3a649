/* Networks a one-time password may be bound to. */
#include "unit.h"

#include "fleet/network.h"

static bool in(const char *network, const char *address)
{
    struct network n;
    if (!network_parse(network, &n))
        fail_msg("not taken: %s", network);
    return network_contains(&n, address);
}

static void an_address_lies_in_its_network_only(void **state)
{
    (void)state;
    assert_true(in("192.0.2.0/24", "192.0.2.0"));
    assert_true(in("192.0.2.0/24", "192.0.2.255"));
    assert_false(in("192.0.2.0/24", "192.0.3.0"));
    assert_true(in("192.0.2.128/25", "192.0.2.128"));
    assert_false(in("192.0.2.128/25", "192.0.2.127"));
    assert_true(in("2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(in("2001:db8::/32", "2001:db9::1"));
}

static void a_single_address_is_a_network_of_one(void **state)
{
    (void)state;
    assert_true(in("192.0.2.7", "192.0.2.7"));
    assert_false(in("192.0.2.7", "192.0.2.8"));
    assert_true(in("::1", "::1"));
    assert_false(in("::1", "::2"));
}

static void everything_of_one_family_is_not_everything(void **state)
{
    (void)state;
    assert_true(in("0.0.0.0/0", "203.0.113.9"));
    assert_false(in("0.0.0.0/0", "2001:db8::1"));
    assert_true(in("::/0", "2001:db8::1"));
}

static void a_mapped_address_is_its_ipv4_address(void **state)
{
    (void)state;
    assert_true(in("192.0.2.0/24", "::ffff:192.0.2.9"));
    assert_true(in("::ffff:192.0.2.0/120", "192.0.2.9"));
}

static void what_is_no_network_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "/",
                                      "x",
                                      "192.0.2.0/",
                                      "192.0.2.0/33",
                                      "192.0.2.0/-1",
                                      "192.0.2.0/24 ",
                                      "192.0.2/24",
                                      "192.0.2.1/24",
                                      "2001:db8::/129",
                                      "2001:db8::1/32",
                                      "192.0.2.0/024",
                                      "192.0.2.0/24/24",
                                      "0123456789012345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct network n;
        if (network_parse(bad[i], &n))
            fail_msg("taken: %s", bad[i]);
    }
}

static void what_is_no_address_lies_nowhere(void **state)
{
    (void)state;
    assert_false(in("0.0.0.0/0", ""));
    assert_false(in("0.0.0.0/0", "localhost"));
    assert_false(in("::/0", "unix:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_lies_in_its_network_only),
        cmocka_unit_test(a_single_address_is_a_network_of_one),
        cmocka_unit_test(everything_of_one_family_is_not_everything),
        cmocka_unit_test(a_mapped_address_is_its_ipv4_address),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(what_is_no_address_lies_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
