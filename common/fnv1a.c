#include "fnv1a.h"

#include <string.h>

#define PRIME UINT32_C(0x01000193)

uint32_t fnv1a32(uint32_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * PRIME;
    return hash;
}

int fnv1a_bucket(const char *salt, const char *id)
{
    uint32_t hash = fnv1a32(FNV1A32_START, salt, strlen(salt));
    return (int)(fnv1a32(hash, id, strlen(id)) % 100);
}
