/* People's passwords. */
#include "unit.h"

#include <argon2.h>
#include <string.h>

#include "auth/password.h"

/* How often Argon2 is computed, whatever the entry. */
static int computed;

int __real_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen);
int __wrap_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen);
int __wrap_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen)
{
    computed++;
    return __real_argon2id_verify(encoded, pwd, pwdlen);
}

int __real_argon2id_hash_raw(uint32_t t_cost, uint32_t m_cost, uint32_t parallelism, const void *pwd, size_t pwdlen,
                             const void *salt, size_t saltlen, void *hash, size_t hashlen);
int __wrap_argon2id_hash_raw(uint32_t t_cost, uint32_t m_cost, uint32_t parallelism, const void *pwd, size_t pwdlen,
                             const void *salt, size_t saltlen, void *hash, size_t hashlen);
int __wrap_argon2id_hash_raw(uint32_t t_cost, uint32_t m_cost, uint32_t parallelism, const void *pwd, size_t pwdlen,
                             const void *salt, size_t saltlen, void *hash, size_t hashlen)
{
    computed++;
    assert_int_equal(t_cost, 2);
    assert_int_equal(m_cost, 19456);
    assert_int_equal(parallelism, 1);
    return __real_argon2id_hash_raw(t_cost, m_cost, parallelism, pwd, pwdlen, salt, saltlen, hash, hashlen);
}

static const char good[] = "correct horse battery staple";

static void the_right_password_verifies_and_another_does_not(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    struct err err = {0};
    assert_int_equal(password_hash(good, strlen(good), hash, &err), 0);
    assert_true(password_verify(good, strlen(good), hash));
    assert_false(password_verify(good, strlen(good) - 1, hash));
    assert_false(password_verify("", 0, hash));
}

static void two_hashes_of_one_password_differ(void **state)
{
    (void)state;
    char a[PASSWORD_HASH_SIZE], b[PASSWORD_HASH_SIZE];
    struct err err = {0};
    assert_int_equal(password_hash(good, strlen(good), a, &err), 0);
    assert_int_equal(password_hash(good, strlen(good), b, &err), 0);
    assert_string_not_equal(a, b);
}

static void no_user_verifies_nothing(void **state)
{
    (void)state;
    assert_false(password_verify(good, strlen(good), NULL));
    assert_false(password_verify("", 0, NULL));
}

static void each_check_computes_argon2_once_also_for_nobody(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    struct err err = {0};
    assert_int_equal(password_hash(good, strlen(good), hash, &err), 0);
    const char *const hashes[] = {hash, NULL};
    const char *const passwords[] = {good, "wrong", ""};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 3; j++) {
            computed = 0;
            (void)password_verify(passwords[j], strlen(passwords[j]), hashes[i]);
            assert_int_equal(computed, 1);
        }
    }
}

static void our_own_hash_is_within_our_own_limits(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    struct err err = {0};
    assert_int_equal(password_hash(good, strlen(good), hash, &err), 0);
    assert_non_null(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_true(password_hash_valid(hash));
    assert_true(password_hash_current(hash));
    assert_false(password_hash_current("$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"));
    assert_false(password_hash_current("$argon2id$v=19$m=19456,t=2,p=14$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"));
}

static void a_hash_that_would_cost_too_much_or_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "plain",
        "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
        "$argon2id$v=16$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
        "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
        "$argon2id$v=19$m=19456,t=9999,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
        "$argon2id$v=19$m=19456,t=2,p=1$$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (password_hash_valid(bad[i]))
            fail_msg("taken: %s", bad[i]);
    assert_true(password_hash_valid("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"));
}

static void length_is_counted_in_characters(void **state)
{
    (void)state;
    struct err err = {0};
    static const char umlauts[] =
        "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc";
    assert_int_equal(strlen(umlauts), 28);
    assert_int_equal(password_check_new(umlauts, 28, &err), ERR_INVALID);
    assert_int_equal(password_check_new("ten green eggs!", 15, &err), 0);
    assert_int_equal(password_check_new("ten green eggs", 14, &err), ERR_INVALID);
}

static void a_nul_or_too_many_bytes_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    static char long_one[PASSWORD_MAX + 1];
    for (size_t i = 0; i < sizeof long_one; i++)
        long_one[i] = (char)('a' + (i * i % 1009) % 26);
    assert_int_equal(password_check_new(long_one, sizeof long_one, &err), ERR_INVALID);
    assert_int_equal(password_check_new(long_one, PASSWORD_MAX, &err), 0);
    assert_int_equal(password_check_new("sixteen\0 letters", 16, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_password_verifies_and_another_does_not),
        cmocka_unit_test(two_hashes_of_one_password_differ),
        cmocka_unit_test(no_user_verifies_nothing),
        cmocka_unit_test(each_check_computes_argon2_once_also_for_nobody),
        cmocka_unit_test(our_own_hash_is_within_our_own_limits),
        cmocka_unit_test(a_hash_that_would_cost_too_much_or_is_none_is_refused),
        cmocka_unit_test(length_is_counted_in_characters),
        cmocka_unit_test(a_nul_or_too_many_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
