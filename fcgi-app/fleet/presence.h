/* presence.h: what the server knows of its agents without asking the database: a table in memory, keyed by the hash of
 * the API key.
 *
 * An entry is loaded from the database when its key is first seen and again when somebody changed an agent, a config or
 * a command (ops/changes.h), so that a revoked key stops working within a second on every process. Heartbeats touch
 * only the entry; presence_flush writes what changed in one batch. Nothing in here is the only copy of a truth but the
 * last second of `last seen`. Keys that are not known leave no trace, so guessing cannot fill the memory. Thread-safe.
 */
#ifndef MUSTER_FLEET_PRESENCE_H
#define MUSTER_FLEET_PRESENCE_H

#include <stddef.h>

#include "common/err.h"

struct app;
struct presence;

/* NULL when memory is out. presence_free(NULL) does nothing. */
struct presence *presence_new(void);
void presence_free(struct presence *p);

/* Writes what heartbeats have changed since the last flush; also at the end of a drain. Blocks until it is on disk. It
 * goes in chunks of a few hundred agents with a pause of pause_between_ms after each, so that ten thousand that are due
 * at once do not hold a core while others wait for their answers. */
int presence_flush(struct app *app, int pause_between_ms, struct err *err) MUSTER_NODISCARD;

/* How many agents are in memory. */
size_t presence_count(struct presence *p);

#endif
