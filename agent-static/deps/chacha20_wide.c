/*
 * ChaCha20 (RFC 8439 §2.4) for mbedTLS, in place of its own chacha20.c and with the same context. That one makes a
 * block at a time; here eight are made side by side, a vector holding the same word of each. Encrypting what is
 * uploaded was a sixth of a backup's time (mbedTLS's AES-GCM is slower still). The vectors are the compiler's: it makes
 * them out of what the processor has, SSE2 or NEON, and again out of AVX2 and of AVX-512 (the same vectors, with twice
 * the registers and with rotations), the best of which is taken that is there. No look-up and no branch depends on key
 * or text.
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

/* Unrolled, words stay in registers: twice as fast, and four times as long, for which there is no room on arm64. */
#if defined(__x86_64__)
#define UNROLLED _Pragma("GCC unroll 16")
#else
#define UNROLLED
#endif

static inline __attribute__((always_inline)) void quarter(lanes *a, lanes *b, lanes *c, lanes *d)
{
    *a += *b, *d ^= *a, *d = *d << 16 | *d >> 16;
    *c += *d, *b ^= *c, *b = *b << 12 | *b >> 20;
    *a += *b, *d ^= *a, *d = *d << 8 | *d >> 24;
    *c += *d, *b ^= *c, *b = *b << 7 | *b >> 25;
}

/* The keystream of LANES blocks from the state's counter on: word i of block n at [i][n]. */
static inline __attribute__((always_inline)) void keystream(const uint32_t state[WORDS], lanes x[WORDS])
{
    const lanes nth = {0, 1, 2, 3, 4, 5, 6, 7};
    lanes start[WORDS];

    UNROLLED
    for (int i = 0; i < WORDS; i++)
        x[i] = start[i] = state[i] + (i == COUNTER ? nth : (lanes){0});
    for (int round = 0; round < 10; round++) {
        UNROLLED
        for (int i = 0; i < 4; i++) /* columns */
            quarter(&x[i], &x[4 + i], &x[8 + i], &x[12 + i]);
        UNROLLED
        for (int i = 0; i < 4; i++) /* diagonals */
            quarter(&x[i], &x[4 + (i + 1) % 4], &x[8 + (i + 2) % 4], &x[12 + (i + 3) % 4]);
    }
    UNROLLED
    for (int i = 0; i < WORDS; i++)
        x[i] += start[i];
}

/* crypt_wide: WIDE bytes from in to out, which may be the same; wipe is to follow. */
#if defined(__x86_64__)
#define SWAP(a, b, low, high)                                                                                          \
    do {                                                                                                               \
        const lanes was = a;                                                                                           \
        a = __builtin_shuffle(was, b, (lanes)low);                                                                     \
        b = __builtin_shuffle(was, b, (lanes)high);                                                                    \
    } while (0)

/* [i][n] and [n][i] change places. */
static inline __attribute__((always_inline)) void transpose(lanes x[LANES])
{
    UNROLLED
    for (int i = 0; i < LANES; i += 2)
        SWAP(x[i], x[i + 1], ((lanes){0, 8, 2, 10, 4, 12, 6, 14}), ((lanes){1, 9, 3, 11, 5, 13, 7, 15}));
    UNROLLED
    for (int i = 0; i < LANES / 2; i++) {
        int k = i + (i & 2); /* 0, 1, 4, 5 */
        SWAP(x[k], x[k + 2], ((lanes){0, 1, 8, 9, 4, 5, 12, 13}), ((lanes){2, 3, 10, 11, 6, 7, 14, 15}));
    }
    UNROLLED
    for (int i = 0; i < LANES / 2; i++)
        SWAP(x[i], x[i + 4], ((lanes){0, 1, 2, 3, 8, 9, 10, 11}), ((lanes){4, 5, 6, 7, 12, 13, 14, 15}));
}

static inline __attribute__((always_inline)) void crypt_wide(const uint32_t state[WORDS], const unsigned char *in,
                                                             unsigned char *out)
{
    lanes x[WORDS], text;

    keystream(state, x);
    transpose(x);         /* the first eight words of each block */
    transpose(x + LANES); /* and the others */
    UNROLLED
    for (int i = 0; i < WORDS; i++) {
        size_t at = (size_t)(i % LANES) * BLOCK + (size_t)(i / LANES) * sizeof text;

        memcpy(&text, in + at, sizeof text);
        text ^= x[i];
        memcpy(out + at, &text, sizeof text);
    }
}
#else
static inline __attribute__((always_inline)) void crypt_wide(const uint32_t state[WORDS], const unsigned char *in,
                                                             unsigned char *out)
{
    lanes x[WORDS];
    uint32_t stream[WORDS][LANES];

    keystream(state, x);
    memcpy(stream, x, sizeof stream);
    for (int n = 0; n < LANES; n++) {
        for (int i = 0; i < WORDS; i++, in += 4, out += 4) {
            uint32_t text;

            memcpy(&text, in, 4);
            text ^= stream[i][n];
            memcpy(out, &text, 4);
        }
    }
}
#endif

#if defined(__x86_64__)
enum { PLAIN, AVX2, AVX512 };

/* The best that the processor has and whose registers the system keeps. The compiler's own way to ask costs 5 KiB. */
static int best(void)
{
    enum { YMM = 0x06, ZMM = 0xe6 }; /* in XCR0, each with what it builds on */
    const unsigned wide = bit_AVX512F | bit_AVX512VL;
    unsigned a, b, c, d, kept, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return PLAIN;
    __asm__("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
    if ((kept & YMM) != YMM || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2))
        return PLAIN;
    return (kept & ZMM) == ZMM && (b & wide) == wide ? AVX512 : AVX2;
}

__attribute__((target("avx2"))) static void crypt_avx2(const uint32_t *state, const unsigned char *in,
                                                       unsigned char *out)
{
    crypt_wide(state, in, out);
}

__attribute__((target("avx512f,avx512vl"))) static void crypt_avx512(const uint32_t *state, const unsigned char *in,
                                                                     unsigned char *out)
{
    crypt_wide(state, in, out);
}
#endif

static void crypt_plain(const uint32_t *state, const unsigned char *in, unsigned char *out)
{
    crypt_wide(state, in, out);
}

#if defined(__x86_64__)
static int level(void)
{
    static int known = -1; /* threads may both find out; they find the same */

    if (__atomic_load_n(&known, __ATOMIC_RELAXED) < 0)
        __atomic_store_n(&known, best(), __ATOMIC_RELAXED);
    return __atomic_load_n(&known, __ATOMIC_RELAXED);
}

/* The registers that no instruction of before AVX-512 can name, which therefore stay as they are. */
static void clear_registers(void)
{
#define CLEAR(n) "vpxorq %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n\t"
    __asm__ volatile(CLEAR(16) CLEAR(17) CLEAR(18) CLEAR(19) CLEAR(20) CLEAR(21) CLEAR(22) CLEAR(23) CLEAR(24) CLEAR(25)
                         CLEAR(26) CLEAR(27) CLEAR(28) CLEAR(29) CLEAR(30) CLEAR(31)::);
}
#endif

static void crypt_some(const uint32_t *state, const unsigned char *in, unsigned char *out)
{
#if defined(__x86_64__)
    switch (level()) {
    case AVX512: crypt_avx512(state, in, out); return;
    case AVX2: crypt_avx2(state, in, out); return;
    default: break;
    }
#endif
    crypt_plain(state, in, out);
}

/* Overwrites what there was no register for, as libgcrypt does it: to name the words would keep them in memory. It must
 * reach further down than crypt_text does, and begin at the same place: so neither is put into its caller. */
static __attribute__((noinline)) void wipe(void)
{
    unsigned char below[4096];

#if defined(__x86_64__)
    if (level() == AVX512)
        clear_registers();
#endif
    mbedtls_platform_zeroize(below, sizeof below);
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

static __attribute__((noinline)) void crypt_text(mbedtls_chacha20_context *ctx, size_t size, const unsigned char *input,
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
}

int mbedtls_chacha20_update(mbedtls_chacha20_context *ctx, size_t size, const unsigned char *input,
                            unsigned char *output)
{
    crypt_text(ctx, size, input, output);
    wipe();
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
