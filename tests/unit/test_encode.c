#include "unit.h"

#include <string.h>

#include "common/encode.h"

static void hex_goes_both_ways(void **state)
{
    (void)state;
    unsigned char all[256];
    unsigned char back[256];
    char text[HEX_SIZE(256)];
    for (size_t i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    hex_encode(all, 256, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text + 30, "0f10", 4);
    assert_true(hex_decode(text, back, 256));
    assert_memory_equal(back, all, 256);
}

static void hex_of_another_length_case_or_alphabet_is_refused(void **state)
{
    (void)state;
    unsigned char out[4] = {9, 9, 9, 9};
    assert_false(hex_decode("abc", out, 2));
    assert_false(hex_decode("abcd", out, 1));
    assert_false(hex_decode("abcd", out, 3));
    assert_false(hex_decode("ABCD", out, 2));
    assert_false(hex_decode("abcg", out, 2));
    assert_false(hex_decode("ab d", out, 2));
    assert_int_equal(out[0], 9);
    assert_true(hex_decode("", out, 0));
}

static void assert_base64(const char *plain, const char *standard, const char *url)
{
    char text[64];
    char back[64];
    size_t len = strlen(plain);
    size_t got;
    base64_encode(plain, len, text);
    assert_string_equal(text, standard);
    assert_int_equal(strlen(text) + 1, BASE64_SIZE(len));
    assert_true(base64_decode(standard, back, sizeof back, &got));
    assert_int_equal(got, len);
    assert_memory_equal(back, plain, len);
    base64url_encode(plain, len, text);
    assert_string_equal(text, url);
    assert_true(base64url_decode(url, back, sizeof back, &got));
    assert_int_equal(got, len);
    assert_memory_equal(back, plain, len);
}

static void base64_gives_the_vectors_of_rfc4648(void **state)
{
    (void)state;
    assert_base64("", "", "");
    assert_base64("f", "Zg==", "Zg");
    assert_base64("fo", "Zm8=", "Zm8");
    assert_base64("foo", "Zm9v", "Zm9v");
    assert_base64("foob", "Zm9vYg==", "Zm9vYg");
    assert_base64("fooba", "Zm9vYmE=", "Zm9vYmE");
    assert_base64("foobar", "Zm9vYmFy", "Zm9vYmFy");
    assert_base64("\xfb\xef\xff", "++//", "--__");
}

static void another_spelling_of_base64_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Zg",    "Zg=",  "Zg===", "Zh==", "Zm9=",     "Z===",     "====", "=",
                                        "Zm9v=", "Zm 9", "Zm9\n", "-_-_", "Zg==Zg==", "Zm9v\x80", "A",    "Zm=v"};
    unsigned char out[64];
    size_t got;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (base64_decode(wrong[i], out, sizeof out, &got))
            fail_msg("\"%s\" was accepted", wrong[i]);
    static const char *const wrong_url[] = {"Zg==", "Zh", "Zm9", "A", "++//", "Zm9v=", "Zm9v Zg"};
    for (size_t i = 0; i < sizeof wrong_url / sizeof wrong_url[0]; i++)
        if (base64url_decode(wrong_url[i], out, sizeof out, &got))
            fail_msg("\"%s\" was accepted", wrong_url[i]);
}

static void decoding_never_writes_beyond_its_room(void **state)
{
    (void)state;
    unsigned char out[4] = {9, 9, 9, 9};
    size_t got = 77;
    assert_false(base64_decode("Zm9v", out, 2, &got));
    assert_int_equal(got, 77);
    assert_true(base64_decode("Zm9v", out, 3, &got));
    assert_int_equal(out[3], 9);
    assert_false(base64url_decode("Zm9v", out, 2, &got));
}

static void base62_counts_with_its_alphabet(void **state)
{
    (void)state;
    char text[8];
    base62_encode_u32(0, 6, text);
    assert_string_equal(text, "000000");
    base62_encode_u32(61, 2, text);
    assert_string_equal(text, "0z");
    base62_encode_u32(62, 2, text);
    assert_string_equal(text, "10");
    base62_encode_u32(UINT32_MAX, 6, text);
    assert_string_equal(text, "4gfFC3");
    base62_encode_u32(62 * 62 + 1, 2, text);
    assert_string_equal(text, "01");
    assert_int_equal(strlen(base62_alphabet), 62);
}

static void crc32_gives_the_check_value_and_goes_on(void **state)
{
    (void)state;
    assert_int_equal(crc32_update(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32_update(crc32_update(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(crc32_update(0, "", 0), 0);
    assert_int_equal(crc32_update(0, "\xff\xff\xff\xff", 4), 0xffffffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(hex_of_another_length_case_or_alphabet_is_refused),
        cmocka_unit_test(base64_gives_the_vectors_of_rfc4648),
        cmocka_unit_test(another_spelling_of_base64_is_refused),
        cmocka_unit_test(decoding_never_writes_beyond_its_room),
        cmocka_unit_test(base62_counts_with_its_alphabet),
        cmocka_unit_test(crc32_gives_the_check_value_and_goes_on),
    };
    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
