/* presence_private.h: how the presence table is laid out; for presence*.c alone.
 *
 * Keys fall into stripes, each with a lock of its own; the lock of a stripe guards its chains and everything in its
 * entries that changes. Entries are counted by reference: one for the table, one for each request. */
#ifndef MUSTER_FLEET_PRESENCE_PRIVATE_H
#define MUSTER_FLEET_PRESENCE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "fleet/presence_entry.h"

enum { PRESENCE_STRIPES = 64 };

struct bucket {
    struct presence_entry *first;
};

struct stripe {
    pthread_mutex_t lock;
    struct bucket *buckets;
    size_t bucket_count; /* a power of two */
    size_t entry_count;
};

/* What the database says of an agent, as of `generation`. */
struct facts {
    char spki[DIGEST_HEX_SIZE];
    bool deactivated, quarantined, key_denied;
    int64_t configs_rev;
    int64_t commands;
};

/* What heartbeats say, and what is written of it. */
struct live {
    struct presence_beat beat;
    const char *status;
    int64_t last_seen_ms, offline_after_ms;
    int poll_interval_s;
};

struct presence_entry {
    struct presence_entry *next;
    struct stripe *stripe;
    atomic_int refs; /* the table's own is one of them */
    unsigned char key[DIGEST_SIZE];
    char id[UUID_SIZE];
    char owner_id[UUID_SIZE];
    /* under the stripe's lock: */
    uint64_t generation;
    int64_t loaded_ms, used_ms;
    struct facts facts;
    struct live live;
    bool dirty;
    bool changed; /* since the last flush: more than the time and the uptime */
    int polls;
    struct ratelimit requests, parts, event_bytes, renewals;
    bool certificate_known;
    unsigned char certificate[DIGEST_SIZE];
    unsigned char capabilities[DIGEST_SIZE];
    char head[AUDIT_HEAD_SIZE];
    uint32_t jitter;
};

struct presence {
    struct stripe stripes[PRESENCE_STRIPES];
    atomic_uint_fast64_t generation;
    atomic_size_t count;
    pthread_mutex_t head_lock;
    char head[AUDIT_HEAD_SIZE];
    struct presence_chores chores;
};

extern const char presence_online[], presence_offline[], presence_error[];

static inline void presence_lock(struct presence_entry *e)
{
    (void)pthread_mutex_lock(&e->stripe->lock);
}

static inline void presence_unlock(struct presence_entry *e)
{
    (void)pthread_mutex_unlock(&e->stripe->lock);
}

#endif
