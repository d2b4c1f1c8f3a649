/* One-time codes by time: the vectors of RFC 6238, and the edges of their steps. */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mfa/totp.h"

static const unsigned char secret[TOTP_SECRET_SIZE] = "12345678901234567890"; /* RFC 6238, appendix B */

static enum totp_match match(const char *code, int64_t now_s, int64_t last_step)
{
    int64_t step = -1;
    return totp_match(secret, code, now_s * 1000, last_step, &step);
}

/* The RFC's codes have eight digits, of which the last six are ours. */
static void the_vectors_of_rfc_6238_match_at_their_times(void **state)
{
    (void)state;
    static const struct {
        int64_t time_s;
        const char *code;
    } vectors[] = {{59, "94287082"},         {1111111109, "07081804"}, {1111111111, "14050471"},
                   {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        int64_t step = 0;
        assert_int_equal(totp_match(secret, vectors[i].code + 2, vectors[i].time_s * 1000, 0, &step), TOTP_FRESH);
        assert_int_equal(step, vectors[i].time_s / 30);
    }
}

/* 081804 is the code of 1111111080 up to 1111111109. */
static void a_code_holds_for_its_step_and_one_each_way(void **state)
{
    (void)state;
    assert_int_equal(match("081804", 1111111080 - 31, 0), TOTP_NONE);
    assert_int_equal(match("081804", 1111111080 - 30, 0), TOTP_FRESH);
    assert_int_equal(match("081804", 1111111080 - 29, 0), TOTP_FRESH);
    assert_int_equal(match("081804", 1111111080, 0), TOTP_FRESH);
    assert_int_equal(match("081804", 1111111109 + 29, 0), TOTP_FRESH);
    assert_int_equal(match("081804", 1111111109 + 30, 0), TOTP_FRESH);
    assert_int_equal(match("081804", 1111111109 + 31, 0), TOTP_NONE);
}

static void milliseconds_do_not_shift_a_step(void **state)
{
    (void)state;
    int64_t step = 0;
    assert_int_equal(totp_match(secret, "081804", INT64_C(1111111139999), 0, &step), TOTP_FRESH);
    assert_int_equal(totp_match(secret, "081804", INT64_C(1111111140000), 0, &step), TOTP_NONE);
}

static void a_step_that_was_used_is_told_from_a_wrong_code(void **state)
{
    (void)state;
    int64_t step = 1111111109 / 30;
    assert_int_equal(match("081804", 1111111109, step - 1), TOTP_FRESH);
    assert_int_equal(match("081804", 1111111109, step), TOTP_USED);
    assert_int_equal(match("081804", 1111111109, step + 1), TOTP_USED);
    assert_int_equal(match("081805", 1111111109, step), TOTP_NONE);
}

/* The codes of the steps before and after are accepted, each once. */
static void steps_are_used_up_in_their_order(void **state)
{
    (void)state;
    int64_t before = 0, after = 0;
    assert_int_equal(totp_match(secret, "081804", INT64_C(1111111111000), 0, &before), TOTP_FRESH);
    assert_int_equal(totp_match(secret, "050471", INT64_C(1111111109000), before, &after), TOTP_FRESH);
    assert_int_equal(after, before + 1);
    assert_int_equal(match("081804", 1111111109, after), TOTP_USED);
}

static void what_is_not_six_digits_is_no_code(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "08180",
                                        "0818044",
                                        "94287082",
                                        "08180a",
                                        "+81804",
                                        "08.180",
                                        "081\xc2\xa0"
                                        "804",
                                        "081804x",
                                        "x081804"};
    char digits[TOTP_DIGITS + 1] = "x";
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(totp_parse(wrong[i], digits));
        assert_string_equal(digits, "");
        assert_int_equal(match(wrong[i], 1111111109, 0), TOTP_NONE);
    }
}

static void a_code_is_read_as_authenticators_show_it(void **state)
{
    (void)state;
    static const char *const same[] = {"081804", "081 804", " 08 18 04 ", "081-804", "\t081804"};
    char digits[TOTP_DIGITS + 1];
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_true(totp_parse(same[i], digits));
        assert_string_equal(digits, "081804");
    }
}

static void the_first_steps_of_time_do_no_harm(void **state)
{
    (void)state;
    assert_int_equal(match("287082", 0, -1), TOTP_FRESH); /* step 1, one ahead */
    assert_int_equal(match("000000", 0, -1), TOTP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_6238_match_at_their_times),
        cmocka_unit_test(a_code_holds_for_its_step_and_one_each_way),
        cmocka_unit_test(milliseconds_do_not_shift_a_step),
        cmocka_unit_test(a_step_that_was_used_is_told_from_a_wrong_code),
        cmocka_unit_test(steps_are_used_up_in_their_order),
        cmocka_unit_test(what_is_not_six_digits_is_no_code),
        cmocka_unit_test(a_code_is_read_as_authenticators_show_it),
        cmocka_unit_test(the_first_steps_of_time_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
