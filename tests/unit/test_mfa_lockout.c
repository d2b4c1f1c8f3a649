/* The limits of trying codes, at their edges. */
#include "unit.h"

#include <stdbool.h>

#include "mfa/lockout.h"

#define NOW    INT64_C(1750000000000)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

static enum lockout_gate ask(const struct lockout *l, enum lockout_kind kind, int64_t now_ms)
{
    int wait_s = -1;
    enum lockout_gate gate = lockout_ask(l, kind, now_ms, &wait_s);
    assert_true(gate == LOCKOUT_CLOSED || gate == LOCKOUT_TOO_FAST ? wait_s > 0 : wait_s == 0);
    return gate;
}

static int wait_s(const struct lockout *l, enum lockout_kind kind, int64_t now_ms)
{
    int seconds = -1;
    (void)lockout_ask(l, kind, now_ms, &seconds);
    return seconds;
}

static void fail_times(struct lockout *l, int times, int64_t now_ms)
{
    for (int i = 0; i < times; i++)
        (void)lockout_failed(l, LOCKOUT_TOTP, now_ms);
}

static void the_fifth_wrong_code_locks_and_the_fourth_does_not(void **state)
{
    (void)state;
    struct lockout l = {0};
    for (int i = 1; i <= 4; i++) {
        assert_false(lockout_failed(&l, LOCKOUT_TOTP, NOW));
        assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW), LOCKOUT_OPEN);
    }
    assert_true(lockout_failed(&l, LOCKOUT_TOTP, NOW));
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW), LOCKOUT_CLOSED);
    assert_int_equal(wait_s(&l, LOCKOUT_TOTP, NOW), 900);
}

static void wrong_codes_add_up_over_hours(void **state)
{
    (void)state;
    struct lockout l = {0};
    for (int i = 0; i < 4; i++)
        assert_false(lockout_failed(&l, LOCKOUT_TOTP, NOW + i * 60 * MINUTE));
    assert_true(lockout_failed(&l, LOCKOUT_TOTP, NOW + 5 * 60 * MINUTE));
}

static void a_lock_lasts_a_quarter_of_an_hour(void **state)
{
    (void)state;
    struct lockout l = {0};
    fail_times(&l, 5, NOW);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + 14 * MINUTE + 59 * SECOND), LOCKOUT_CLOSED);
    assert_int_equal(wait_s(&l, LOCKOUT_TOTP, NOW + 14 * MINUTE + 59 * SECOND), 1);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + 15 * MINUTE - 1), LOCKOUT_CLOSED);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + 15 * MINUTE), LOCKOUT_OPEN);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + 15 * MINUTE + 1 * SECOND), LOCKOUT_OPEN);
}

static void after_a_lock_five_more_lock_again(void **state)
{
    (void)state;
    struct lockout l = {0};
    int64_t later = NOW + 15 * MINUTE + SECOND;
    fail_times(&l, 5, NOW);
    fail_times(&l, 4, later);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, later), LOCKOUT_OPEN);
    fail_times(&l, 1, later);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, later), LOCKOUT_CLOSED);
}

static void a_lock_holds_no_backup_code_up_and_does_not_grow_by_one(void **state)
{
    (void)state;
    struct lockout l = {0};
    fail_times(&l, 5, NOW);
    assert_int_equal(ask(&l, LOCKOUT_BACKUP_CODE, NOW), LOCKOUT_OPEN);
    for (int i = 0; i < 5; i++)
        assert_false(lockout_failed(&l, LOCKOUT_BACKUP_CODE, NOW + MINUTE));
    assert_int_equal(ask(&l, LOCKOUT_BACKUP_CODE, NOW + MINUTE), LOCKOUT_TOO_FAST);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + 15 * MINUTE), LOCKOUT_OPEN);
}

static void a_right_code_forgets_everything(void **state)
{
    (void)state;
    struct lockout l = {0};
    fail_times(&l, 5, NOW);
    lockout_passed(&l, LOCKOUT_BACKUP_CODE);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW), LOCKOUT_OPEN);
    fail_times(&l, 4, NOW);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW), LOCKOUT_OPEN);
}

/* Four rounds of five, each after the lock before it. */
static void after_twenty_in_a_row_only_a_backup_code_helps(void **state)
{
    (void)state;
    struct lockout l = {0};
    int64_t now = NOW;
    for (int i = 1; i <= 19; i++) {
        assert_int_equal(ask(&l, LOCKOUT_TOTP, now), LOCKOUT_OPEN);
        if (lockout_failed(&l, LOCKOUT_TOTP, now))
            now += 15 * MINUTE;
        else
            now += MINUTE;
    }
    assert_int_equal(ask(&l, LOCKOUT_TOTP, now), LOCKOUT_OPEN);
    assert_true(lockout_failed(&l, LOCKOUT_TOTP, now));
    assert_int_equal(ask(&l, LOCKOUT_TOTP, now), LOCKOUT_FOR_GOOD);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, now + 365 * 24 * 60 * MINUTE), LOCKOUT_FOR_GOOD);
    assert_int_equal(ask(&l, LOCKOUT_BACKUP_CODE, now), LOCKOUT_OPEN);
    (void)lockout_failed(&l, LOCKOUT_BACKUP_CODE, now); /* the twenty-first */
    assert_int_equal(ask(&l, LOCKOUT_TOTP, now), LOCKOUT_FOR_GOOD);
    lockout_passed(&l, LOCKOUT_BACKUP_CODE);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, now), LOCKOUT_OPEN);
}

static void five_tries_a_minute_and_no_sixth(void **state)
{
    (void)state;
    struct lockout l = {0};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + i * SECOND), LOCKOUT_OPEN);
        lockout_repeated(&l, NOW + i * SECOND);
    }
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + 5 * SECOND), LOCKOUT_TOO_FAST);
    assert_int_equal(wait_s(&l, LOCKOUT_TOTP, NOW + 5 * SECOND), 55);
    assert_int_equal(ask(&l, LOCKOUT_BACKUP_CODE, NOW + MINUTE - 1), LOCKOUT_TOO_FAST);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + MINUTE), LOCKOUT_OPEN);
}

static void a_code_typed_twice_is_no_wrong_one(void **state)
{
    (void)state;
    struct lockout l = {0};
    for (int i = 0; i < 40; i++)
        lockout_repeated(&l, NOW + i * MINUTE);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW + 40 * MINUTE), LOCKOUT_OPEN);
}

static void a_set_up_locks_but_never_asks_for_a_backup_code(void **state)
{
    (void)state;
    struct lockout l = {0};
    for (int i = 0; i < 25; i++)
        (void)lockout_failed(&l, LOCKOUT_SETUP, NOW + i * 15 * MINUTE);
    assert_int_equal(ask(&l, LOCKOUT_SETUP, NOW + 24 * 15 * MINUTE), LOCKOUT_CLOSED);
    assert_int_equal(ask(&l, LOCKOUT_SETUP, NOW + 25 * 15 * MINUTE), LOCKOUT_OPEN);
}

/* Else a thief of a session could try on, with set-ups of their own in between. */
static void a_set_up_that_worked_does_not_end_a_row_of_wrong_codes(void **state)
{
    (void)state;
    struct lockout l = {0};
    fail_times(&l, 20, NOW);
    lockout_passed(&l, LOCKOUT_SETUP);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW), LOCKOUT_FOR_GOOD);
}

static void a_clock_that_was_set_back_locks_nobody_out(void **state)
{
    (void)state;
    struct lockout l = {0};
    fail_times(&l, 5, NOW + 24 * 60 * MINUTE);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW), LOCKOUT_OPEN);
    for (int i = 0; i < 5; i++)
        lockout_repeated(&l, NOW + 24 * 60 * MINUTE);
    assert_int_equal(ask(&l, LOCKOUT_TOTP, NOW), LOCKOUT_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fifth_wrong_code_locks_and_the_fourth_does_not),
        cmocka_unit_test(wrong_codes_add_up_over_hours),
        cmocka_unit_test(a_lock_lasts_a_quarter_of_an_hour),
        cmocka_unit_test(after_a_lock_five_more_lock_again),
        cmocka_unit_test(a_lock_holds_no_backup_code_up_and_does_not_grow_by_one),
        cmocka_unit_test(a_right_code_forgets_everything),
        cmocka_unit_test(after_twenty_in_a_row_only_a_backup_code_helps),
        cmocka_unit_test(five_tries_a_minute_and_no_sixth),
        cmocka_unit_test(a_code_typed_twice_is_no_wrong_one),
        cmocka_unit_test(a_set_up_locks_but_never_asks_for_a_backup_code),
        cmocka_unit_test(a_set_up_that_worked_does_not_end_a_row_of_wrong_codes),
        cmocka_unit_test(a_clock_that_was_set_back_locks_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
