#include "http/stream.h"

#include <assert.h>
#include <poll.h>
#include <sys/socket.h>

#include "http/exchange.h"

void stream_begin(struct req *r)
{
    struct http_exchange *x = r->exchange;
    x->stream = STREAM_HEAD;
    x->reply.status = 200;
    x->reply.content_type = "text/event-stream";
    reply_header(r, "X-Accel-Buffering", "no"); /* nginx hands each piece on as it comes */
}

bool stream_begun(const struct req *r)
{
    return r->exchange->stream != STREAM_NONE;
}

/* A unix socket says that it can be written to while at most a quarter of its buffer (some 200 KiB) is full: then a
 * piece fits and the write cannot block. */
static bool writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0 && (p.revents & POLLOUT) != 0;
}

bool stream_ready(const struct req *r)
{
    return r->exchange->stream != STREAM_BROKEN && writable(r->exchange->fcgi.ipcFd);
}

bool stream_send(struct req *r, const char *text, size_t len)
{
    struct http_exchange *x = r->exchange;
    assert(len <= STREAM_PIECE_MAX);
    if (!stream_ready(r))
        return false;
    if (x->stream == STREAM_HEAD) {
        size_t head_len = 0;
        const char *head = reply_head(x, &head_len);
        if (head == NULL || FCGX_PutStr(head, (int)head_len, x->fcgi.out) < 0)
            return false;
        x->stream = STREAM_OPEN;
    }
    return FCGX_PutStr(text, (int)len, x->fcgi.out) == (int)len && FCGX_FFlush(x->fcgi.out) == 0;
}

void stream_break(struct req *r)
{
    struct http_exchange *x = r->exchange;
    x->stream = STREAM_BROKEN;
    (void)shutdown(x->fcgi.ipcFd, SHUT_RDWR);
}

void stream_finish(struct req *r)
{
    if (!writable(r->exchange->fcgi.ipcFd))
        stream_break(r);
}
