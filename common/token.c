#include "token.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "encode.h"
#include "wipe.h"

static const struct {
    char prefix[5];
    size_t random_chars;
} kinds[] = {
    [TOKEN_API_KEY] = {.prefix = "msk_", .random_chars = TOKEN_API_KEY_RANDOM},
    [TOKEN_OTP] = {.prefix = "mot_", .random_chars = TOKEN_OTP_RANDOM},
    [TOKEN_ACCESS] = {.prefix = "mpt_", .random_chars = TOKEN_API_KEY_RANDOM},
    [TOKEN_REFRESH] = {.prefix = "mrt_", .random_chars = TOKEN_API_KEY_RANDOM},
};

bool token_random(void *ret, size_t len)
{
    unsigned char *p = ret;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

bool token_new(enum token_kind kind, token_random_fn *random, char ret[TOKEN_SIZE])
{
    size_t len = 4;
    size_t end = 4 + kinds[kind].random_chars;
    memcpy(ret, kinds[kind].prefix, len);
    while (len < end) {
        unsigned char bytes[32];
        if (!random(bytes, sizeof bytes)) {
            wipe(ret, TOKEN_SIZE);
            return false;
        }
        for (size_t i = 0; i < sizeof bytes && len < end; i++)
            if (bytes[i] < 248) /* 4 * 62: a byte above would favour the first characters */
                ret[len++] = base62_alphabet[bytes[i] % 62];
        wipe(bytes, sizeof bytes);
    }
    base62_encode_u32(crc32_update(0, ret, len), TOKEN_CRC, ret + len);
    return true;
}

bool token_well_formed(enum token_kind kind, const char *s)
{
    size_t body = 4 + kinds[kind].random_chars;
    if (strlen(s) != body + TOKEN_CRC || memcmp(s, kinds[kind].prefix, 4) != 0)
        return false;
    for (size_t i = 4; i < body; i++)
        if (strchr(base62_alphabet, s[i]) == NULL)
            return false;
    char crc[TOKEN_CRC + 1];
    base62_encode_u32(crc32_update(0, s, body), TOKEN_CRC, crc);
    return memcmp(crc, s + body, TOKEN_CRC) == 0;
}
