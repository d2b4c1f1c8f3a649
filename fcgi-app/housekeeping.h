/* housekeeping.h: what the areas do by the clock. Two threads: a quick one for what must not wait (presence, sessions),
 * and a slow one for what may take its time on the disk (backups, copies of the database). */
#ifndef MUSTER_HOUSEKEEPING_H
#define MUSTER_HOUSEKEEPING_H

#include "common/err.h"

struct app;
struct housekeeping;

int housekeeping_start(struct app *app, struct housekeeping **ret, struct err *err) MUSTER_NODISCARD;
void housekeeping_stop(struct housekeeping *h); /* waits for the round under way; NULL does nothing */

#endif
