#include "backup/md5.h"

#include <string.h>

enum { LENGTH_AT = MD5_BLOCK - 8 };

static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const unsigned char turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static inline uint32_t little32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_little(uint64_t value, size_t len, unsigned char *ret)
{
    for (size_t i = 0; i < len; i++)
        ret[i] = (unsigned char)(value >> (8 * i));
}

/* Step i of 64. Each waits for the b of the one before: so what does not need it is summed up first, and G's halves,
 * which have no bit in common, are added one by one. */
static inline void step(uint32_t s[4], const unsigned char *block, unsigned i)
{
    uint32_t *a = &s[(64 - i) % 4];
    uint32_t b = s[(65 - i) % 4], c = s[(66 - i) % 4], d = s[(67 - i) % 4];
    unsigned round = i / 16;
    unsigned word = round == 0 ? i : round == 1 ? 5 * i + 1 : round == 2 ? 3 * i + 5 : 7 * i;
    uint32_t sum = *a + sines[i] + little32(block + 4 * (size_t)(word % 16));
    switch (round) {
    case 0: sum += d ^ (b & (c ^ d)); break;
    case 1:
        sum += c & ~d;
        sum += b & d;
        break;
    case 2: sum += (c ^ d) ^ b; break;
    default: sum += c ^ (b | ~d); break;
    }
    unsigned n = turns[round][i % 4];
    *a = b + (sum << n | sum >> (32 - n));
}

static void add_block(uint32_t state[4], const unsigned char *block)
{
    uint32_t s[4] = {state[0], state[1], state[2], state[3]};
#pragma GCC unroll 64
    for (unsigned i = 0; i < 64; i++)
        step(s, block, i);
    for (size_t i = 0; i < 4; i++)
        state[i] += s[i];
}

void md5_init(struct md5 *m)
{
    *m = (struct md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void md5_update(struct md5 *m, const void *data, size_t len)
{
    const unsigned char *from = data;
    while (len > 0) {
        size_t have = m->len % MD5_BLOCK;
        size_t n = len < MD5_BLOCK - have ? len : MD5_BLOCK - have;
        if (n == MD5_BLOCK) {
            add_block(m->state, from);
        } else {
            memcpy(m->pending + have, from, n);
            if (have + n == MD5_BLOCK)
                add_block(m->state, m->pending);
        }
        m->len += n;
        from += n;
        len -= n;
    }
}

void md5_finish(struct md5 *m, unsigned char ret[MD5_SIZE])
{
    unsigned char padding[MD5_BLOCK] = {0x80}, length[8];
    size_t have = m->len % MD5_BLOCK;
    put_little(m->len * 8, sizeof length, length);
    md5_update(m, padding, have < LENGTH_AT ? LENGTH_AT - have : LENGTH_AT + MD5_BLOCK - have);
    md5_update(m, length, sizeof length);
    for (size_t i = 0; i < 4; i++)
        put_little(m->state[i], 4, ret + 4 * i);
}
