#include "http/uri.h"

#include <string.h>

void uri_split(const char *uri, struct span *ret_path, struct span *ret_query)
{
    size_t path = strcspn(uri, "?");
    *ret_path = (struct span){.ptr = uri, .len = path};
    *ret_query = uri[path] == '?' ? span_of(uri + path + 1) : span_of("");
}

/* The length of one well-formed UTF-8 sequence at s, 0 when it is none (Unicode 15, table 3-7). */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
    if (s[0] < 0x80)
        return 1;
    size_t want = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || want > len)
        return 0;
    unsigned char least = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char most = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < least || s[1] > most)
        return 0;
    for (size_t i = 2; i < want; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return want;
}

bool uri_text_valid(const char *s, size_t len)
{
    const unsigned char *at = (const unsigned char *)s;
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence(at + i, len - i);
        if (step == 0 || at[i] < 0x20 || at[i] == 0x7f)
            return false;
        i += step;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX to bytes, and '+' to a blank in a query. NULL, with err set, when an escape is bad or the text is not valid. */
static char *decode(struct span raw, bool is_query, struct arena *arena, struct err *err)
{
    char *text = arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    if (text == NULL) {
        (void)err_set(err, ERR_NOMEM, "request too large");
        return NULL;
    }
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '%') {
            bool there = raw.len - i > 2;
            int high = there ? hex_digit(raw.ptr[i + 1]) : -1;
            int low = there ? hex_digit(raw.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                (void)err_set(err, ERR_INVALID, "a percent sign without two hex digits");
                return NULL;
            }
            c = (char)(high * 16 + low);
            if (!is_query && (c == '/' || c == '\\')) {
                (void)err_set(err, ERR_INVALID, "an encoded slash in the path");
                return NULL;
            }
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        text[len++] = c;
    }
    text[len] = '\0';
    if (uri_text_valid(text, len))
        return text;
    (void)err_set(err, ERR_INVALID, "not UTF-8, or a control character");
    return NULL;
}

static bool is_canonical(const char *path)
{
    struct cursor c;
    struct span segment;
    cursor_init(&c, span_of(path));
    if (!cursor_char(&c, '/') || strstr(path, "//") != NULL || strchr(path, '\\') != NULL)
        return false;
    while (cursor_field(&c, '/', &segment))
        if (span_equal(segment, ".") || span_equal(segment, ".."))
            return false;
    return true;
}

int uri_path_decode(struct span raw, struct arena *arena, const char **ret, struct err *err)
{
    if (raw.len > URI_MAX)
        return err_set(err, ERR_TOO_BIG, "the path is longer than %d bytes", URI_MAX);
    struct err why = {0};
    const char *path = decode(raw, false, arena, &why);
    if (path == NULL)
        return err_set(err, why.code, "path: %s", why.msg);
    if (!is_canonical(path))
        return err_set(err, ERR_INVALID, "path: must start with '/' and hold no empty or dot segment");
    *ret = path;
    return 0;
}

int uri_query_parse(struct span raw, struct arena *arena, const struct uri_pair **ret, size_t *ret_count,
                    struct err *err)
{
    *ret = NULL;
    *ret_count = 0;
    if (raw.len == 0)
        return 0;
    if (raw.len > URI_MAX)
        return err_set(err, ERR_TOO_BIG, "the query is longer than %d bytes", URI_MAX);
    struct uri_pair *pairs = arena_array(arena, URI_PAIRS_MAX, sizeof *pairs);
    if (pairs == NULL)
        return err_set(err, ERR_NOMEM, "request too large");
    size_t count = 0;
    struct cursor c;
    struct span field;
    cursor_init(&c, raw);
    while (cursor_field(&c, '&', &field)) {
        if (field.len == 0)
            continue;
        if (count == URI_PAIRS_MAX)
            return err_set(err, ERR_TOO_BIG, "more than %d query parameters", URI_PAIRS_MAX);
        const char *equals = memchr(field.ptr, '=', field.len);
        size_t name_len = equals != NULL ? (size_t)(equals - field.ptr) : field.len;
        size_t value_at = equals != NULL ? name_len + 1 : field.len;
        struct err why = {0};
        pairs[count].name = decode((struct span){field.ptr, name_len}, true, arena, &why);
        if (pairs[count].name != NULL)
            pairs[count].value = decode((struct span){field.ptr + value_at, field.len - value_at}, true, arena, &why);
        if (pairs[count].name == NULL || pairs[count].value == NULL)
            return err_set(err, why.code, "query: %s", why.msg);
        count++;
    }
    *ret = pairs;
    *ret_count = count;
    return 0;
}
