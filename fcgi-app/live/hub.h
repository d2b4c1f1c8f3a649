/* hub.h: what the streams share: which topics moved, and who has how many streams. Private to live/. Thread-safe. */
#ifndef MUSTER_LIVE_HUB_H
#define MUSTER_LIVE_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/uuid.h"
#include "live/live.h"

enum live_topic {
    LIVE_AGENTS,
    LIVE_CONFIGS,
    LIVE_RUNS,
    LIVE_JOBS,
    LIVE_ROLLOUTS,
    LIVE_RELEASES,
    LIVE_ALERTS,
    LIVE_POLICY,
    LIVE_USERS,
    LIVE_SESSIONS, /* of nobody's concern but the streams' own */
    LIVE_TOPIC_COUNT
};

/* As pages know it; NULL: not told. */
const char *live_topic_name(enum live_topic topic);

/* What a stream was told of: compare with the next reading. */
struct live_seen {
    uint64_t counters[LIVE_TOPIC_COUNT];
};
void live_read(struct live *hub, struct live_seen *ret);

/* What all streams of topics are parked under. */
extern const char live_key[];

/* Takes a place for a stream of this person; false: they have enough, or all have. Give it back when the stream ends.
 * key: what the stream is parked under; it outlives the place. */
struct live_place {
    struct live *hub;
    struct live_place *next, *prev;
    const char *key;
    char user[UUID_SIZE];
};
bool live_enter(struct live *hub, struct live_place *place, const char *user, const char *key, size_t most_in_all);
void live_leave(struct live_place *place);

#endif
