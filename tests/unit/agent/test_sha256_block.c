/* The block function behind mbedTLS's SHA-256 on amd64: both ways against each other and against FIPS 180-4. */
#include "agent-static/deps/sha256_block.c"

#include "../unit.h"

#include <string.h>

#if defined(MBEDTLS_SHA256_PROCESS_ALT)

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* "abc", padded to a block, and its digest: FIPS 180-2 appendix B.1. */
static void abc_block(unsigned char ret[64])
{
    memset(ret, 0, 64);
    memcpy(ret, "abc\x80", 4);
    ret[63] = 24;
}

static const uint32_t abc_digest[8] = {0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
                                       0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad};

static void the_plain_way_gives_the_published_digest(void **state)
{
    (void)state;
    unsigned char block[64];
    uint32_t s[8];
    abc_block(block);
    memcpy(s, initial, sizeof s);
    block_plain(s, block);
    assert_memory_equal(s, abc_digest, sizeof s);
}

static void the_instructions_give_the_same_as_the_plain_way(void **state)
{
    (void)state;
    if (!has_sha_instructions())
        skip();
    unsigned char block[64];
    uint32_t fast[8];
    uint32_t plain[8];
    memcpy(fast, initial, sizeof fast);
    memcpy(plain, initial, sizeof plain);
    for (unsigned round = 0; round < 1000; round++) {
        for (unsigned i = 0; i < sizeof block; i++)
            block[i] = (unsigned char)(round * 31 + i * 7 + (fast[i % 8] >> (i % 24)));
        block_sha(fast, block);
        block_plain(plain, block);
        assert_memory_equal(fast, plain, sizeof fast);
    }
}

static void mbedtls_uses_it(void **state)
{
    (void)state;
    unsigned char digest[32];
    static const unsigned char want[4] = {0xba, 0x78, 0x16, 0xbf};
    assert_int_equal(mbedtls_sha256((const unsigned char *)"abc", 3, digest, 0), 0);
    assert_memory_equal(digest, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_way_gives_the_published_digest),
        cmocka_unit_test(the_instructions_give_the_same_as_the_plain_way),
        cmocka_unit_test(mbedtls_uses_it),
    };
    return cmocka_run_group_tests_name("sha256_block", tests, NULL, NULL);
}

#else

int main(void)
{
    return cmocka_run_group_tests_name("sha256_block", (const struct CMUnitTest[]){{0}}, NULL, NULL);
}

#endif
