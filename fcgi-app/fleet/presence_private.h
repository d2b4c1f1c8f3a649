/* presence_private.h: how the presence table is laid out; for presence*.c alone.
 *
 * Keys fall into stripes, each with a lock of its own; the lock of a stripe guards its chains and everything in its
 * entries that changes. Entries are counted by reference: one for the table, one for each request. */
#ifndef MUSTER_FLEET_PRESENCE_PRIVATE_H
#define MUSTER_FLEET_PRESENCE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "fleet/presence_entry.h"
#include "rollout/rollout.h"

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

/* What the agent is told of updates and says of them. Few agents have either at any time, so they are kept aside. */
struct updates {
    struct update_offer *offer; /* NULL: none */
    int64_t offer_rev;
    struct update_report *report;  /* what is not written yet; NULL: nothing */
    struct update_report *written; /* as far as it will have been by the next flush; NULL: idle */
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
    struct updates updates;
    bool dirty;
    bool changed; /* since the last flush: more than the time and the uptime */
    bool back;    /* since the last flush: it was offline before */
    int polls;
    struct ratelimit requests, parts, event_bytes, renewals;
    bool certificate_known;
    unsigned char certificate[DIGEST_SIZE];
    unsigned char capabilities[DIGEST_SIZE], roots[DIGEST_SIZE];
    char head[AUDIT_HEAD_SIZE];
    uint32_t jitter;
};

/* How far the changes of offers were told: revision, and agent within it. */
struct offers_place {
    int64_t rev;
    char agent_id[UUID_SIZE];
};

struct presence {
    struct stripe stripes[PRESENCE_STRIPES];
    atomic_uint_fast64_t generation;
    atomic_uint_fast64_t offers_epoch; /* moves whenever entries are told of offers */
    struct offers_place offers_told;   /* for the thread that tells */
    bool offers_begun;
    atomic_size_t count;
    pthread_mutex_t head_lock;
    char head[AUDIT_HEAD_SIZE];
    struct presence_chores chores;
};

/* The entry of a key with its stripe locked (presence_unlock), or NULL with nothing locked. No reading. */
struct presence_entry *presence_find_locked(struct presence *p, const unsigned char key[DIGEST_SIZE]);

/* Frees an entry that nobody holds and no table has. */
void presence_entry_free(struct presence_entry *e);

/* Offers (presence_offers.c), under the stripe's lock: takes what `fresh` has read from the database, unless the entry
 * heard of something newer. */
void presence_updates_load(struct presence_entry *fresh, const struct db_rows *rows);
void presence_updates_refresh(struct presence_entry *e, struct presence_entry *fresh);

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
