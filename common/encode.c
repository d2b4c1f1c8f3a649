#include "encode.h"

#include <string.h>

const char base62_alphabet[63] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_encode(const void *data, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        ret[i * 2] = digits[p[i] >> 4];
        ret[i * 2 + 1] = digits[p[i] & 15];
    }
    ret[len * 2] = '\0';
}

/* The digit's value, or 16 for any other character. */
static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return 16;
}

bool hex_decode(const char *s, void *ret, size_t len)
{
    if (strlen(s) != len * 2)
        return false;
    for (size_t i = 0; i < len * 2; i++)
        if (hex_digit(s[i]) > 15)
            return false;
    unsigned char *out = ret;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(hex_digit(s[i * 2]) << 4 | hex_digit(s[i * 2 + 1]));
    return true;
}

static void encode64(const char *alphabet, bool pad, const unsigned char *p, size_t len, char *ret)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)p[i] << 16;
        group |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)p[i + 2] : 0;
        size_t digits = left > 2 ? 4 : left + 1;
        for (size_t d = 0; d < digits; d++)
            ret[out++] = alphabet[group >> (18 - 6 * d) & 63];
        for (size_t d = digits; pad && d < 4; d++)
            ret[out++] = '=';
    }
    ret[out] = '\0';
}

static bool decode64(const char *alphabet, const char *s, size_t digits, unsigned char *ret, size_t ret_size,
                     size_t *ret_len)
{
    size_t len = digits / 4 * 3 + (digits % 4 == 0 ? 0 : digits % 4 - 1);
    if (digits % 4 == 1 || len > ret_size)
        return false;
    uint32_t bits = 0;
    int have = 0;
    size_t out = 0;
    for (size_t i = 0; i < digits; i++) {
        const char *hit = s[i] == '\0' ? NULL : strchr(alphabet, s[i]);
        if (hit == NULL)
            return false;
        bits = (bits << 6 | (uint32_t)(hit - alphabet)) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            ret[out++] = (unsigned char)(bits >> have & 0xff);
        }
    }
    if ((bits & ((1U << have) - 1)) != 0) /* stray bits: another spelling of the same bytes */
        return false;
    *ret_len = out;
    return true;
}

void base64url_encode(const void *data, size_t len, char *ret)
{
    encode64(base64url_alphabet, false, data, len, ret);
}

bool base64url_decode(const char *s, void *ret, size_t ret_size, size_t *ret_len)
{
    return decode64(base64url_alphabet, s, strlen(s), ret, ret_size, ret_len);
}

void base64_encode(const void *data, size_t len, char *ret)
{
    encode64(base64_alphabet, true, data, len, ret);
}

bool base64_decode(const char *s, void *ret, size_t ret_size, size_t *ret_len)
{
    size_t len = strlen(s);
    if (len % 4 != 0)
        return false;
    size_t digits = len;
    while (digits > 0 && len - digits < 2 && s[digits - 1] == '=')
        digits--;
    return decode64(base64_alphabet, s, digits, ret, ret_size, ret_len);
}

void base62_encode_u32(uint32_t value, size_t digits, char *ret)
{
    ret[digits] = '\0';
    for (size_t i = digits; i > 0; i--) {
        ret[i - 1] = base62_alphabet[value % 62];
        value /= 62;
    }
}

/* Half-byte table: 64 bytes instead of 1 KiB, and fast enough for keys and log records. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const unsigned char *p = data;
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc = table[(crc ^ p[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ p[i] >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}
