#include "restore/pathtext.h"

#include <stdio.h>
#include <string.h>

char pathtext_escaped(const char *p, const char *end)
{
    if (end - p < 4 || p[1] < '0' || p[1] > '3' || p[2] < '0' || p[2] > '7' || p[3] < '0' || p[3] > '7')
        return '\0';
    return (char)(unsigned char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
}

/* Bytes of the character at p; 0 when it is none of UTF-8 (RFC 3629 §4: no surrogates, nothing longer than need be). */
static size_t character(const char *p, const char *end)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t left = (size_t)(end - p);
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
    if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4 || len > left || s[0] == 0)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool wrong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
                 (s[0] == 0xf4 && s[1] > 0x8f);
    return wrong ? 0 : len;
}

bool pathtext_is_utf8(const char *path, size_t len)
{
    const char *end = path + len;
    for (size_t n; path < end; path += n)
        if ((n = character(path, end)) == 0)
            return false;
    return true;
}

size_t pathtext_fit(const char *text, size_t max)
{
    size_t len = strlen(text);
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

const char *pathtext_of(struct arena *arena, const char *path, size_t len)
{
    const char *end = path + len;
    char *text = arena_alloc(arena, 4 * len + 1);
    char *out = text;
    if (text == NULL)
        return NULL;
    while (path < end) {
        size_t n = character(path, end);
        if (n == 0 || *path == '\\' || (unsigned char)*path < 0x20 || *path == 0x7f) {
            (void)snprintf(out, 5, "\\%03o", (unsigned)(unsigned char)*path);
            out += 4;
            path++;
        } else {
            memcpy(out, path, n);
            out += n;
            path += n;
        }
    }
    return text;
}

const char *pathtext_bytes(struct arena *arena, const char *text, size_t *ret_len)
{
    const char *end = text + strlen(text);
    char *bytes = arena_alloc(arena, (size_t)(end - text) + 1);
    size_t len = 0;
    if (bytes == NULL)
        return NULL;
    while (text < end) {
        char c = *text == '\\' ? pathtext_escaped(text, end) : '\0';
        bytes[len++] = c != '\0' ? c : *text;
        text += c != '\0' ? 4 : 1;
    }
    *ret_len = len;
    return bytes;
}
