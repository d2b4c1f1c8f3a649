/* thaw.h: whether the store can give out what a restore needs, and asking it to bring back what it has archived (S3's
 * Glacier classes). What was seen last is noted in backup_objects.thaw, for people to see. Private to restore/. */
#ifndef MUSTER_RESTORE_THAW_H
#define MUSTER_RESTORE_THAW_H

#include "restore/restorable.h"

struct app;

enum {
    THAW_DAYS = 7,          /* how long what was brought back stays */
    THAW_RETRY_S = 15 * 60, /* it takes hours; when to ask again */
};

struct thaw {
    size_t objects;
    size_t waiting; /* of them: cannot be read yet */
};

/* Looks at every object of the chain, asks for what is archived, notes what has changed. ERR_CONFLICT: an object is
 * gone or is not what was stored; ERR_UNAVAILABLE: the store does not answer. Blocks on the store and writes: not
 * inside a write closure. */
int thaw_chain(struct app *app, const struct restorable *r, int64_t now_ms, struct arena *arena, struct thaw *ret,
               struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: notes what has gone back to the archive after its days. */
int thaw_over(struct db *db, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

#endif
