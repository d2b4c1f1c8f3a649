/*
 * ChaCha20 (RFC 8439 §2.4) for mbedTLS, in place of its own chacha20.c and with the same context. That one makes a
 * block at a time; here eight are made side by side, a vector holding the same word of each. Encrypting what is
 * uploaded was a sixth of a backup's time (mbedTLS's AES-GCM is slower still). The vectors are the compiler's: it makes
 * them out of what the processor has, SSE2 or NEON, and a second time out of AVX2, which is taken when it is there. No
 * look-up and no branch depends on key or text.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <mbedtls/chacha20.h>
#include <mbedtls/platform_util.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdbool.h>
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are taken from memory as they are"
#endif

enum { LANES = 8, BLOCK = 64, WORDS = 16, COUNTER = 12, NONCE = 13, WIDE = LANES * BLOCK };

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

static inline __attribute__((always_inline)) void quarter(lanes *a, lanes *b, lanes *c, lanes *d)
{
    *a += *b, *d ^= *a, *d = *d << 16 | *d >> 16;
    *c += *d, *b ^= *c, *b = *b << 12 | *b >> 20;
    *a += *b, *d ^= *a, *d = *d << 8 | *d >> 24;
    *c += *d, *b ^= *c, *b = *b << 7 | *b >> 25;
}

/* The keystream of LANES blocks from the state's counter on: word i of block n at [i][n]. */
static inline __attribute__((always_inline)) void keystream(const uint32_t state[WORDS], uint32_t ret[WORDS][LANES])
{
    const lanes nth = {0, 1, 2, 3, 4, 5, 6, 7};
    lanes start[WORDS], x[WORDS];

    for (int i = 0; i < WORDS; i++)
        x[i] = start[i] = state[i] + (i == COUNTER ? nth : (lanes){0});
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++) /* columns */
            quarter(&x[i], &x[4 + i], &x[8 + i], &x[12 + i]);
        for (int i = 0; i < 4; i++) /* diagonals */
            quarter(&x[i], &x[4 + (i + 1) % 4], &x[8 + (i + 2) % 4], &x[12 + (i + 3) % 4]);
    }
    for (int i = 0; i < WORDS; i++) {
        x[i] += start[i];
        memcpy(ret[i], &x[i], sizeof x[i]);
    }
}

/* WIDE bytes from in to out, which may be the same. */
static inline __attribute__((always_inline)) void crypt_wide(const uint32_t state[WORDS], const unsigned char *in,
                                                             unsigned char *out)
{
    uint32_t stream[WORDS][LANES];

    keystream(state, stream);
    for (int n = 0; n < LANES; n++) {
        for (int i = 0; i < WORDS; i++, in += 4, out += 4) {
            uint32_t text;

            memcpy(&text, in, 4);
            text ^= stream[i][n];
            memcpy(out, &text, 4);
        }
    }
    mbedtls_platform_zeroize(stream, sizeof stream);
}

#if defined(__x86_64__)
/* The processor has AVX2 and the system keeps its registers. The compiler's own way to ask costs 5 KiB. */
static bool has_avx2(void)
{
    enum { XMM_AND_YMM = 6 };
    unsigned a, b, c, d, kept, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return false;
    __asm__("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
    return (kept & XMM_AND_YMM) == XMM_AND_YMM && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

__attribute__((target("avx2"))) static void crypt_avx2(const uint32_t *state, const unsigned char *in,
                                                       unsigned char *out)
{
    crypt_wide(state, in, out);
}
#endif

static void crypt_plain(const uint32_t *state, const unsigned char *in, unsigned char *out)
{
    crypt_wide(state, in, out);
}

static void crypt_some(const uint32_t *state, const unsigned char *in, unsigned char *out)
{
#if defined(__x86_64__)
    static int fast = -1; /* threads may both find out; they find the same */

    if (__atomic_load_n(&fast, __ATOMIC_RELAXED) < 0)
        __atomic_store_n(&fast, has_avx2(), __ATOMIC_RELAXED);
    if (__atomic_load_n(&fast, __ATOMIC_RELAXED)) {
        crypt_avx2(state, in, out);
        return;
    }
#endif
    crypt_plain(state, in, out);
}

void mbedtls_chacha20_init(mbedtls_chacha20_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
    ctx->keystream_bytes_used = BLOCK;
}

void mbedtls_chacha20_free(mbedtls_chacha20_context *ctx)
{
    if (ctx != NULL)
        mbedtls_platform_zeroize(ctx, sizeof *ctx);
}

int mbedtls_chacha20_setkey(mbedtls_chacha20_context *ctx, const unsigned char key[32])
{
    memcpy(ctx->state, "expand 32-byte k", 16);
    memcpy(ctx->state + 4, key, 32);
    return 0;
}

int mbedtls_chacha20_starts(mbedtls_chacha20_context *ctx, const unsigned char nonce[12], uint32_t counter)
{
    ctx->state[COUNTER] = counter;
    memcpy(ctx->state + NONCE, nonce, 12);
    mbedtls_platform_zeroize(ctx->keystream8, sizeof ctx->keystream8);
    ctx->keystream_bytes_used = BLOCK; /* none is left */
    return 0;
}

/* A block of keystream into the context, for what is shorter than WIDE. */
static void refill(mbedtls_chacha20_context *ctx)
{
    unsigned char blocks[WIDE] = {0};

    crypt_some(ctx->state, blocks, blocks);
    memcpy(ctx->keystream8, blocks, BLOCK);
    mbedtls_platform_zeroize(blocks, sizeof blocks);
    ctx->keystream_bytes_used = 0;
    ctx->state[COUNTER]++;
}

int mbedtls_chacha20_update(mbedtls_chacha20_context *ctx, size_t size, const unsigned char *input,
                            unsigned char *output)
{
    while (size > 0) {
        if (ctx->keystream_bytes_used < BLOCK) {
            *output++ = *input++ ^ ctx->keystream8[ctx->keystream_bytes_used++];
            size--;
        } else if (size >= WIDE) {
            crypt_some(ctx->state, input, output);
            ctx->state[COUNTER] += LANES;
            input += WIDE;
            output += WIDE;
            size -= WIDE;
        } else {
            refill(ctx);
        }
    }
    return 0;
}

int mbedtls_chacha20_crypt(const unsigned char key[32], const unsigned char nonce[12], uint32_t counter, size_t size,
                           const unsigned char *input, unsigned char *output)
{
    mbedtls_chacha20_context ctx;

    mbedtls_chacha20_init(&ctx);
    (void)mbedtls_chacha20_setkey(&ctx, key);
    (void)mbedtls_chacha20_starts(&ctx, nonce, counter);
    (void)mbedtls_chacha20_update(&ctx, size, input, output);
    mbedtls_chacha20_free(&ctx);
    return 0;
}
