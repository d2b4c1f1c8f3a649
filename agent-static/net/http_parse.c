#include "net/http_parse.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum state { STATUS_LINE, HEADER, BODY_LENGTH, BODY_UNTIL_CLOSE, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

static void reset_head(struct http_parser *p)
{
    p->state = STATUS_LINE;
    p->status = 0;
    p->keep_alive = true;
    p->content_length = -1;
    p->retry_after_s = -1;
    p->date_ms = 0;
    p->etag[0] = '\0';
    p->etag_weak = false;
    p->range = (struct http_range){.from = -1, .to = -1, .size = -1};
    p->content_type[0] = '\0';
    p->chunked = false;
    p->length_given = false;
}

void http_parser_init(struct http_parser *p, bool no_body)
{
    *p = (struct http_parser){.no_body = no_body};
    reset_head(p);
    buf_init(&p->line, HTTP_LINE_MAX);
}

void http_parser_done(struct http_parser *p)
{
    buf_done(&p->line);
}

/* "HTTP/1.1 200 OK"; the reason phrase may be missing altogether. */
static int parse_status_line(struct http_parser *p, struct span line, struct err *err)
{
    struct cursor c;
    cursor_init(&c, line);
    uint64_t minor;
    uint64_t status;
    if (!cursor_literal(&c, "HTTP/1.") || !cursor_uint(&c, 9, &minor) || !cursor_char(&c, ' ') ||
        !cursor_uint(&c, 999, &status) || status < 100 || !(cursor_done(&c) || *c.at == ' '))
        return err_set(err, ERR_INVALID, "the peer does not speak HTTP/1.1");
    p->status = (int)status;
    p->keep_alive = minor >= 1;
    p->state = HEADER;
    return 0;
}

static int month_of(struct span s)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; s.len == 3 && i < 12; i++)
        if (memcmp(names + (ptrdiff_t)i * 3, s.ptr, 3) == 0)
            return i + 1;
    return 0;
}

/* IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7); the obsolete forms are not read. */
static bool parse_date(struct span s, int64_t *ret_ms)
{
    if (s.len != 29 || memcmp(s.ptr + 3, ", ", 2) != 0 || memcmp(s.ptr + 25, " GMT", 4) != 0)
        return false;
    int month = month_of((struct span){.ptr = s.ptr + 8, .len = 3});
    char text[40];
    (void)snprintf(text, sizeof text, "%.4s-%02d-%.2sT%.8sZ", s.ptr + 12, month, s.ptr + 5, s.ptr + 17);
    return clock_parse_rfc3339(text, ret_ms);
}

static bool parse_decimal(struct span s, int64_t max, int64_t *ret)
{
    struct cursor c;
    cursor_init(&c, s);
    uint64_t n;
    if (!cursor_uint(&c, (uint64_t)max, &n) || !cursor_done(&c))
        return false;
    *ret = (int64_t)n;
    return true;
}

static int parse_content_length(struct http_parser *p, struct span value, struct err *err)
{
    int64_t n;
    if (!parse_decimal(value, INT64_MAX, &n))
        return err_set(err, ERR_INVALID, "bad Content-Length");
    if (p->length_given && n != p->content_length)
        return err_set(err, ERR_INVALID, "two different Content-Lengths");
    p->content_length = n;
    p->length_given = true;
    return 0;
}

static void parse_etag(struct http_parser *p, struct span value)
{
    bool weak = value.len >= 2 && memcmp(value.ptr, "W/", 2) == 0;
    if (weak)
        value = (struct span){.ptr = value.ptr + 2, .len = value.len - 2};
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"' || value.len - 2 >= sizeof p->etag)
        return; /* not ours to judge: whoever needs one finds it empty */
    memcpy(p->etag, value.ptr + 1, value.len - 2);
    p->etag[value.len - 2] = '\0';
    p->etag_weak = weak;
}

/* RFC 9110 §14.4. What does not hold together counts as not sent. */
static void parse_content_range(struct http_parser *p, struct span value)
{
    struct cursor c;
    uint64_t from = 0, to = 0, size = 0;
    cursor_init(&c, value);
    if (!cursor_literal(&c, "bytes "))
        return;
    bool ranged = !cursor_char(&c, '*');
    if (ranged && (!cursor_uint(&c, INT64_MAX, &from) || !cursor_char(&c, '-') || !cursor_uint(&c, INT64_MAX, &to)))
        return;
    if (!cursor_char(&c, '/'))
        return;
    bool sized = !cursor_char(&c, '*');
    if ((sized && !cursor_uint(&c, INT64_MAX, &size)) || !cursor_done(&c))
        return;
    if (ranged && (from > to || (sized && to >= size)))
        return;
    p->range = (struct http_range){
        .from = ranged ? (int64_t)from : -1, .to = ranged ? (int64_t)to : -1, .size = sized ? (int64_t)size : -1};
}

static void parse_content_type(struct http_parser *p, struct span value)
{
    size_t len = 0;
    while (len < value.len && len < sizeof p->content_type - 1 && strchr("; \t", value.ptr[len]) == NULL) {
        char c = value.ptr[len];
        p->content_type[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    p->content_type[len] = '\0';
}

static void parse_connection(struct http_parser *p, struct span value)
{
    struct cursor c;
    cursor_init(&c, value);
    struct span option;
    while (cursor_field(&c, ',', &option))
        if (span_equal_nocase(span_trim(option), "close"))
            p->keep_alive = false;
}

static int parse_field(struct http_parser *p, struct span name, struct span value, struct err *err)
{
    if (span_equal_nocase(name, "content-length"))
        return parse_content_length(p, value, err);
    if (span_equal_nocase(name, "transfer-encoding")) {
        if (p->chunked || !span_equal_nocase(value, "chunked"))
            return err_set(err, ERR_INVALID, "a transfer coding we do not know");
        p->chunked = true;
    } else if (span_equal_nocase(name, "connection")) {
        parse_connection(p, value);
    } else if (span_equal_nocase(name, "retry-after")) {
        int64_t at_ms;
        if (!parse_decimal(value, INT32_MAX, &p->retry_after_s) && parse_date(value, &at_ms) && p->date_ms > 0)
            p->retry_after_s = at_ms > p->date_ms ? (at_ms - p->date_ms) / 1000 : 0;
    } else if (span_equal_nocase(name, "date")) {
        (void)parse_date(value, &p->date_ms);
    } else if (span_equal_nocase(name, "etag")) {
        parse_etag(p, value);
    } else if (span_equal_nocase(name, "content-range")) {
        parse_content_range(p, value);
    } else if (span_equal_nocase(name, "content-type")) {
        parse_content_type(p, value);
    }
    return 0;
}

static int parse_header(struct http_parser *p, struct span line, struct err *err)
{
    struct cursor c;
    cursor_init(&c, line);
    struct span name;
    if (!cursor_until(&c, ':', &name) || name.len == 0)
        return err_set(err, ERR_INVALID, "a header line without a name");
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~')
            return err_set(err, ERR_INVALID, "a header name with blanks in it");
    struct span value = span_trim((struct span){.ptr = c.at, .len = (size_t)(c.end - c.at)});
    if (memchr(value.ptr, '\0', value.len) != NULL || memchr(value.ptr, '\r', value.len) != NULL)
        return err_set(err, ERR_INVALID, "a header value with control characters in it");
    return parse_field(p, name, value, err);
}

static void finish(struct http_parser *p)
{
    p->done = true;
}

/* The empty line: what kind of body follows (RFC 9112 §6.3). */
static int end_head(struct http_parser *p, struct err *err)
{
    if (p->status < 200) {
        if (p->status == 101)
            return err_set(err, ERR_INVALID, "the peer switched to another protocol");
        if (++p->interim_count > HTTP_INTERIM_MAX)
            return err_set(err, ERR_TOO_BIG, "too many interim replies");
        reset_head(p);
        return 0;
    }
    if (p->chunked && p->length_given)
        return err_set(err, ERR_INVALID, "both Content-Length and chunked");
    p->head_done = true;
    if (p->no_body || p->status == 204 || p->status == 304) {
        finish(p);
    } else if (p->chunked) {
        p->state = CHUNK_SIZE;
    } else if (p->length_given) {
        p->state = BODY_LENGTH;
        p->remaining = (uint64_t)p->content_length;
        if (p->remaining == 0)
            finish(p);
    } else {
        p->state = BODY_UNTIL_CLOSE;
        p->keep_alive = false;
    }
    return 0;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "1a2b;extension": at most 15 digits, so that no sum can overflow. */
static int parse_chunk_size(struct http_parser *p, struct span line, struct err *err)
{
    uint64_t size = 0;
    size_t digits = 0;
    while (digits < line.len && hex_value(line.ptr[digits]) >= 0 && digits < 16)
        size = size * 16 + (uint64_t)hex_value(line.ptr[digits++]);
    bool ends = digits == line.len || strchr("; \t", line.ptr[digits]) != NULL;
    if (digits == 0 || digits > 15 || !ends)
        return err_set(err, ERR_INVALID, "bad chunk size");
    p->remaining = size;
    p->state = size > 0 ? CHUNK_DATA : TRAILER;
    return 0;
}

static int take_line(struct http_parser *p, struct span line, struct err *err)
{
    switch ((enum state)p->state) {
    case STATUS_LINE: return parse_status_line(p, line, err);
    case HEADER: return line.len == 0 ? end_head(p, err) : parse_header(p, line, err);
    case CHUNK_SIZE: return parse_chunk_size(p, line, err);
    case CHUNK_END:
        if (line.len != 0)
            return err_set(err, ERR_INVALID, "a chunk longer than its size");
        p->state = CHUNK_SIZE;
        return 0;
    case TRAILER:
        if (line.len == 0)
            finish(p); /* trailer fields themselves mean nothing to us */
        return 0;
    case BODY_LENGTH:
    case BODY_UNTIL_CLOSE:
    case CHUNK_DATA: break;
    }
    return err_set(err, ERR_INTERNAL, "no line expected");
}

/* Gathers one line; complete once its LF is in. */
static int feed_line(struct http_parser *p, const char *data, size_t len, size_t *ret_used, struct err *err)
{
    const char *lf = memchr(data, '\n', len);
    size_t take = lf != NULL ? (size_t)(lf - data) + 1 : len;
    if (p->state != CHUNK_SIZE && p->state != CHUNK_END) {
        p->head_bytes += take;
        if (p->head_bytes > HTTP_HEAD_MAX)
            return err_set(err, ERR_TOO_BIG, "the reply's head is too long");
    }
    buf_add(&p->line, data, take);
    if (!buf_ok(&p->line))
        return err_set(err, ERR_TOO_BIG, "a line of the reply is too long");
    *ret_used = take;
    if (lf == NULL)
        return 0;
    size_t line_len = p->line.len - 1;
    if (line_len > 0 && p->line.data[line_len - 1] == '\r')
        line_len--;
    int rc = take_line(p, (struct span){.ptr = p->line.data, .len = line_len}, err);
    buf_clear(&p->line);
    return rc;
}

static void feed_body(struct http_parser *p, const char *data, size_t len, size_t *ret_used, struct span *ret_body)
{
    bool bounded = p->state != BODY_UNTIL_CLOSE;
    size_t take = bounded && p->remaining < len ? (size_t)p->remaining : len;
    *ret_body = (struct span){.ptr = data, .len = take};
    *ret_used = take;
    if (!bounded)
        return;
    p->remaining -= take;
    if (p->remaining > 0)
        return;
    if (p->state == BODY_LENGTH)
        finish(p);
    else
        p->state = CHUNK_END;
}

int http_parser_feed(struct http_parser *p, const char *data, size_t len, size_t *ret_used, struct span *ret_body,
                     struct err *err)
{
    size_t used = 0;
    struct span body = {.ptr = data, .len = 0};
    while (used < len && !p->done && body.len == 0) {
        size_t step = 0;
        if (p->state == BODY_LENGTH || p->state == BODY_UNTIL_CLOSE || p->state == CHUNK_DATA) {
            feed_body(p, data + used, len - used, &step, &body);
        } else {
            int rc = feed_line(p, data + used, len - used, &step, err);
            if (rc != 0)
                return rc;
        }
        used += step;
    }
    *ret_used = used;
    *ret_body = body;
    return 0;
}

int http_parser_end(struct http_parser *p, struct err *err)
{
    if (p->done)
        return 0;
    if (p->state == BODY_UNTIL_CLOSE) {
        finish(p);
        return 0;
    }
    return err_set(err, ERR_UNAVAILABLE, "the server closed the connection before the reply was complete");
}
