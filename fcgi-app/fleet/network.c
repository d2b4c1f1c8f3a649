#include "fleet/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/cursor.h"

enum { TEXT_MAX = 63, V4_PREFIX = 96 };

static bool parse_address(const char *text, unsigned char ret[16], bool *ret_v4)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    unsigned char v4[4];
    if (inet_pton(AF_INET, text, v4) == 1) {
        memcpy(ret, mapped, sizeof mapped);
        memcpy(ret + sizeof mapped, v4, sizeof v4);
        *ret_v4 = true;
        return true;
    }
    *ret_v4 = false;
    return inet_pton(AF_INET6, text, ret) == 1;
}

static bool bit(const unsigned char *bytes, int at)
{
    return (bytes[at / 8] >> (7 - at % 8) & 1) != 0;
}

bool network_parse(const char *text, struct network *ret)
{
    char address[TEXT_MAX + 1];
    struct network n = {.bits = 128};
    bool v4 = false;
    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (len > TEXT_MAX)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!parse_address(address, n.bytes, &v4))
        return false;
    if (slash != NULL) {
        uint64_t bits = 0;
        if (!cursor_parse_uint(slash + 1, v4 ? 32 : 128, &bits))
            return false;
        n.bits = (int)bits + (v4 ? V4_PREFIX : 0);
    }
    for (int i = n.bits; i < 128; i++)
        if (bit(n.bytes, i))
            return false;
    *ret = n;
    return true;
}

bool network_contains(const struct network *network, const char *address)
{
    unsigned char bytes[16];
    bool v4 = false;
    if (!parse_address(address, bytes, &v4))
        return false;
    for (int i = 0; i < network->bits; i++)
        if (bit(bytes, i) != bit(network->bytes, i))
            return false;
    return true;
}
