/* http_parse.h: an HTTP/1.1 reply (RFC 9112), byte by byte, without I/O, so that it can be fuzzed.
 *
 * The caller feeds whatever arrived; body bytes come back as spans of what was fed. Strict where leniency has cost
 * others dearly: no folded headers, no conflicting lengths, no transfer coding but chunked, bounded lines and heads.
 * Interim replies (1xx) are skipped. */
#ifndef MUSTER_AGENT_NET_HTTP_PARSE_H
#define MUSTER_AGENT_NET_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cursor.h"
#include "common/err.h"

enum { HTTP_LINE_MAX = 8 * 1024, HTTP_HEAD_MAX = 32 * 1024, HTTP_INTERIM_MAX = 8 };

/* "bytes 0-99/500"; with status 416 only the size, behind an asterisk. */
struct http_range {
    int64_t from; /* -1: the header was not there, or is not understood, or names no range */
    int64_t to;   /* the last byte, not the one after it */
    int64_t size; /* of the whole; -1: not said */
};

struct http_parser {
    /* What the reply says; complete once head_done. */
    int status;
    bool keep_alive;        /* the connection can carry another request after this reply */
    int64_t content_length; /* -1: none was given */
    int64_t retry_after_s;  /* -1: none */
    int64_t date_ms;        /* 0: none */
    char etag[80];          /* without quotes and W/ */
    bool etag_weak;
    struct http_range range; /* Content-Range */
    char content_type[64];   /* without parameters, lower case */
    bool head_done;
    bool done;

    /* The parser's own. */
    int state;
    bool no_body; /* the request was HEAD */
    bool chunked;
    bool length_given;
    uint64_t remaining; /* of the body or the chunk */
    size_t head_bytes;
    int interim_count;
    struct buf line;
};

/* no_body: the request was HEAD. */
void http_parser_init(struct http_parser *p, bool no_body);
void http_parser_done(struct http_parser *p);

/* Takes *ret_used bytes of data, all of them unless the reply is done or body bytes come first: then *ret_body (inside
 * data, possibly empty) is the next piece and the caller feeds the rest. Stops for good at p->done. ERR_INVALID when
 * this is not HTTP, ERR_TOO_BIG when a limit is passed. */
int http_parser_feed(struct http_parser *p, const char *data, size_t len, size_t *ret_used, struct span *ret_body,
                     struct err *err) MUSTER_NODISCARD;

/* The peer has closed. 0 and p->done when that ends the body, else ERR_UNAVAILABLE. */
int http_parser_end(struct http_parser *p, struct err *err) MUSTER_NODISCARD;

#endif
