/* http.h: an HTTP/1.1 client (RFC 9112) over TLS, for one server at a time.
 *
 * One struct http is one connection, kept alive between requests to the same origin and re-opened when the peer has
 * closed it; a request whose bytes may have reached the server is not repeated here. Redirects are refused. Every wait
 * is bounded: connect, each read and write, and the whole request. Replies are bounded in header and body size.
 * Blocks. Errors: ERR_UNAVAILABLE (no name, no connection, closed early), ERR_TIMEOUT, ERR_DENIED (certificate),
 * ERR_INVALID (not HTTP), ERR_TOO_BIG. A reply with any status is success here. */
#ifndef MUSTER_AGENT_NET_HTTP_H
#define MUSTER_AGENT_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "net/http_parse.h"

struct http;
struct tls_trust; /* net/tls.h: CA, pinned root, client certificate, time */

struct http_timeouts {
    int connect_ms;
    int io_ms;    /* one read or write without progress */
    int total_ms; /* the whole request, 0: no limit (streams; io_ms still bounds silence) */
};

struct http_header {
    const char *name;
    const char *value;
};

struct http_reply;

struct http_request {
    const char *method;
    const char *url; /* https://host[:port]/path?query */
    const struct http_header *headers;
    size_t header_count;
    const void *body; /* fixed body, sent with Content-Length; NULL: none */
    size_t body_len;
    /* Instead of body: gives the bytes from `at` on, as many as lie together, which stay until the next call; body_len
     * is how many there are in all. May wait. Non-zero ends the request and is returned. */
    int (*source)(void *ctx, size_t at, const void **ret, size_t *ret_len, struct err *err);
    void *source_ctx;
    struct http_timeouts timeouts; /* zeros: 10 s, 30 s, 60 s */
    size_t reply_max;              /* largest body kept; 0: 1 MiB */
    /* Called with the body piece by piece instead of keeping it (2xx only; others are kept as usual). Non-zero aborts
     * and is returned. */
    int (*sink)(void *ctx, const void *data, size_t len, struct err *err);
    void *sink_ctx;
    /* Called once with the head of the final reply, of any status, before its body comes; ret->body is empty. Non-zero
     * aborts and is returned. */
    int (*head)(void *ctx, const struct http_reply *reply, struct err *err);
    void *head_ctx;
};

struct http_reply {
    int status;
    struct buf body;
    int retry_after_s; /* -1: none */
    int64_t date_ms;   /* Date header, 0: none */
    char etag[80];     /* without quotes */
    bool etag_weak;
    struct http_range range; /* Content-Range */
    char content_type[64];
    int64_t content_length; /* -1: chunked or until close */
};

/* trust must outlive it. NULL when memory is out. */
struct http *http_new(const struct tls_trust *trust);
void http_free(struct http *h); /* NULL does nothing */

/* From now on every wait ends with ERR_UNAVAILABLE when fd is readable (a signalfd, say); -1: none. Borrowed. */
void http_set_cancel(struct http *h, int fd);

/* One exchange. ret->body is the caller's to buf_done() after success; untouched on failure. */
int http_perform(struct http *h, const struct http_request *request, struct http_reply *ret,
                 struct err *err) MUSTER_NODISCARD;

/* When the certificate of the server of the open connection ends, unix milliseconds; 0: not known. */
int64_t http_peer_not_after_ms(const struct http *h);

/* Closes the connection now (long intervals: see docs). The next request opens it again, resuming the TLS session. */
void http_disconnect(struct http *h);

#endif
