/* stream.h: replies that go on: server-sent events (HTML Living Standard §9.2) through parked requests.
 *
 * A handler begins a stream, sends what there is and parks (http/park.h); each resume sends what is new and parks
 * again. Not parking ends the stream. Between two pieces it costs no thread and no memory beyond a parked request.
 *
 * Nothing here waits for a client: a piece that does not fit into what the socket still takes is not sent at all, and
 * the caller decides whether to try again later or to give up. What a resume takes from the request's arena stays
 * there until the stream ends, so streams live for minutes and make their text elsewhere. */
#ifndef MUSTER_HTTP_STREAM_H
#define MUSTER_HTTP_STREAM_H

#include "http/request.h"

enum { STREAM_PIECE_MAX = 32 * 1024 };

/* Makes the reply a stream: 200, text/event-stream. The headers go out with the first piece. After it the request has
 * its reply; reply_* must not be called any more. */
void stream_begin(struct req *r);
bool stream_begun(const struct req *r);

/* Whether a piece would go out now. */
bool stream_ready(const struct req *r);

/* Sends one piece, at most STREAM_PIECE_MAX bytes. False: the client has not taken enough of what was sent before, or
 * has gone; nothing of the piece was sent. Never blocks. */
bool stream_send(struct req *r, const char *text, size_t len) MUSTER_NODISCARD;

/* Breaks the connection: for a client that takes nothing any more, whose end would have to wait for it too. */
void stream_break(struct req *r);

/* For exchange_conclude: an end that would have to wait for the client breaks off instead. */
void stream_finish(struct req *r);

#endif
