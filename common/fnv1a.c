#include "fnv1a.h"

uint32_t fnv1a_32_add(uint32_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT32_C(0x01000193);
    return hash;
}

uint32_t fnv1a_32(const void *data, size_t len)
{
    return fnv1a_32_add(FNV1A_32_START, data, len);
}
