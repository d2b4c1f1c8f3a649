#include "cursor.h"

#include <string.h>
#include <strings.h>

struct span span_of(const char *s)
{
    return (struct span){.ptr = s, .len = strlen(s)};
}

bool span_equal(struct span s, const char *text)
{
    /* An empty span may have no address, which memcmp must not be given. */
    return s.len == strlen(text) && (s.len == 0 || memcmp(s.ptr, text, s.len) == 0);
}

bool span_equal_nocase(struct span s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || strncasecmp(s.ptr, text, s.len) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

void cursor_init(struct cursor *c, struct span s)
{
    c->at = s.ptr;
    c->end = s.len > 0 ? s.ptr + s.len : s.ptr;
}

bool cursor_done(const struct cursor *c)
{
    return c->at == c->end;
}

bool cursor_char(struct cursor *c, char want)
{
    if (c->at == c->end || *c->at != want)
        return false;
    c->at++;
    return true;
}

bool cursor_literal(struct cursor *c, const char *want)
{
    size_t len = strlen(want);
    if ((size_t)(c->end - c->at) < len || (len > 0 && memcmp(c->at, want, len) != 0))
        return false;
    c->at += len;
    return true;
}

bool cursor_until(struct cursor *c, char stop, struct span *ret)
{
    if (c->at == c->end)
        return false;
    const char *hit = memchr(c->at, stop, (size_t)(c->end - c->at));
    if (hit == NULL)
        return false;
    *ret = (struct span){.ptr = c->at, .len = (size_t)(hit - c->at)};
    c->at = hit + 1;
    return true;
}

bool cursor_field(struct cursor *c, char stop, struct span *ret)
{
    if (c->at == c->end)
        return false;
    if (cursor_until(c, stop, ret))
        return true;
    *ret = (struct span){.ptr = c->at, .len = (size_t)(c->end - c->at)};
    c->at = c->end;
    return true;
}

bool cursor_line(struct cursor *c, struct span *ret)
{
    if (!cursor_field(c, '\n', ret))
        return false;
    if (ret->len > 0 && ret->ptr[ret->len - 1] == '\r')
        ret->len--;
    return true;
}

bool cursor_uint(struct cursor *c, uint64_t max, uint64_t *ret)
{
    const char *p = c->at;
    uint64_t value = 0;
    while (p < c->end && *p >= '0' && *p <= '9') {
        uint64_t digit = (uint64_t)(*p - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
        p++;
    }
    if (p == c->at || (*c->at == '0' && p - c->at > 1))
        return false;
    c->at = p;
    *ret = value;
    return true;
}

bool cursor_parse_uint(const char *s, uint64_t max, uint64_t *ret)
{
    struct cursor c;
    cursor_init(&c, span_of(s));
    uint64_t value;
    if (!cursor_uint(&c, max, &value) || !cursor_done(&c))
        return false;
    *ret = value;
    return true;
}
