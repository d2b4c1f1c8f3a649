/* tick.h: what the parts of backup_tick share. Private to backup/. */
#ifndef MUSTER_BACKUP_TICK_H
#define MUSTER_BACKUP_TICK_H

#include <stdbool.h>

#include "common/arena.h"
#include "db/db.h"

struct app;
struct backup_upkeep;

struct tick {
    struct app *app;
    struct db *db; /* reads */
    struct arena *arena;
    int64_t now_ms;
    int64_t deadline_ms; /* monotonic */
    struct backup_upkeep *upkeep;
};

/* Whether what is left is better left to the next tick: a store that does not answer must hold up nobody else. */
bool tick_late(const struct tick *t);

/* Runs that are lost, and queued ones that will not begin. */
int tick_runs(struct tick *t, struct err *err) MUSTER_NODISCARD;

/* Volumes that can be made already; what runs that ended badly have left in the store; uploads that nobody knows. */
int tick_objects(struct tick *t, struct err *err) MUSTER_NODISCARD;

#endif
