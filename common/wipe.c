#include "wipe.h"

#include <string.h>

void wipe(void *p, size_t len)
{
    if (len > 0)
        explicit_bzero(p, len);
}

void wipe_str(char *s)
{
    if (s != NULL)
        wipe(s, strlen(s));
}

bool wipe_equal(const void *a, const void *b, size_t len)
{
    const volatile unsigned char *x = a;
    const volatile unsigned char *y = b;
    unsigned char diff = 0;
    for (size_t i = 0; i < len; i++)
        diff = (unsigned char)(diff | (x[i] ^ y[i]));
    return diff == 0;
}

bool wipe_equal_str(const char *a, const char *b)
{
    size_t len = strlen(a);
    return len == strlen(b) && wipe_equal(a, b, len);
}
