#include "uuid.h"

#include <string.h>

#include "encode.h"

bool uuid_v7(int64_t now_ms, token_random_fn *random, char ret[UUID_SIZE])
{
    unsigned char bytes[16];
    ret[0] = '\0';
    if (!random(bytes + 6, sizeof bytes - 6))
        return false;
    uint64_t ms = now_ms > 0 ? (uint64_t)now_ms : 0;
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(ms >> (40 - 8 * i) & 0xff);
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x70);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    char hex[HEX_SIZE(sizeof bytes)];
    hex_encode(bytes, sizeof bytes, hex);
    static const struct {
        int at, len;
    } groups[] = {{0, 8}, {8, 4}, {12, 4}, {16, 4}, {20, 12}};
    char *out = ret;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (i > 0)
            *out++ = '-';
        memcpy(out, hex + groups[i].at, (size_t)groups[i].len);
        out += groups[i].len;
    }
    *out = '\0';
    return true;
}

bool uuid_valid(const char *s)
{
    for (int i = 0; i < UUID_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');
        if (dash ? s[i] != '-' : !hex)
            return false; /* the end of a short string stops here too */
    }
    return s[UUID_SIZE - 1] == '\0';
}
