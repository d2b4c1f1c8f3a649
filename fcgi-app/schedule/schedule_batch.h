/* schedule_batch.h: the scheduler's way to write: some configs or runs at a time in one closure. Private to schedule/.
 *
 * Several processes may run the scheduler. What is to be done is found by reading and decided anew inside the write, so
 * that it is done once whoever comes first. */
#ifndef MUSTER_SCHEDULE_SCHEDULE_BATCH_H
#define MUSTER_SCHEDULE_SCHEDULE_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/err.h"
#include "common/uuid.h"
#include "db/db.h"
#include "schedule/schedule.h"

struct app;

enum { SCHEDULE_BATCH = 50 };

struct schedule_batch;

/* What is done about one id, inside the write closure. The arena is emptied after each. */
typedef int schedule_each_fn(struct db *db, struct schedule_batch *batch, const char *id, struct err *err);

struct schedule_batch {
    struct app *app;
    schedule_each_fn *each;
    int64_t now_ms;
    struct arena *arena; /* the closure's own */
    size_t held_count;
    struct schedule
        held[SCHEDULE_BATCH]; /* until the end: of a zone that is in use GLib does not read the file again */
    size_t count;
    char ids[SCHEDULE_BATCH][UUID_SIZE];
    size_t wake_count;
    char wake[SCHEDULE_BATCH][UUID_SIZE]; /* agents that have got something to do */
};

/* Writes the batch, wakes the agents, and empties it. An empty one does nothing. */
int schedule_batch_write(struct schedule_batch *b, struct err *err) MUSTER_NODISCARD;

/* Adds an id, and writes when the batch is full. */
int schedule_batch_add(struct schedule_batch *b, const char *id, struct err *err) MUSTER_NODISCARD;

/* What takes its time: every few seconds. Looks for runs that take too long or that nobody will make, and at the next
 * configs after *after, which begins as "" and goes round: for those that are late or to be proven. */
int schedule_watch(struct app *app, struct db *db, int64_t now_ms, char after[UUID_SIZE],
                   struct err *err) MUSTER_NODISCARD;

#endif
