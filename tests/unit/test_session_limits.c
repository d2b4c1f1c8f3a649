/* What makes guessing slow, and what is left of it in the audit trail. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/failures.h"
#include "auth/limits.h"

enum { NOW = 1000000 };

static int setup(void **state)
{
    *state = login_limits_new();
    return *state == NULL;
}

/* Somebody who has not been there before. */
#define FROM(name, from) (&(struct login_source){.account = (name), .address = (from)})

static int teardown(void **state)
{
    login_limits_free(*state);
    return 0;
}

static void fail_times(struct login_limits *l, int times, const char *account, const char *address, int64_t now_ms)
{
    for (int i = 0; i < times; i++)
        login_limits_failed(l, FROM(account, address), now_ms);
}

static void the_first_tries_are_free_and_later_ones_wait_twice_as_long_each(void **state)
{
    struct login_limits *l = *state;
    fail_times(l, 2, "a@x", "192.0.2.1", NOW);
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW), 0);
    static const int waits[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        login_limits_failed(l, FROM("a@x", "192.0.2.1"), NOW);
        assert_int_equal(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW), waits[i]);
    }
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW + 60000), 0);
}

static void the_wait_is_for_one_account_from_one_network(void **state)
{
    struct login_limits *l = *state;
    fail_times(l, 9, "a@x", "192.0.2.1", NOW);
    assert_true(login_limits_wait_s(l, FROM("A@X", "192.0.2.99"), NOW) > 0);
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "198.51.100.1"), NOW), 0);
    assert_int_equal(login_limits_wait_s(l, FROM("b@x", "192.0.2.1"), NOW), 0);
}

static void a_network_waits_together_and_the_one_beside_it_does_not(void **state)
{
    struct login_limits *l = *state;
    fail_times(l, 9, "a@x", "192.0.2.0", NOW);
    fail_times(l, 9, "a@x", "2001:db8:0:7::", NOW);
    assert_true(login_limits_wait_s(l, FROM("a@x", "192.0.2.255"), NOW) > 0);
    assert_true(login_limits_wait_s(l, FROM("a@x", "::ffff:192.0.2.9"), NOW) > 0);
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "192.0.1.255"), NOW), 0);
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "192.0.3.0"), NOW), 0);
    assert_true(login_limits_wait_s(l, FROM("a@x", "2001:db8:0:7:ffff:ffff:ffff:ffff"), NOW) > 0);
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "2001:db8:0:6:ffff:ffff:ffff:ffff"), NOW), 0);
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "2001:db8:0:8::"), NOW), 0);
}

static void an_address_that_is_known_is_slowed_by_its_own_tries_alone(void **state)
{
    struct login_limits *l = *state;
    const struct login_source home = {.account = "a@x", .address = "192.0.2.1", .known = true};
    const struct login_source also_home = {.account = "a@x", .address = "192.0.2.2", .known = true};
    fail_times(l, 9, "a@x", "192.0.2.66", NOW);
    assert_int_equal(login_limits_wait_s(l, &home, NOW), 0);
    assert_true(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW) > 0);
    for (int i = 0; i < 9; i++)
        login_limits_failed(l, &home, NOW);
    assert_true(login_limits_wait_s(l, &home, NOW) > 0);
    assert_int_equal(login_limits_wait_s(l, &also_home, NOW), 0);
    login_limits_succeeded(l, &home);
    assert_int_equal(login_limits_wait_s(l, &home, NOW), 0);
    assert_true(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW) > 0);
}

static void of_many_refusals_in_a_minute_some_are_worth_a_row(void **state)
{
    struct login_limits *l = *state;
    int worth = 0;
    for (int i = 0; i < 1000; i++)
        worth += login_limits_worth_a_row(l, "somebody", NOW);
    assert_int_equal(worth, LOGIN_ROWS_A_MINUTE);
    assert_true(login_limits_worth_a_row(l, "somebody", NOW + 60000));
    assert_true(login_limits_worth_a_row(NULL, "somebody", NOW));
}

static void success_and_a_quiet_quarter_of_an_hour_forget(void **state)
{
    struct login_limits *l = *state;
    fail_times(l, 9, "a@x", "192.0.2.1", NOW);
    login_limits_succeeded(l, FROM("a@x", "192.0.2.1"));
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW), 0);
    fail_times(l, 9, "a@x", "192.0.2.1", NOW);
    fail_times(l, 1, "a@x", "192.0.2.1", NOW + 15 * 60 * 1000);
    assert_int_equal(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW + 15 * 60 * 1000), 0);
}

static void a_clock_set_back_locks_nobody_out(void **state)
{
    struct login_limits *l = *state;
    fail_times(l, 9, "a@x", "192.0.2.1", INT64_C(1) << 41);
    assert_true(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW) <= 60);
}

static void a_flood_of_accounts_does_not_grow_the_table(void **state)
{
    struct login_limits *l = *state;
    char account[2000];
    memset(account, 'x', sizeof account);
    account[sizeof account - 1] = '\0';
    login_limits_failed(l, FROM(account, "::1"), NOW);
    for (int i = 0; i < 50000; i++) {
        (void)snprintf(account, sizeof account, "%d@x", i);
        login_limits_failed(l, FROM(account, "2001:db8::1"), NOW + i);
    }
    fail_times(l, 9, "a@x", "192.0.2.1", NOW + 50000);
    assert_true(login_limits_wait_s(l, FROM("a@x", "192.0.2.1"), NOW + 50000) > 0);
}

static void networks_are_24_and_64_bits_wide(void **state)
{
    (void)state;
    char network[LOGIN_NETWORK_SIZE];
    login_limits_network("192.0.2.77", network);
    assert_string_equal(network, "192.0.2.0/24");
    login_limits_network("2001:db8:1:2:3:4:5:6", network);
    assert_string_equal(network, "2001:0db8:0001:0002::/64");
    login_limits_network("::ffff:192.0.2.77", network);
    assert_string_equal(network, "192.0.2.0/24");
    login_limits_network("nonsense", network);
    assert_string_equal(network, "unknown");
}

static void hashes_beyond_the_bound_wait_and_then_give_up(void **state)
{
    struct login_limits *l = *state;
    struct err err = {0};
    int running = 0;
    while (running < 1000 && login_limits_hash_begin(l, 1, &err) == 0)
        running++;
    assert_in_range(running, 1, 512);
    assert_int_equal(login_limits_hash_begin(l, 1, &err), ERR_TIMEOUT);
    login_limits_hash_end(l);
    assert_int_equal(login_limits_hash_begin(l, 1, &err), 0);
    for (int i = 0; i < running; i++)
        login_limits_hash_end(l);
}

static void one_person_types_their_password_once_at_a_time(void **state)
{
    struct login_limits *l = *state;
    char name[16];
    assert_true(login_limits_proof_begin(l, "ada"));
    assert_false(login_limits_proof_begin(l, "ada"));
    assert_true(login_limits_proof_begin(l, "bob"));
    login_limits_proof_end(l, "ada");
    assert_true(login_limits_proof_begin(l, "ada"));
    for (int i = 0; i < 14; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        assert_true(login_limits_proof_begin(l, name));
    }
    assert_false(login_limits_proof_begin(l, "one more"));
    login_limits_proof_end(l, "13");
    login_limits_proof_end(l, "nobody");
    assert_true(login_limits_proof_begin(l, "one more"));
}

/* The one of this source; a zero one when there is none. */
static struct failure taken(const struct failure *list, int count, const char *address)
{
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].address, address) == 0)
            return list[i];
    return (struct failure){0};
}

static void failures_are_counted_per_source_and_minute(void **state)
{
    struct failure list[FAILURES_MAX];
    (void)state;
    struct failures *f = failures_new();
    assert_non_null(f);
    for (int i = 0; i < 7; i++)
        failures_note(f, "auth.login", "192.0.2.1", "", 60000 + i);
    failures_note(f, "auth.login", "192.0.2.2", "", 60001);
    failures_note(f, "agent.key", "192.0.2.2", "", 60001);
    assert_int_equal(failures_take(f, 119999, false, list), 0);
    failures_note(f, "auth.login", "192.0.2.1", "", 120000);
    assert_int_equal(failures_take(f, 120000, false, list), 3);
    struct failure one = taken(list, 3, "192.0.2.1");
    assert_int_equal(one.count, 7);
    assert_int_equal(one.minute_ms, 60000);
    failures_return(f, &one);
    assert_int_equal(failures_take(f, 120000, true, list), 2);
    assert_int_equal(failures_take(f, 120000, true, list), 0);
    failures_free(f);
}

static void failures_at_different_accounts_are_counted_apart(void **state)
{
    struct failure list[FAILURES_MAX];
    (void)state;
    struct failures *f = failures_new();
    assert_non_null(f);
    failures_note(f, "auth.login", "192.0.2.1", "user:1", 60000);
    failures_note(f, "auth.login", "192.0.2.1", "user:1", 60001);
    failures_note(f, "auth.login", "192.0.2.1", "user:2", 60002);
    failures_note(f, "auth.login", "192.0.2.1", "", 60003);
    assert_int_equal(failures_take(f, 120000, false, list), 3);
    assert_string_equal(list[0].target, "user:1");
    assert_int_equal(list[0].count, 2);
    failures_free(f);
}

static void a_flood_of_sources_is_counted_as_many(void **state)
{
    struct failure list[FAILURES_MAX];
    (void)state;
    struct failures *f = failures_new();
    int64_t total = 0;
    char address[48];
    assert_non_null(f);
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(address, sizeof address, "2001:db8::%x", (unsigned)i);
        failures_note(f, "agent.key", address, "", 60000);
    }
    int count = failures_take(f, 120000, false, list);
    assert_true(count < FAILURES_MAX);
    for (int i = 0; i < count; i++)
        total += list[i].count;
    assert_int_equal(total, 10000);
    assert_true(taken(list, count, "many").count > 0);
    failures_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_tries_are_free_and_later_ones_wait_twice_as_long_each, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_wait_is_for_one_account_from_one_network, setup, teardown),
        cmocka_unit_test_setup_teardown(a_network_waits_together_and_the_one_beside_it_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_that_is_known_is_slowed_by_its_own_tries_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(of_many_refusals_in_a_minute_some_are_worth_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(success_and_a_quiet_quarter_of_an_hour_forget, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_set_back_locks_nobody_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_accounts_does_not_grow_the_table, setup, teardown),
        cmocka_unit_test(networks_are_24_and_64_bits_wide),
        cmocka_unit_test_setup_teardown(hashes_beyond_the_bound_wait_and_then_give_up, setup, teardown),
        cmocka_unit_test_setup_teardown(one_person_types_their_password_once_at_a_time, setup, teardown),
        cmocka_unit_test(failures_are_counted_per_source_and_minute),
        cmocka_unit_test(failures_at_different_accounts_are_counted_apart),
        cmocka_unit_test(a_flood_of_sources_is_counted_as_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
