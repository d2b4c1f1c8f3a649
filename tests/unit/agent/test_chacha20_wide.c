/* The ChaCha20 that is put in place of mbedTLS's: against RFC 8439, and every way of cutting the text against the
 * others. */
#include "agent-static/deps/chacha20_wide.c"

#include "../unit.h"

#include <mbedtls/chachapoly.h>

/* RFC 8439 §2.4.2 */
static const unsigned char key[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                      16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
static const unsigned char nonce[12] = {0, 0, 0, 0, 0, 0, 0, 0x4a};
static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                                "future, sunscreen would be it.";
static const unsigned char sunscreen_crypted[] = {
    0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80, 0x41, 0xba, 0x07, 0x28, 0xdd, 0x0d, 0x69, 0x81, 0xe9, 0x7e, 0x7a,
    0xec, 0x1d, 0x43, 0x60, 0xc2, 0x0a, 0x27, 0xaf, 0xcc, 0xfd, 0x9f, 0xae, 0x0b, 0xf9, 0x1b, 0x65, 0xc5, 0x52, 0x47,
    0x33, 0xab, 0x8f, 0x59, 0x3d, 0xab, 0xcd, 0x62, 0xb3, 0x57, 0x16, 0x39, 0xd6, 0x24, 0xe6, 0x51, 0x52, 0xab, 0x8f,
    0x53, 0x0c, 0x35, 0x9f, 0x08, 0x61, 0xd8, 0x07, 0xca, 0x0d, 0xbf, 0x50, 0x0d, 0x6a, 0x61, 0x56, 0xa3, 0x8e, 0x08,
    0x8a, 0x22, 0xb6, 0x5e, 0x52, 0xbc, 0x51, 0x4d, 0x16, 0xcc, 0xf8, 0x06, 0x81, 0x8c, 0xe9, 0x1a, 0xb7, 0x79, 0x37,
    0x36, 0x5a, 0xf9, 0x0b, 0xbf, 0x74, 0xa3, 0x5b, 0xe6, 0xb4, 0x0b, 0x8e, 0xed, 0xf2, 0x78, 0x5e, 0x42, 0x87, 0x4d};

/* One block as the RFC writes it down, §2.3. */
static void plain_block(const uint32_t state[16], unsigned char ret[64])
{
    static const unsigned char order[8][4] = {{0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14}, {3, 7, 11, 15},
                                              {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},  {3, 4, 9, 14}};
    static const unsigned turns[4] = {16, 12, 8, 7};
    uint32_t x[16];
    memcpy(x, state, sizeof x);
    for (int round = 0; round < 10; round++) {
        for (int q = 0; q < 8; q++) {
            for (int step = 0; step < 4; step++) {
                uint32_t *sum = &x[order[q][step % 2 * 2]];
                const uint32_t *add = &x[order[q][step % 2 * 2 + 1]];
                uint32_t *turn = &x[order[q][step % 2 == 0 ? 3 : 1]];
                *sum += *add;
                *turn ^= *sum;
                *turn = *turn << turns[step] | *turn >> (32 - turns[step]);
            }
        }
    }
    for (int i = 0; i < 16; i++)
        x[i] += state[i];
    memcpy(ret, x, 64);
}

static void fill(unsigned char *data, size_t len)
{
    uint32_t x = 7;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        data[i] = (unsigned char)(x >> 24);
    }
}

static void the_published_text_comes_out(void **state)
{
    (void)state;
    unsigned char out[sizeof sunscreen - 1];
    assert_int_equal(mbedtls_chacha20_crypt(key, nonce, 1, sizeof out, (const unsigned char *)sunscreen, out), 0);
    assert_int_equal(sizeof out, sizeof sunscreen_crypted);
    assert_memory_equal(out, sunscreen_crypted, sizeof out);
}

static void every_way_of_this_processor_makes_the_blocks_of_the_rfc(void **state)
{
    (void)state;
    uint32_t start[16];
    unsigned char in[WIDE], want[WIDE], out[WIDE];
    fill((unsigned char *)start, sizeof start);
    start[COUNTER] = 0xfffffffd; /* goes over in the middle */
    fill(in, sizeof in);
    for (uint32_t n = 0; n < LANES; n++) {
        uint32_t block[16];
        memcpy(block, start, sizeof block);
        block[COUNTER] += n;
        plain_block(block, want + n * BLOCK);
    }
    for (size_t i = 0; i < sizeof in; i++)
        want[i] ^= in[i];
    crypt_plain(start, in, out);
    assert_memory_equal(out, want, sizeof out);
    crypt_some(start, in, in); /* in place */
    assert_memory_equal(in, want, sizeof in);
#if defined(__x86_64__)
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
    assert_int_equal(best(), avx512 ? AVX512 : __builtin_cpu_supports("avx2") ? AVX2 : PLAIN);
    fill(in, sizeof in);
    if (best() >= AVX2) {
        crypt_avx2(start, in, out);
        assert_memory_equal(out, want, sizeof out);
    }
    if (best() >= AVX512) {
        memset(out, 0, sizeof out);
        crypt_avx512(start, in, out);
        assert_memory_equal(out, want, sizeof out);
    }
#endif
}

static void it_does_not_matter_how_the_text_is_cut(void **state)
{
    (void)state;
    static const size_t cuts[] = {1, 7, 63, 64, 65, 511, 512, 513, 1000, 4096};
    enum { SIZE = 5000 };
    unsigned char in[SIZE], whole[SIZE], pieces[SIZE];
    fill(in, sizeof in);
    assert_int_equal(mbedtls_chacha20_crypt(key, nonce, 5, SIZE, in, whole), 0);
    for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; c++) {
        mbedtls_chacha20_context ctx;
        mbedtls_chacha20_init(&ctx);
        assert_int_equal(mbedtls_chacha20_setkey(&ctx, key), 0);
        assert_int_equal(mbedtls_chacha20_starts(&ctx, nonce, 5), 0);
        for (size_t at = 0; at < SIZE; at += cuts[c]) {
            size_t n = SIZE - at < cuts[c] ? SIZE - at : cuts[c];
            assert_int_equal(mbedtls_chacha20_update(&ctx, n, in + at, pieces + at), 0);
        }
        mbedtls_chacha20_free(&ctx);
        assert_memory_equal(pieces, whole, SIZE);
    }
}

/* RFC 8439 §2.8.2, through the library that uses it. */
static void mbedtls_seals_as_published(void **state)
{
    (void)state;
    static const unsigned char seal_nonce[12] = {7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
    static const unsigned char aad[12] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
    static const unsigned char want_tag[16] = {0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2, 0x6a,
                                               0x7e, 0x90, 0x2e, 0xcb, 0xd0, 0x60, 0x06, 0x91};
    unsigned char seal_key[32], out[sizeof sunscreen - 1], tag[16];
    for (unsigned i = 0; i < sizeof seal_key; i++)
        seal_key[i] = (unsigned char)(0x80 + i);
    mbedtls_chachapoly_context ctx;
    mbedtls_chachapoly_init(&ctx);
    assert_int_equal(mbedtls_chachapoly_setkey(&ctx, seal_key), 0);
    assert_int_equal(mbedtls_chachapoly_encrypt_and_tag(&ctx, sizeof out, seal_nonce, aad, sizeof aad,
                                                        (const unsigned char *)sunscreen, out, tag),
                     0);
    mbedtls_chachapoly_free(&ctx);
    assert_memory_equal(tag, want_tag, sizeof tag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_text_comes_out),
        cmocka_unit_test(every_way_of_this_processor_makes_the_blocks_of_the_rfc),
        cmocka_unit_test(it_does_not_matter_how_the_text_is_cut),
        cmocka_unit_test(mbedtls_seals_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
