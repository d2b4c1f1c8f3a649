#include "age/age_header.h"

#include <string.h>

#include "common/encode.h"

enum { COLUMNS = 64, LINE_BYTES = COLUMNS / 4 * 3, KEY_TEXT = 43 };

static const char magic[] = "age-encryption.org/v1\n";

/* --- reading ----------------------------------------------------------------------------------------------------- */

size_t age_header_end(const char *data, size_t len)
{
    static const char mark[] = "\n" AGE_MAC_MARK;
    const char *at = memmem(data, len, mark, sizeof mark - 1);
    if (at == NULL)
        return 0;
    const char *line = at + 1;
    const char *end = memchr(line, '\n', len - (size_t)(line - data));
    return end == NULL ? 0 : (size_t)(end + 1 - data);
}

/* Base64 without padding of at most COLUMNS characters; padded here, since that is the form the decoder knows. */
static bool decode_line(struct span text, uint8_t ret[LINE_BYTES], size_t *ret_len)
{
    char padded[COLUMNS + 1];
    if (text.len > COLUMNS || text.len % 4 == 1 || memchr(text.ptr, '=', text.len) != NULL ||
        memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    size_t len = text.len;
    memcpy(padded, text.ptr, len);
    while (len % 4 != 0)
        padded[len++] = '=';
    padded[len] = '\0';
    return base64_decode(padded, ret, LINE_BYTES, ret_len);
}

static bool decode_key(struct span text, uint8_t ret[32])
{
    uint8_t bytes[LINE_BYTES];
    size_t len = 0;
    if (text.len != KEY_TEXT || !decode_line(text, bytes, &len) || len != 32)
        return false;
    memcpy(ret, bytes, 32);
    return true;
}

/* One argument: visible ASCII, at least a character, ended by one blank or the line. */
static bool take_argument(struct cursor *c, struct span *ret)
{
    if (!cursor_field(c, ' ', ret) || ret->len == 0)
        return false;
    for (size_t i = 0; i < ret->len; i++)
        if (ret->ptr[i] < '!' || ret->ptr[i] > '~')
            return false;
    return c->at != c->end || c->at[-1] != ' ';
}

static bool read_arguments(struct span line, struct age_stanza *ret)
{
    struct cursor c;
    struct span type, argument;
    size_t count = 0;
    bool share = false;
    cursor_init(&c, line);
    if (!take_argument(&c, &type))
        return false;
    ret->x25519 = span_equal(type, "X25519");
    for (; !cursor_done(&c); count++) {
        if (!take_argument(&c, &argument))
            return false;
        share = count == 0 && ret->x25519 && decode_key(argument, ret->share);
    }
    return !ret->x25519 || (share && count == 1);
}

static bool read_body(struct cursor *c, struct age_stanza *ret)
{
    size_t total = 0;
    struct span line;
    do {
        uint8_t bytes[LINE_BYTES];
        size_t len = 0;
        if (!cursor_until(c, '\n', &line) || !decode_line(line, bytes, &len))
            return false;
        if (ret->x25519 && total == 0 && len == AGE_WRAPPED_SIZE)
            memcpy(ret->wrapped, bytes, AGE_WRAPPED_SIZE);
        total += len;
    } while (line.len == COLUMNS);
    return !ret->x25519 || total == AGE_WRAPPED_SIZE;
}

bool age_header_magic(struct cursor *c)
{
    return cursor_literal(c, magic);
}

bool age_header_stanza(struct cursor *c, struct age_stanza *ret, bool *ret_more)
{
    struct span line;
    *ret = (struct age_stanza){0};
    *ret_more = cursor_literal(c, "-> ");
    return !*ret_more || (cursor_until(c, '\n', &line) && read_arguments(line, ret) && read_body(c, ret));
}

bool age_header_mac(struct cursor *c, uint8_t ret[AGE_MAC_SIZE])
{
    struct span line;
    return cursor_literal(c, AGE_MAC_MARK " ") && cursor_until(c, '\n', &line) && decode_key(line, ret);
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static void add_key(struct buf *b, const uint8_t key[32])
{
    char text[BASE64_SIZE(32)];
    base64_encode(key, 32, text);
    buf_add(b, text, KEY_TEXT);
    buf_addc(b, '\n');
}

void age_header_add_magic(struct buf *b)
{
    buf_adds(b, magic);
}

void age_header_add_stanza(struct buf *b, const struct age_stanza *stanza)
{
    buf_adds(b, "-> X25519 ");
    add_key(b, stanza->share);
    add_key(b, stanza->wrapped);
}

void age_header_add_mac(struct buf *b, const uint8_t mac[AGE_MAC_SIZE])
{
    buf_addc(b, ' ');
    add_key(b, mac);
}
