/* Any bytes as an HTTP reply, cut into pieces as the first byte says: the outcome must not depend on the cuts. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "net/http_parse.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int rc;
    int status;
    size_t body_len;
    uint32_t body_sum;
    bool keep_alive;
};

static struct outcome run(const char *data, size_t len, size_t step, bool head)
{
    struct http_parser p;
    struct outcome o = {.rc = 0};
    struct err err = {0};
    size_t at = 0;
    http_parser_init(&p, head);
    while (o.rc == 0 && at < len && !p.done) {
        size_t used = 0;
        size_t left = len - at < step ? len - at : step;
        struct span body = {.len = 0};
        o.rc = http_parser_feed(&p, data + at, left, &used, &body, &err);
        if (o.rc != 0)
            break;
        assert(used > 0 && used <= left);
        assert(body.len == 0 || (body.ptr >= data + at && body.ptr + body.len <= data + at + left));
        for (size_t i = 0; i < body.len; i++)
            o.body_sum = o.body_sum * 31 + (unsigned char)body.ptr[i];
        o.body_len += body.len;
        at += used;
    }
    if (o.rc == 0)
        o.rc = http_parser_end(&p, &err);
    assert(o.rc == 0 || err.code == o.rc);
    assert(o.rc != 0 || (p.done && p.head_done && p.status >= 200 && p.status <= 999));
    o.status = p.status;
    o.keep_alive = p.keep_alive;
    http_parser_done(&p);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool head = (data[0] & 0x80) != 0;
    size_t step = (size_t)(data[0] & 0x7f) + 1;
    struct outcome whole = run((const char *)data + 1, size - 1, SIZE_MAX, head);
    struct outcome cut = run((const char *)data + 1, size - 1, step, head);
    assert(whole.rc == cut.rc);
    if (whole.rc == 0)
        assert(whole.status == cut.status && whole.body_len == cut.body_len && whole.body_sum == cut.body_sum &&
               whole.keep_alive == cut.keep_alive);
    return 0;
}
