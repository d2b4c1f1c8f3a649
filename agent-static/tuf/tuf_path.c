#include "tuf/tuf_path.h"

#include <stddef.h>
#include <string.h>

/* Only the last star can need another try: what an earlier one took is the shortest that fits, and longer runs of it
 * leave less for the rest. A star does not grow over a slash. So the time is at most the product of the lengths. */
bool tuf_path_match(const char *pattern, const char *path)
{
    const char *star = NULL;
    const char *taken = NULL;
    while (*path != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            taken = path;
        } else if (*pattern == *path || (*pattern == '?' && *path != '/')) {
            pattern++;
            path++;
        } else if (star != NULL && *taken != '/') {
            pattern = star;
            path = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

void tuf_path_encode(const char *s, bool keep_slash, char *ret)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char hex[] = "0123456789ABCDEF";
    for (; *s != '\0'; s++) {
        if (strchr(plain, *s) != NULL || (keep_slash && *s == '/')) {
            *ret++ = *s;
        } else {
            *ret++ = '%';
            *ret++ = hex[(unsigned char)*s >> 4];
            *ret++ = hex[(unsigned char)*s & 15];
        }
    }
    *ret = '\0';
}
