#include "../unit.h"

#include <string.h>

#include "backup/md5.h"
#include "common/encode.h"

static void expect_sum(struct md5 *m, const char *hex)
{
    unsigned char sum[MD5_SIZE];
    char have[2 * MD5_SIZE + 1];
    md5_finish(m, sum);
    hex_encode(sum, sizeof sum, have);
    assert_string_equal(have, hex);
}

/* RFC 1321, A.5 */
static void the_sums_of_the_rfc(void **state)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct md5 m;
        md5_init(&m);
        md5_update(&m, cases[i].text, strlen(cases[i].text));
        expect_sum(&m, cases[i].hex);
    }
}

static void pieces_of_any_length_are_one_text(void **state)
{
    static char text[1000000];
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t piece = 1; piece < 200; piece += 9) {
        struct md5 m;
        md5_init(&m);
        for (size_t at = 0; at < sizeof text; at += piece)
            md5_update(&m, text + at, sizeof text - at < piece ? sizeof text - at : piece);
        expect_sum(&m, "7707d6ae4e027c70eea2a935c2296f21");
    }
}

/* A sum of the sums of all lengths up to three blocks: as Python's hashlib has it. */
static void every_length_is_padded(void **state)
{
    (void)state;
    unsigned char text[3 * MD5_BLOCK], sum[MD5_SIZE];
    struct md5 all;
    md5_init(&all);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)(i * 7);
    for (size_t len = 0; len <= sizeof text; len++) {
        struct md5 m;
        md5_init(&m);
        md5_update(&m, text, len);
        md5_finish(&m, sum);
        md5_update(&all, sum, sizeof sum);
    }
    expect_sum(&all, "3422a88327c383ef385aa6c83725dd3e");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sums_of_the_rfc),
        cmocka_unit_test(pieces_of_any_length_are_one_text),
        cmocka_unit_test(every_length_is_padded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
