#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_parse.h"

struct result {
    int rc;
    struct http_parser p;
    char body[4096];
    size_t body_len;
    size_t used;
};

/* Feeds the text in pieces of step bytes, then the end of the stream unless the reply is done. */
static void feed(struct result *r, const char *text, size_t step, bool head)
{
    struct err err = {0};
    size_t len = strlen(text);
    memset(r, 0, sizeof *r);
    http_parser_init(&r->p, head);
    while (r->rc == 0 && r->used < len && !r->p.done) {
        size_t left = len - r->used < step ? len - r->used : step;
        size_t used;
        struct span body;
        r->rc = http_parser_feed(&r->p, text + r->used, left, &used, &body, &err);
        if (r->rc != 0)
            break;
        assert_true(used > 0 || body.len > 0);
        assert_true(r->body_len + body.len < sizeof r->body);
        if (body.len > 0)
            memcpy(r->body + r->body_len, body.ptr, body.len);
        r->body_len += body.len;
        r->used += used;
    }
    if (r->rc == 0 && !r->p.done)
        r->rc = http_parser_end(&r->p, &err);
    http_parser_done(&r->p);
}

/* Whatever the pieces the network cut it into, the outcome is the same. */
static void feed_every_way(struct result *r, const char *text, bool head)
{
    feed(r, text, SIZE_MAX, head);
    for (size_t step = 1; step <= 7; step++) {
        struct result other;
        feed(&other, text, step, head);
        assert_int_equal(other.rc, r->rc);
        if (r->rc != 0)
            continue;
        assert_int_equal(other.p.status, r->p.status);
        assert_int_equal(other.body_len, r->body_len);
        assert_memory_equal(other.body, r->body, r->body_len);
        assert_int_equal(other.p.keep_alive, r->p.keep_alive);
    }
}

static void assert_body(const char *text, const char *body)
{
    struct result r;
    feed_every_way(&r, text, false);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.body_len, strlen(body));
    assert_memory_equal(r.body, body, r.body_len);
}

static void assert_fails(const char *text, int code)
{
    struct result r;
    feed_every_way(&r, text, false);
    assert_int_equal(r.rc, code);
}

static void a_reply_with_a_length_is_read(void **state)
{
    (void)state;
    struct result r;
    feed_every_way(&r,
                   "HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 5\r\n"
                   "ETag: \"0123abc\"\r\nRetry-After: 120\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nhello",
                   false);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.p.status, 200);
    assert_true(r.p.keep_alive);
    assert_string_equal(r.p.content_type, "application/json");
    assert_string_equal(r.p.etag, "0123abc");
    assert_int_equal(r.p.retry_after_s, 120);
    assert_true(r.p.date_ms == 784111777000);
    assert_int_equal(r.p.content_length, 5);
    assert_int_equal(r.body_len, 5);
}

static void chunks_become_one_body(void **state)
{
    (void)state;
    assert_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=\"x\"\r\n world\r\n0\r\n\r\n",
                "hello world");
    assert_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
                "0123456789");
}

static void a_body_without_length_ends_with_the_connection(void **state)
{
    (void)state;
    struct result r;
    feed_every_way(&r, "HTTP/1.1 200 OK\r\n\r\nall of it", false);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.body_len, 9);
    assert_false(r.p.keep_alive);
}

static void replies_that_have_no_body_end_with_their_head(void **state)
{
    (void)state;
    struct result r;
    feed_every_way(&r, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nnext", false);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.body_len, 0);
    feed_every_way(&r, "HTTP/1.1 304 Not Modified\r\n\r\n", false);
    assert_int_equal(r.rc, 0);
    feed_every_way(&r, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.p.content_length, 5);
}

static void interim_replies_are_skipped(void **state)
{
    (void)state;
    assert_body("HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                "ok");
    char many[4096] = "";
    for (int i = 0; i <= HTTP_INTERIM_MAX; i++)
        strcat(many, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_fails(many, ERR_TOO_BIG);
}

static void bytes_after_the_reply_are_left_alone(void **state)
{
    (void)state;
    struct result r;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n";
    feed(&r, text, SIZE_MAX, false);
    assert_int_equal(r.rc, 0);
    assert_string_equal(text + r.used, "HTTP/1.1 200 OK\r\n");
}

static void the_server_may_close_the_connection(void **state)
{
    (void)state;
    struct result r;
    feed_every_way(&r, "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 0\r\n\r\n", false);
    assert_int_equal(r.rc, 0);
    assert_false(r.p.keep_alive);
    feed_every_way(&r, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false);
    assert_false(r.p.keep_alive);
}

static void a_reply_that_is_cut_off_is_no_reply(void **state)
{
    (void)state;
    static const char whole[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char part[sizeof whole];
        memcpy(part, whole, len);
        part[len] = '\0';
        assert_fails(part, ERR_UNAVAILABLE);
    }
    assert_fails("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", ERR_UNAVAILABLE);
}

static void what_is_not_http_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 No\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: empty\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1234567890abcdef\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_fails(wrong[i], ERR_INVALID);
}

static void lines_and_heads_have_limits(void **state)
{
    (void)state;
    struct http_parser p;
    struct err err;
    struct span body;
    size_t used;
    char *line = malloc(HTTP_LINE_MAX + 2);
    assert_non_null(line);
    memset(line, 'a', HTTP_LINE_MAX + 2);
    http_parser_init(&p, false);
    assert_int_equal(http_parser_feed(&p, line, HTTP_LINE_MAX + 2, &used, &body, &err), ERR_TOO_BIG);
    http_parser_done(&p);

    http_parser_init(&p, false);
    assert_int_equal(http_parser_feed(&p, "HTTP/1.1 200 OK\r\n", 17, &used, &body, &err), 0);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < HTTP_HEAD_MAX; i++)
        rc = http_parser_feed(&p, "A: b\r\n", 6, &used, &body, &err);
    assert_int_equal(rc, ERR_TOO_BIG);
    http_parser_done(&p);
    free(line);
}

static void an_etag_that_is_none_is_left_empty(void **state)
{
    (void)state;
    struct result r;
    feed(&r, "HTTP/1.1 200 OK\r\nETag: unquoted\r\nContent-Length: 0\r\n\r\n", SIZE_MAX, false);
    assert_string_equal(r.p.etag, "");
    feed(&r, "HTTP/1.1 200 OK\r\nETag: W/\"weak\"\r\nContent-Length: 0\r\n\r\n", SIZE_MAX, false);
    assert_string_equal(r.p.etag, "weak");
    assert_true(r.p.etag_weak);
    feed(&r, "HTTP/1.1 200 OK\r\nETag: \"strong\"\r\nContent-Length: 0\r\n\r\n", SIZE_MAX, false);
    assert_false(r.p.etag_weak);
}

static struct http_range range_of(const char *header)
{
    char text[200];
    struct result r;
    (void)snprintf(text, sizeof text, "HTTP/1.1 206 Partial\r\n%s\r\nContent-Length: 0\r\n\r\n", header);
    feed(&r, text, SIZE_MAX, false);
    assert_int_equal(r.rc, 0);
    return r.p.range;
}

static void assert_range(const char *header, int64_t from, int64_t to, int64_t size)
{
    struct http_range range = range_of(header);
    assert_true(range.from == from && range.to == to && range.size == size);
}

static void a_content_range_says_which_bytes_of_how_many(void **state)
{
    (void)state;
    assert_range("Content-Range: bytes 0-99/500", 0, 99, 500);
    assert_range("content-range:bytes 499-499/500", 499, 499, 500);
    assert_range("Content-Range: bytes 7-9/*", 7, 9, -1);
    assert_range("Content-Range: bytes */500", -1, -1, 500);
    assert_range("X: y", -1, -1, -1);
}

static void a_content_range_that_does_not_hold_together_counts_as_none(void **state)
{
    static const char *const wrong[] = {
        "bytes 9-7/500",   "bytes 0-500/500",
        "bytes 0-/500",    "bytes -5/500",
        "bytes 0-99",      "bytes 0-99/500 ?",
        "lines 0-9/50",    "bytes 0-99/50 0",
        "bytes 00-9/50",   "bytes=0-9/50",
        "bytes 0-99/-500", "",
        "bytes",           "bytes 0-9223372036854775808/9223372036854775809",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char header[100];
        (void)snprintf(header, sizeof header, "Content-Range: %s", wrong[i]);
        assert_range(header, -1, -1, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_with_a_length_is_read),
        cmocka_unit_test(chunks_become_one_body),
        cmocka_unit_test(a_body_without_length_ends_with_the_connection),
        cmocka_unit_test(replies_that_have_no_body_end_with_their_head),
        cmocka_unit_test(interim_replies_are_skipped),
        cmocka_unit_test(bytes_after_the_reply_are_left_alone),
        cmocka_unit_test(the_server_may_close_the_connection),
        cmocka_unit_test(a_reply_that_is_cut_off_is_no_reply),
        cmocka_unit_test(what_is_not_http_is_refused),
        cmocka_unit_test(lines_and_heads_have_limits),
        cmocka_unit_test(an_etag_that_is_none_is_left_empty),
        cmocka_unit_test(a_content_range_says_which_bytes_of_how_many),
        cmocka_unit_test(a_content_range_that_does_not_hold_together_counts_as_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
