/* Which passwords are tried first, and which are not. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "auth/guessable.h"
#include "auth/password.h"

static const char *const no_words[] = {NULL};

static void expect(bool want, const char *password)
{
    if (guessable(password, strlen(password), no_words) != want)
        fail_msg("%s was %s", password, want ? "taken" : "refused");
}

static void a_common_one_is_guessable_also_twice_or_in_other_case(void **state)
{
    (void)state;
    expect(true, "passwordpassword");
    expect(true, "PasswordPASSWORD");
    expect(true, "qwertyuiop12345");
    expect(true, "iloveyouiloveyouiloveyou");
    expect(true, "1qaz2wsx3edc4rfv");
}

static void two_common_ones_in_a_row_are_guessable(void **state)
{
    (void)state;
    expect(true, "password12345678");
    expect(true, "Password 12345678!");
    expect(true, "sunshineprincess");
    expect(true, "!!!Password12345");
    expect(true, "P4ssw0rd P4$$w0rd");
    expect(true, "letmein.987654321");
    expect(true, "basketball2024!");
}

static void runs_rows_and_repetition_are_guessable(void **state)
{
    (void)state;
    expect(true, "aaaaaaaaaaaaaaa");
    expect(true, "abcdefghijklmnop");
    expect(true, "zyxwvutsrqponmlk");
    expect(true, "123456789012345");
    expect(true, "abababababababab");
    expect(true, "x7Qp2mZ9x7Qp2mZ9");
    expect(true, "x7Qp2mZ9x7Qp2mZ9x7Q");
    expect(true, "               ");
    expect(true, "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc");
}

static void three_words_and_random_characters_pass(void **state)
{
    (void)state;
    expect(false, "sunshine princess dragon");
    expect(false, "correct horse battery staple");
    expect(false, "another password of some length");
    expect(false, "#(!_*$%)&^@+=?~");
    expect(false, "kB3nU7-xqe9tZ_4aVw");
    expect(false, "482 917 305 628 41");
    expect(false, "\u00e4rger \u00fcber \u00f6l und tee");
}

static void what_belongs_to_the_person_is_a_word_too(void **state)
{
    (void)state;
    struct err err = {0};
    static const char password[] = "Lovelace-Ada-12345";
    static const char *const words[] = {"lovelace-ada", NULL};
    expect(false, password);
    assert_true(guessable(password, strlen(password), words));
    assert_int_equal(password_check_new(password, strlen(password), &err), 0);
    assert_int_equal(password_check_new_of("lovelace-ada@example.org", password, strlen(password), &err), ERR_INVALID);
    static const char address[] = "Ada@Example.Invalid";
    assert_int_equal(password_check_new_of("ada@example.invalid", address, strlen(address), &err), ERR_INVALID);
    static const char program[] = "muster12345678!";
    assert_int_equal(password_check_new(program, strlen(program), &err), ERR_INVALID);
}

/* This machine, for this test. */
int __wrap_gethostname(char *name, size_t len);
int __wrap_gethostname(char *name, size_t len)
{
    (void)snprintf(name, len, "Lighthouse.example.org");
    return 0;
}

static void the_name_of_this_machine_is_a_word_too(void **state)
{
    (void)state;
    struct err err = {0};
    static const char password[] = "lightHOUSE-1234567", other[] = "lightBOARD-1874563";
    assert_int_equal(password_check_new(password, strlen(password), &err), ERR_INVALID);
    assert_int_equal(password_check_new(other, strlen(other), &err), 0);
}

static void a_long_one_is_only_refused_for_repetition(void **state)
{
    (void)state;
    char text[PASSWORD_MAX];
    unsigned state_of = 1;
    for (size_t i = 0; i < sizeof text; i++) {
        state_of = state_of * 1103515245U + 12345U;
        text[i] = (char)('a' + (state_of >> 16) % 26);
    }
    assert_false(guessable(text, sizeof text, no_words));
    memcpy(text + sizeof text / 2, text, sizeof text / 2);
    assert_true(guessable(text, sizeof text, no_words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_common_one_is_guessable_also_twice_or_in_other_case),
        cmocka_unit_test(two_common_ones_in_a_row_are_guessable),
        cmocka_unit_test(runs_rows_and_repetition_are_guessable),
        cmocka_unit_test(three_words_and_random_characters_pass),
        cmocka_unit_test(what_belongs_to_the_person_is_a_word_too),
        cmocka_unit_test(the_name_of_this_machine_is_a_word_too),
        cmocka_unit_test(a_long_one_is_only_refused_for_repetition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
