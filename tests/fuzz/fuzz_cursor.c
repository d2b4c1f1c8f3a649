/* Any bytes under every call of a cursor: it moves forward only, never leaves the bytes, and stays put on false. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct span s, struct span whole)
{
    return s.ptr >= whole.ptr && s.ptr + s.len <= whole.ptr + whole.len;
}

static bool step(struct cursor *c, uint8_t what, struct span whole)
{
    struct span got = {.ptr = whole.ptr, .len = 0};
    uint64_t n = 0;
    uint64_t max = (uint64_t)1 << (what & 63);
    bool took = false;
    switch (what % 6) {
    case 0: took = cursor_char(c, (char)what); break;
    case 1: took = cursor_literal(c, "ab"); break;
    case 2: took = cursor_until(c, ',', &got); break;
    case 3: took = cursor_field(c, ';', &got); break;
    case 4: took = cursor_line(c, &got); break;
    default: took = cursor_uint(c, max, &n); break;
    }
    assert(inside(got, whole) && n <= max);
    return took;
}

static void walk(struct span whole)
{
    struct cursor c;
    cursor_init(&c, whole);
    for (size_t i = 0; i < whole.len; i++) {
        const char *before = c.at;
        bool took = step(&c, (uint8_t)whole.ptr[i], whole);
        assert(took ? c.at > before : c.at == before);
        assert(c.at <= c.end);
    }
    assert(inside(span_trim(whole), whole));
}

/* What decodes encodes back to the very same text. */
static void round_trip(const char *text)
{
    size_t len = strlen(text);
    unsigned char *bytes = malloc(len + 1);
    char *again = malloc(BASE64_SIZE(len) + 1);
    size_t got = 0;
    if (bytes != NULL && again != NULL && base64_decode(text, bytes, len, &got)) {
        base64_encode(bytes, got, again);
        assert(strcmp(text, again) == 0);
    }
    if (bytes != NULL && again != NULL && base64url_decode(text, bytes, len, &got)) {
        base64url_encode(bytes, got, again);
        assert(strcmp(text, again) == 0);
    }
    free(bytes);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* of exactly this size, so that the sanitizer sees every step outside */
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    walk((struct span){.ptr = text, .len = size});
    round_trip(text);
    free(text);
    return 0;
}
