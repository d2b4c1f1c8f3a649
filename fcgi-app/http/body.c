/* Bodies: read to the announced length and to the end of the stream. */
#include "http/exchange.h"

static bool announced(struct req *r, size_t *ret)
{
    const char *text = req_param(r, "CONTENT_LENGTH");
    uint64_t length = 0;
    if (text != NULL && text[0] != '\0' && !cursor_parse_uint(text, INT64_MAX, &length)) {
        reply_problem(r, PROBLEM_BAD_REQUEST, "Content-Length is not a number.");
        return false;
    }
    *ret = (size_t)length;
    return true;
}

bool body_read(struct http_exchange *x, size_t max)
{
    struct req *r = &x->req;
    size_t length;
    if (!announced(r, &length))
        return false;
    if (length > max) {
        reply_problem(r, PROBLEM_PAYLOAD_TOO_LARGE,
                      max == 0 ? "This route takes no body."
                               : arena_printf(r->arena, "The body may have at most %zu bytes.", max));
        return false;
    }
    r->body = span_of("");
    if (length > 0) {
        char *data = arena_alloc(r->arena, length + 1);
        if (data == NULL) {
            reply_problem(r, PROBLEM_PAYLOAD_TOO_LARGE, NULL);
            return false;
        }
        int got = FCGX_GetStr(data, (int)length, x->fcgi.in);
        if (got < 0 || (size_t)got != length) {
            reply_problem(r, PROBLEM_BAD_REQUEST, "The body is shorter than its Content-Length.");
            return false;
        }
        r->body = (struct span){.ptr = data, .len = length};
    }
    /* The end of the stream is a record of its own; more bytes than announced are a peer that lies. */
    if (FCGX_GetChar(x->fcgi.in) != EOF) {
        reply_problem(r, PROBLEM_BAD_REQUEST, "The body is longer than its Content-Length.");
        return false;
    }
    x->body_read = true;
    return true;
}

void body_drain(struct http_exchange *x)
{
    char scratch[4096];
    if (x->body_read)
        return;
    while (FCGX_GetStr(scratch, sizeof scratch, x->fcgi.in) == (int)sizeof scratch)
        continue;
    x->body_read = true;
}
