#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "net/http_parse.h"
#include "net/socket.h"
#include "net/tls.h"
#include "net/url.h"

enum {
    REPLY_MAX = 1024 * 1024,
    HEAD_MAX = 16 * 1024,
    READ_SIZE = 4096, /* on the stack, and threads of musl have small ones */
    CONNECT_MS = 10 * 1000,
    IO_MS = 30 * 1000,
    TOTAL_MS = 60 * 1000,
};

struct http {
    const struct tls_trust *trust;
    int cancel_fd;
    struct tls *tls; /* NULL: not connected */
    struct tls_session *session;
    struct url origin; /* of tls and session; its target is not used */
};

struct http *http_new(const struct tls_trust *trust)
{
    struct http *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->trust = trust;
    h->cancel_fd = -1;
    return h;
}

void http_free(struct http *h)
{
    if (h == NULL)
        return;
    http_disconnect(h);
    tls_session_free(h->session);
    free(h);
}

void http_set_cancel(struct http *h, int fd)
{
    h->cancel_fd = fd;
}

void http_disconnect(struct http *h)
{
    tls_close(h->tls);
    h->tls = NULL;
}

int64_t http_peer_not_after_ms(const struct http *h)
{
    return h->tls != NULL ? tls_peer_not_after_ms(h->tls) : 0;
}

static struct http_timeouts timeouts_of(const struct http_request *request)
{
    struct http_timeouts t = request->timeouts;
    if (t.connect_ms == 0 && t.io_ms == 0 && t.total_ms == 0)
        return (struct http_timeouts){.connect_ms = CONNECT_MS, .io_ms = IO_MS, .total_ms = TOTAL_MS};
    if (t.connect_ms == 0)
        t.connect_ms = CONNECT_MS;
    if (t.io_ms == 0)
        t.io_ms = IO_MS;
    return t;
}

/* An open connection to the URL's origin: the one that is there if it still lives, else a new one. */
static int ensure_connected(struct http *h, const struct url *url, int connect_ms, const struct socket_limits *limits,
                            struct err *err)
{
    bool same = url_same_origin(&h->origin, url);
    if (h->tls != NULL && same && tls_alive(h->tls))
        return 0;
    http_disconnect(h);
    if (!same) {
        tls_session_free(h->session);
        h->session = tls_session_new(); /* NULL is fine: no resumption then */
        h->origin = *url;
    }
    int fd;
    int rc = socket_connect(url->host, url->port, connect_ms, limits, &fd, err);
    if (rc != 0)
        return rc;
    struct tls_peer peer = {.host = h->origin.host, .numeric = url->numeric, .session = h->session};
    return tls_connect(h->trust, fd, &peer, limits, &h->tls, err);
}

/* No header we send holds bytes that could start another one: what comes from outside is checked here. */
static bool header_clean(const char *s)
{
    for (; *s != '\0'; s++)
        if (*s == '\r' || *s == '\n')
            return false;
    return true;
}

static int format_head(const struct http_request *request, const struct url *url, struct buf *head, struct err *err)
{
    bool brackets = strchr(url->host, ':') != NULL;
    bool standard = strcmp(url->port, "443") == 0;
    buf_addf(head, "%s %s%s HTTP/1.1\r\n", request->method, url->target[0] == '/' ? "" : "/", url->target);
    buf_addf(head, "Host: %s%s%s%s%s\r\n", brackets ? "[" : "", url->host, brackets ? "]" : "", standard ? "" : ":",
             standard ? "" : url->port);
    for (size_t i = 0; i < request->header_count; i++) {
        if (!header_clean(request->headers[i].name) || !header_clean(request->headers[i].value))
            return err_set(err, ERR_INVALID, "a line break in a header");
        buf_addf(head, "%s: %s\r\n", request->headers[i].name, request->headers[i].value);
    }
    bool wants_body = strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0;
    bool has_body = request->body != NULL || request->source != NULL;
    if (has_body || wants_body)
        buf_addf(head, "Content-Length: %zu\r\n", has_body ? request->body_len : 0);
    buf_adds(head, "\r\n");
    return buf_ok(head) ? 0 : err_set(err, ERR_TOO_BIG, "the request's head is too long");
}

static int send_pieces(struct http *h, const struct http_request *request, const struct socket_limits *limits,
                       bool *ret_given, struct err *err)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < request->body_len;) {
        const void *piece;
        size_t len = 0, sent;
        rc = request->source(request->source_ctx, at, &piece, &len, err);
        *ret_given = rc == 0;
        if (rc == 0)
            rc = tls_write(h->tls, piece, len, limits, &sent, err);
        at += len;
    }
    return rc;
}

/* Sends head and body. An early answer ends the sending without being a failure: reading it tells more. So does a
 * broken pipe: the answer may have been sent before it broke. */
static int send_request(struct http *h, const struct http_request *request, const struct buf *head,
                        const struct socket_limits *limits, bool *ret_whole, struct err *err)
{
    size_t sent;
    bool given = true; /* what failed is not the source */
    int rc = tls_write(h->tls, head->data, head->len, limits, &sent, err);
    if (rc == 0 && request->source != NULL)
        rc = send_pieces(h, request, limits, &given, err);
    else if (rc == 0 && request->body != NULL && request->body_len > 0)
        rc = tls_write(h->tls, request->body, request->body_len, limits, &sent, err);
    *ret_whole = rc == 0;
    return given && (rc == ERR_CONFLICT || rc == ERR_UNAVAILABLE) ? 0 : rc;
}

struct exchange {
    const struct http_request *request;
    struct http_parser parser;
    struct buf body;
    bool told_head;
};

static int take_body(struct exchange *x, struct span piece, struct err *err)
{
    bool stream = x->request->sink != NULL && x->parser.status >= 200 && x->parser.status < 300;
    if (piece.len == 0)
        return 0;
    if (stream)
        return x->request->sink(x->request->sink_ctx, piece.ptr, piece.len, err);
    buf_add(&x->body, piece.ptr, piece.len);
    return buf_ok(&x->body) ? 0 : err_set(err, ERR_TOO_BIG, "the reply is larger than %zu bytes", x->body.max);
}

static void fill_reply(const struct exchange *x, struct http_reply *ret)
{
    const struct http_parser *p = &x->parser;
    *ret = (struct http_reply){
        .status = p->status,
        .body = x->body,
        .retry_after_s = (int)p->retry_after_s,
        .date_ms = p->date_ms,
        .etag_weak = p->etag_weak,
        .range = p->range,
        .content_length = p->chunked ? -1 : p->content_length,
    };
    memcpy(ret->etag, p->etag, sizeof ret->etag);
    memcpy(ret->content_type, p->content_type, sizeof ret->content_type);
}

static int tell_head(struct exchange *x, struct err *err)
{
    struct http_reply reply;
    if (x->told_head || !x->parser.head_done || x->request->head == NULL)
        return 0;
    x->told_head = true;
    fill_reply(x, &reply);
    return x->request->head(x->request->head_ctx, &reply, err);
}

/* Waits are bounded one by one and together; a peer that never lets us wait is bounded here. */
static int check_deadline(const struct socket_limits *limits, struct err *err)
{
    return clock_monotonic_ms(clock_system()) > limits->deadline_ms ? err_set(err, ERR_TIMEOUT, "timed out") : 0;
}

static int read_reply(struct http *h, struct exchange *x, const struct socket_limits *limits, struct err *err)
{
    char data[READ_SIZE];
    while (!x->parser.done) {
        size_t len;
        int rc = tls_read(h->tls, data, sizeof data, limits, &len, err);
        if (rc == 0 && len == 0)
            rc = http_parser_end(&x->parser, err);
        if (rc == 0)
            rc = check_deadline(limits, err);
        for (size_t at = 0; rc == 0 && at < len && !x->parser.done;) {
            size_t used;
            struct span piece;
            rc = http_parser_feed(&x->parser, data + at, len - at, &used, &piece, err);
            if (rc == 0)
                rc = tell_head(x, err);
            if (rc == 0)
                rc = take_body(x, piece, err);
            at += used;
            if (rc == 0 && x->parser.done && at < len)
                x->parser.keep_alive = false; /* bytes after the end: whoever sent them is not to be trusted further */
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int exchange(struct http *h, struct exchange *x, const struct buf *head, const struct socket_limits *limits,
                    struct err *err)
{
    bool whole;
    int rc = send_request(h, x->request, head, limits, &whole, err);
    if (rc == 0)
        rc = read_reply(h, x, limits, err);
    if (!whole)
        x->parser.keep_alive = false;
    return rc;
}

int http_perform(struct http *h, const struct http_request *request, struct http_reply *ret, struct err *err)
{
    struct url url;
    int rc = url_parse(request->url, &url, err);
    if (rc != 0)
        return rc;
    struct http_timeouts timeouts = timeouts_of(request);
    struct socket_limits limits = {
        .deadline_ms = timeouts.total_ms > 0 ? clock_monotonic_ms(clock_system()) + timeouts.total_ms : INT64_MAX,
        .io_ms = timeouts.io_ms,
        .cancel_fd = h->cancel_fd,
    };
    struct exchange x = {.request = request};
    struct buf head;
    http_parser_init(&x.parser, strcmp(request->method, "HEAD") == 0);
    buf_init(&x.body, request->reply_max > 0 ? request->reply_max : REPLY_MAX);
    buf_init(&head, HEAD_MAX);
    rc = format_head(request, &url, &head, err);
    if (rc == 0)
        rc = ensure_connected(h, &url, timeouts.connect_ms, &limits, err);
    if (rc == 0)
        rc = exchange(h, &x, &head, &limits, err);
    if (rc != 0 || !x.parser.keep_alive)
        http_disconnect(h);
    if (rc == 0)
        fill_reply(&x, ret);
    else
        buf_done_secret(&x.body);
    buf_done_secret(&head); /* the API key is in it */
    http_parser_done(&x.parser);
    return rc;
}
