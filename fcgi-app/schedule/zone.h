/* zone.h: named time zones, as tzdata has them. Private to schedule/.
 *
 * GLib reads them, since the C library knows one zone per process, which the environment chooses. A zone is never
 * changed after it was opened and may be used by many threads. Moments are unix seconds; "local" is what a wall clock
 * there shows, counted as if it were UTC. */
#ifndef MUSTER_SCHEDULE_ZONE_H
#define MUSTER_SCHEDULE_ZONE_H

#include <stdint.h>

#include "common/err.h"

enum { ZONE_NAME_MAX = 64 };

struct zone;

/* name: "Europe/Berlin", "UTC". ERR_INVALID, with what to write instead, for everything that tzdata does not have; a
 * name can lead nowhere but into tzdata. Reads a small file. */
int zone_open(const char *name, struct zone **ret, struct err *err) MUSTER_NODISCARD;
void zone_close(struct zone *z); /* NULL does nothing */

/* What the zone's clocks show less what UTC shows, at that moment. */
int64_t zone_offset_s(const struct zone *z, int64_t at_s);

/* The first moment after from_s, up to to_s, whose offset is another than at from_s; to_s when there is none. Of two
 * changes in between one is found: ask about a day or two. */
int64_t zone_change_s(const struct zone *z, int64_t from_s, int64_t to_s);

/* The first moment when clocks show local_s, or more: what a change leaves out comes at that change, what it repeats
 * comes the first time. */
int64_t zone_first_s(const struct zone *z, int64_t local_s);

#endif
