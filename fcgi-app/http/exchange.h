/* exchange.h: one request on the FastCGI side: the connection, the reply that is being made, and the memory of both.
 * Private to http/. */
#ifndef MUSTER_HTTP_EXCHANGE_H
#define MUSTER_HTTP_EXCHANGE_H

#include <fcgiapp.h>

#include "http/line.h"
#include "http/park.h"
#include "http/request.h"
#include "http/uri.h"

enum { EXCHANGE_ARENA_BYTES = 4 * 1024 * 1024, REPLY_HEADERS_MAX = 12 };

struct reply {
    int status; /* 0: none set yet */
    const char *content_type;
    const void *body;
    size_t len;
    reply_chunk_fn *chunk; /* NULL: body is all there is */
    void *chunk_ctx;
    struct {
        const char *name;
        const char *value;
    } headers[REPLY_HEADERS_MAX]; /* these stay when another reply is set */
    size_t header_count;
    bool broken; /* a header could not be added: a 500 */
};

/* What park_request was asked; carried out when the handler has returned and nobody else touches the request. */
struct park_wish {
    bool wanted;
    char key[64];
    uint64_t seen;
    int64_t deadline_ms; /* on the monotonic clock */
    park_resume_fn *resume;
    void *ctx;
};

/* In a line (http/line.h): it is at work there, or waits. */
struct line_place {
    struct line *line; /* NULL: in none */
    bool known;        /* goes before those who are not */
    bool waits;
    int64_t since_ms;           /* at work, by its thread's processor time */
    struct http_exchange *next; /* the line's own */
};

/* Of a reply that goes on (http/stream.h): whether it is one, and how far it is. */
enum stream_state { STREAM_NONE, STREAM_HEAD, STREAM_OPEN, STREAM_BROKEN };

struct http_exchange {
    FCGX_Request fcgi;
    struct req req;
    struct arena *arena;
    struct reply reply;
    enum stream_state stream;
    struct park_wish park;
    struct line_place place;
    const struct uri_pair *query;
    size_t query_count;
    bool body_read; /* to its end */
};

/* One that waits for requests on listen_fd. NULL when memory is out. */
struct http_exchange *exchange_new(struct app *app, int listen_fd);
void exchange_free(struct http_exchange *x); /* NULL does nothing; an unanswered request is dropped */

/* After FCGX_Accept_r: finds the route, checks, calls the handler. */
void exchange_dispatch(struct http_exchange *x);

/* When its turn in a line has come: calls the handler again, with x->req.db set to this thread's. */
void exchange_dispatch_again(struct http_exchange *x);

/* After a handler or a resume has returned: parks the request when it asked for that (it then belongs to the park and
 * true is returned), else sends the reply and ends the request, ready for the next. */
bool exchange_conclude(struct http_exchange *x);

/* Ends the request without a reply: the client has gone. */
void exchange_drop(struct http_exchange *x);

/* Carries out x->park; x is the park's from then on. */
void park_commit(struct park *p, struct http_exchange *x);

/* A request that wants to wait (x->place.waits) joins the line, which it then belongs to; false: there is a place for
 * it by now, and it is its turn. */
bool line_commit(struct http_exchange *x);

/* When the one who had this place has been answered: the next, who has it now; NULL: nobody waits. Blocks while
 * strangers alone wait and it is not their time yet. */
struct http_exchange *line_next(const struct line_place *place);

/* Reads the body, at most max bytes of it, into the arena. False after a reply (400, 413) was set. exchange_conclude
 * reads what nobody asked for: a connection closed with bytes unread loses its reply. */
bool body_read(struct http_exchange *x, size_t max);
void body_drain(struct http_exchange *x);

/* False after a reply (403) was set. */
bool csrf_check(struct req *r);

/* reply_bytes without the copy: data and type live as long as the request. */
void reply_borrowed(struct req *r, int status, const char *content_type, const void *data, size_t len);

/* The whole reply as it goes to nginx: header block, then body. The block comes from the arena; NULL: no room. */
const char *reply_head(struct http_exchange *x, size_t *ret_len);

#endif
