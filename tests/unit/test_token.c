#include "unit.h"

#include <string.h>

#include "common/encode.h"
#include "common/token.h"

static bool no_random(void *ret, size_t len)
{
    (void)ret;
    (void)len;
    return false;
}

/* Counts through all byte values, so that bytes which have to be thrown away come too. */
static bool counting(void *ret, size_t len)
{
    static unsigned char next = 240;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)ret)[i] = next++;
    return true;
}

static bool fails_at_second(void *ret, size_t len)
{
    static int calls;
    memset(ret, 255, len); /* of no use: more is asked for */
    return calls++ == 0;
}

static void new_tokens_are_well_formed(void **state)
{
    (void)state;
    char key[TOKEN_SIZE];
    char otp[TOKEN_SIZE];
    for (int i = 0; i < 200; i++) {
        assert_true(token_new(TOKEN_API_KEY, token_random, key));
        assert_true(token_new(TOKEN_OTP, token_random, otp));
        assert_true(token_well_formed(TOKEN_API_KEY, key));
        assert_true(token_well_formed(TOKEN_OTP, otp));
        assert_false(token_well_formed(TOKEN_OTP, key));
        assert_false(token_well_formed(TOKEN_API_KEY, otp));
    }
    char access[TOKEN_SIZE], refresh[TOKEN_SIZE];
    assert_true(token_new(TOKEN_ACCESS, token_random, access));
    assert_true(token_new(TOKEN_REFRESH, token_random, refresh));
    assert_true(token_well_formed(TOKEN_ACCESS, access));
    assert_true(token_well_formed(TOKEN_REFRESH, refresh));
    assert_false(token_well_formed(TOKEN_ACCESS, refresh));
    assert_false(token_well_formed(TOKEN_REFRESH, access));
    assert_false(token_well_formed(TOKEN_ACCESS, key));
    assert_memory_equal(access, "mpt_", 4);
    assert_memory_equal(refresh, "mrt_", 4);
    assert_int_equal(strlen(key), 40);
    assert_int_equal(strlen(otp), 32);
    assert_memory_equal(key, "msk_", 4);
    assert_memory_equal(otp, "mot_", 4);
}

static void two_tokens_differ(void **state)
{
    (void)state;
    char a[TOKEN_SIZE];
    char b[TOKEN_SIZE];
    assert_true(token_new(TOKEN_API_KEY, token_random, a));
    assert_true(token_new(TOKEN_API_KEY, token_random, b));
    assert_string_not_equal(a, b);
}

static void bytes_that_would_favour_some_characters_are_thrown_away(void **state)
{
    (void)state;
    char otp[TOKEN_SIZE];
    assert_true(token_new(TOKEN_OTP, counting, otp));
    /* 240..247 give s..z; 248..255 are skipped; then 0, 1, 2 … */
    assert_memory_equal(otp, "mot_stuvwxyz0123456789ABCD", 26);
}

static void without_randomness_there_is_no_token(void **state)
{
    (void)state;
    char key[TOKEN_SIZE] = "old";
    static const char empty[TOKEN_SIZE];
    assert_false(token_new(TOKEN_API_KEY, no_random, key));
    assert_memory_equal(key, empty, TOKEN_SIZE);
    assert_false(token_new(TOKEN_API_KEY, fails_at_second, key));
    assert_memory_equal(key, empty, TOKEN_SIZE);
}

static void any_slip_of_the_pen_is_noticed(void **state)
{
    (void)state;
    char key[TOKEN_SIZE];
    assert_true(token_new(TOKEN_API_KEY, token_random, key));
    for (size_t i = 0; key[i] != '\0'; i++) {
        for (size_t c = 0; c < 62; c++) {
            char kept = key[i];
            if (kept == base62_alphabet[c])
                continue;
            key[i] = base62_alphabet[c];
            assert_false(token_well_formed(TOKEN_API_KEY, key));
            key[i] = kept;
        }
    }
    for (size_t i = 4; key[i + 1] != '\0'; i++) { /* neighbours swapped */
        if (key[i] == key[i + 1])
            continue;
        char kept = key[i];
        key[i] = key[i + 1];
        key[i + 1] = kept;
        assert_false(token_well_formed(TOKEN_API_KEY, key));
        key[i + 1] = key[i];
        key[i] = kept;
    }
}

static void other_lengths_and_alphabets_are_refused(void **state)
{
    (void)state;
    char key[TOKEN_SIZE + 8];
    assert_true(token_new(TOKEN_API_KEY, token_random, key));
    assert_false(token_well_formed(TOKEN_API_KEY, ""));
    assert_false(token_well_formed(TOKEN_API_KEY, "msk_"));
    assert_false(token_well_formed(TOKEN_API_KEY, key + 1));
    /* A right checksum over a character that is none of ours. */
    key[10] = '-';
    base62_encode_u32(crc32_update(0, key, 34), TOKEN_CRC, key + 34);
    assert_false(token_well_formed(TOKEN_API_KEY, key));
    key[10] = '\xff';
    base62_encode_u32(crc32_update(0, key, 34), TOKEN_CRC, key + 34);
    assert_false(token_well_formed(TOKEN_API_KEY, key));
    key[10] = 'a';
    base62_encode_u32(crc32_update(0, key, 34), TOKEN_CRC, key + 34);
    assert_true(token_well_formed(TOKEN_API_KEY, key));
    strcat(key, "0");
    assert_false(token_well_formed(TOKEN_API_KEY, key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_tokens_are_well_formed),
        cmocka_unit_test(two_tokens_differ),
        cmocka_unit_test(bytes_that_would_favour_some_characters_are_thrown_away),
        cmocka_unit_test(without_randomness_there_is_no_token),
        cmocka_unit_test(any_slip_of_the_pen_is_noticed),
        cmocka_unit_test(other_lengths_and_alphabets_are_refused),
    };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
