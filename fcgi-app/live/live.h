/* live.h: GET /api/live: what changes, as server-sent events, so that open pages need not ask every few seconds.
 *
 * An event only says "look again", by topic: what a person may see is decided where it is read, as for every request.
 * Of many changes at once a page hears once a second. With `agent` the stream carries that agent's log events
 * themselves. A stream ends after a quarter of an hour (the browser begins the next), when its session is over, when
 * the person's role has changed, when a second factor is asked of everybody and they have none, when what it shows is
 * no longer theirs to see, and when the client does not keep up. How many there may be is bounded, for each person and
 * in all. */
#ifndef MUSTER_LIVE_LIVE_H
#define MUSTER_LIVE_LIVE_H

#include "app.h"
#include "http/request.h"

struct live;

struct live *live_new(void); /* NULL: out of memory */
void live_free(struct live *hub);

/* Hears of the topics (ops/changes.h). Before changes_start. */
int live_watch(struct app *app, struct err *err) MUSTER_NODISCARD;

/* Every second, on a thread of its own: wakes the streams when something changed that they have not been told. */
void live_tick(struct app *app);

/* How many streams are open. */
size_t live_count(struct live *hub);

/* Handler */
void live_stream(struct req *r);

#endif
