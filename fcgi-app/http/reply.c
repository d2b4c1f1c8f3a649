/* Setting a reply, and its header block. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "http/exchange.h"

static void set(struct req *r, int status, const char *content_type, const void *body, size_t len)
{
    struct reply *reply = &r->exchange->reply;
    reply->status = status;
    reply->content_type = content_type;
    reply->body = body;
    reply->len = len;
    reply->chunk = NULL;
}

/* What goes out when there is no memory to say it better. */
static void set_internal(struct req *r)
{
    static const char body[] = "{\"type\":\"/problems/internal\",\"title\":\"Something went wrong on our side\","
                               "\"status\":500,\"detail\":\"Out of memory for this request.\",\"requestId\":\"\"}";
    set(r, 500, "application/problem+json", body, sizeof body - 1);
}

void reply_json(struct req *r, int status, json_t *body)
{
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    char *text = body != NULL ? json_dumps(body, flags) : NULL;
    json_decref(body);
    if (text == NULL) {
        log_error("the reply could not be made: out of memory, or text that is not UTF-8");
        set_internal(r);
        return;
    }
    if (arena_cleanup(r->arena, free, text) != 0) {
        free(text);
        set_internal(r);
        return;
    }
    set(r, status, "application/json", text, strlen(text));
}

void reply_bytes(struct req *r, int status, const char *content_type, const void *data, size_t len)
{
    void *copy = arena_alloc(r->arena, len);
    const char *type = arena_strdup(r->arena, content_type);
    if (copy == NULL || type == NULL) {
        set_internal(r);
        return;
    }
    if (len > 0)
        memcpy(copy, data, len);
    set(r, status, type, copy, len);
}

void reply_chunks(struct req *r, int status, const char *content_type, reply_chunk_fn *next, void *ctx)
{
    set(r, status, content_type, NULL, 0);
    r->exchange->reply.chunk = next;
    r->exchange->reply.chunk_ctx = ctx;
}

void reply_borrowed(struct req *r, int status, const char *content_type, const void *data, size_t len)
{
    set(r, status, content_type, data, len);
}

void reply_status(struct req *r, int status)
{
    set(r, status, NULL, NULL, 0);
}

/* A value with a line break would be a header of its own. */
static bool is_header_text(const char *s)
{
    if (s == NULL)
        return false;
    for (; *s != '\0'; s++)
        if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
            return false;
    return true;
}

void reply_header(struct req *r, const char *name, const char *value)
{
    struct reply *reply = &r->exchange->reply;
    const char *name_copy = arena_strdup(r->arena, name);
    const char *value_copy = arena_strdup(r->arena, value);
    if (reply->header_count == REPLY_HEADERS_MAX || name_copy == NULL || !is_header_text(value_copy)) {
        log_error("header %s could not be set", name);
        reply->broken = true;
        return;
    }
    reply->headers[reply->header_count].name = name_copy;
    reply->headers[reply->header_count].value = value_copy;
    reply->header_count++;
}

/* --- the header block, built without printf: it is made for every heartbeat --- */

struct writer {
    char *at;
    char *end;
    bool full;
};

static void put(struct writer *w, const char *s, size_t len)
{
    if ((size_t)(w->end - w->at) < len) {
        w->full = true;
        return;
    }
    memcpy(w->at, s, len);
    w->at += len;
}

static void put_text(struct writer *w, const char *s)
{
    put(w, s, strlen(s));
}

static void put_number(struct writer *w, size_t n)
{
    char digits[24];
    size_t i = sizeof digits;
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    put(w, digits + i, sizeof digits - i);
}

static void put_header(struct writer *w, const char *name, const char *value)
{
    put_text(w, name);
    put(w, ": ", 2);
    put_text(w, value);
    put(w, "\r\n", 2);
}

/* nginx copies "Status:" into the status line as it is, and a line without a reason lacks a blank that RFC 9112 §4
 * wants. */
static const char *reason_of(int status)
{
    switch (status) {
    case 200: return " OK";
    case 201: return " Created";
    case 204: return " No Content";
    case 304: return " Not Modified";
    case 400: return " Bad Request";
    case 401: return " Unauthorized";
    case 403: return " Forbidden";
    case 404: return " Not Found";
    case 405: return " Method Not Allowed";
    case 409: return " Conflict";
    case 411: return " Length Required";
    case 413: return " Content Too Large";
    case 415: return " Unsupported Media Type";
    case 422: return " Unprocessable Content";
    case 429: return " Too Many Requests";
    case 500: return " Internal Server Error";
    case 503: return " Service Unavailable";
    case 507: return " Insufficient Storage";
    default: return " Other";
    }
}

static size_t head_size(const struct http_exchange *x)
{
    size_t size = 256 + (x->reply.content_type != NULL ? strlen(x->reply.content_type) : 0) + strlen(x->req.request_id);
    for (size_t i = 0; i < x->reply.header_count; i++)
        size += strlen(x->reply.headers[i].name) + strlen(x->reply.headers[i].value) + 4;
    return size;
}

const char *reply_head(struct http_exchange *x, size_t *ret_len)
{
    size_t size = head_size(x);
    char *block = arena_alloc(x->arena, size);
    if (block == NULL)
        return NULL;
    struct writer w = {.at = block, .end = block + size};
    bool cache_given = false;
    put_text(&w, "Status: ");
    put_number(&w, (size_t)x->reply.status);
    put_text(&w, reason_of(x->reply.status));
    put(&w, "\r\n", 2);
    if (x->reply.content_type != NULL)
        put_header(&w, "Content-Type", x->reply.content_type);
    if (x->reply.status != 204 && x->reply.status != 304 && x->reply.chunk == NULL && x->stream == STREAM_NONE) {
        put_text(&w, "Content-Length: ");
        put_number(&w, x->reply.len);
        put(&w, "\r\n", 2);
    }
    put_header(&w, "X-Request-Id", x->req.request_id);
    for (size_t i = 0; i < x->reply.header_count; i++) {
        cache_given |= strcmp(x->reply.headers[i].name, "Cache-Control") == 0;
        put_header(&w, x->reply.headers[i].name, x->reply.headers[i].value);
    }
    if (!cache_given)
        put_header(&w, "Cache-Control", "no-store");
    put(&w, "\r\n", 2);
    if (w.full)
        return NULL;
    *ret_len = (size_t)(w.at - block);
    return block;
}
