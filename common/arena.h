/* arena.h: memory that lives and dies together, with a hard cap.
 *
 * One arena per request: everything the request makes comes from it, arena_reset() gives it back at once and runs the
 * cleanup callbacks, last registered first. What it held is wiped then: requests carry passwords. The cap bounds what a
 * hostile peer can make us hold. Not thread-safe: an arena belongs to one thread at a time (a parked request hands its
 * arena over with itself). */
#ifndef MUSTER_COMMON_ARENA_H
#define MUSTER_COMMON_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "err.h"

struct arena;

/* A new arena that will never hold more than cap_bytes. NULL when memory is out. */
struct arena *arena_new(size_t cap_bytes);

/* Runs the cleanups and frees everything. arena_free(NULL) does nothing. */
void arena_free(struct arena *a);

/* Runs the cleanups and forgets every allocation; the first block is kept for reuse. */
void arena_reset(struct arena *a);

/* size zeroed bytes, aligned for any type; NULL when the cap or memory is out. size 0 gives a unique pointer. */
void *arena_alloc(struct arena *a, size_t size);

/* count * size zeroed bytes; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* A NUL-terminated copy of len bytes, or of a string; NULL when out of room. arena_strdup(a, NULL) is NULL. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);

/* A formatted string, or NULL when out of room. */
char *arena_printf(struct arena *a, const char *fmt, ...) MUSTER_PRINTF(2, 3);

/* Has fn(arg) called at reset or free. Returns ERR_NOMEM, and has not registered it, when out of room. */
int arena_cleanup(struct arena *a, void (*fn)(void *arg), void *arg) MUSTER_NODISCARD;

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);

#endif
