#include "version.h"

#include <string.h>

#include "cursor.h"

struct version {
    uint64_t number[3];
    struct span pre; /* empty for a release */
};

static bool identifier_valid(struct span id, bool numbers_canonical)
{
    bool digits_only = true;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
        if (!digit && !letter)
            return false;
        digits_only = digits_only && digit;
    }
    return id.len > 0 && !(numbers_canonical && digits_only && id.len > 1 && id.ptr[0] == '0');
}

static bool identifiers_valid(struct span list, bool numbers_canonical)
{
    if (list.len == 0 || list.ptr[list.len - 1] == '.')
        return false;
    struct cursor c;
    cursor_init(&c, list);
    struct span id;
    while (cursor_field(&c, '.', &id))
        if (!identifier_valid(id, numbers_canonical))
            return false;
    return true;
}

static bool parse(const char *s, struct version *ret)
{
    struct span rest = span_of(s);
    if (rest.len > 64)
        return false;
    struct version v = {.pre = {.ptr = s, .len = 0}};
    const char *plus = strchr(s, '+');
    if (plus != NULL) {
        struct span build = {.ptr = plus + 1, .len = strlen(plus + 1)};
        if (!identifiers_valid(build, false))
            return false;
        rest.len = (size_t)(plus - s);
    }
    struct cursor c;
    cursor_init(&c, rest);
    for (int i = 0; i < 3; i++)
        if ((i > 0 && !cursor_char(&c, '.')) || !cursor_uint(&c, UINT32_MAX, &v.number[i]))
            return false;
    if (cursor_char(&c, '-')) {
        v.pre = (struct span){.ptr = c.at, .len = (size_t)(c.end - c.at)};
        if (!identifiers_valid(v.pre, true))
            return false;
    } else if (!cursor_done(&c)) {
        return false;
    }
    *ret = v;
    return true;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_identifier(struct span a, struct span b)
{
    bool a_number = strspn(a.ptr, "0123456789") >= a.len;
    bool b_number = strspn(b.ptr, "0123456789") >= b.len;
    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number && a.len != b.len) /* no leading zeros: the longer number is the larger */
        return a.len < b.len ? -1 : 1;
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : compare_u64(a.len, b.len);
}

static int compare_pre(struct span a, struct span b)
{
    if (a.len == 0 || b.len == 0) /* a release is newer than its pre-releases */
        return compare_u64(a.len == 0, b.len == 0);
    struct cursor ca;
    struct cursor cb;
    cursor_init(&ca, a);
    cursor_init(&cb, b);
    for (;;) {
        struct span ia;
        struct span ib;
        bool more_a = cursor_field(&ca, '.', &ia);
        bool more_b = cursor_field(&cb, '.', &ib);
        if (!more_a || !more_b)
            return compare_u64(more_a, more_b);
        int order = compare_identifier(ia, ib);
        if (order != 0)
            return order;
    }
}

bool version_valid(const char *s)
{
    struct version v;
    return parse(s, &v);
}

int version_compare(const char *a, const char *b)
{
    struct version va;
    struct version vb;
    bool valid_a = parse(a, &va);
    bool valid_b = parse(b, &vb);
    if (!valid_a || !valid_b)
        return compare_u64(valid_a, valid_b);
    for (int i = 0; i < 3; i++)
        if (va.number[i] != vb.number[i])
            return compare_u64(va.number[i], vb.number[i]);
    return compare_pre(va.pre, vb.pre);
}
