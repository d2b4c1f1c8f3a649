/* park.h: requests that wait without a thread: long polls, and streams between two pieces.
 *
 * A handler that has nothing to say yet calls park_request(); the worker goes on with other requests. When its key is
 * woken, its deadline passes, or the server drains, a finisher thread calls resume, which sets the reply as a handler
 * would, with a read connection of the finisher's in req->db. When the client has gone away, the request is dropped
 * without resume. A stream (http/stream.h) parks again and again. Cost: about 25 KiB here and as much in nginx for
 * each. */
#ifndef MUSTER_HTTP_PARK_H
#define MUSTER_HTTP_PARK_H

#include "http/request.h"

struct park;

enum park_reason { PARK_WOKEN, PARK_DEADLINE, PARK_DRAIN };

/* Runs on a finisher thread. May park the request again instead of replying. */
typedef void park_resume_fn(struct req *r, enum park_reason reason, void *ctx);

/* Starts the finisher threads (and the watch for clients that leave). finish_init gives each its read connection. */
int park_start(struct app *app, unsigned finishers, size_t max_parked, struct park **ret,
               struct err *err) MUSTER_NODISCARD;

/* Resumes every parked request with PARK_DRAIN and refuses new ones; the finishers go on. */
void park_drain(struct park *p);

/* park_drain, then ends the threads when all have been answered. NULL does nothing. */
void park_stop(struct park *p);

/* Parks r under key (an agent id, say; copied) for at most wait_ms. ctx must live in r->arena. ERR_UNAVAILABLE when
 * full or draining: the handler then replies at once. `seen` is park_generation(key's) reading made before the handler
 * looked for news: a wake between then and now resumes at once, so none is lost. */
int park_request(struct req *r, const char *key, uint64_t seen, int64_t wait_ms, park_resume_fn *resume, void *ctx,
                 struct err *err) MUSTER_NODISCARD;

/* How often anything was woken so far. */
uint64_t park_generation(struct park *p);

/* Wakes all parked under key; park_wake_all wakes everyone. Thread-safe, does not block on I/O. */
void park_wake(struct park *p, const char *key);
void park_wake_all(struct park *p);

size_t park_count(struct park *p);

#endif
