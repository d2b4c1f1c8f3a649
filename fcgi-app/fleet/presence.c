#include "fleet/presence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "fleet/presence_private.h"

enum {
    BUCKETS_FIRST = 16,           /* per stripe; doubled when the chains grow */
    FACTS_MAX_AGE_MS = 60 * 1000, /* even when no change was heard of */
    UNUSED_MS = 3600 * 1000,
};

const char presence_online[] = "online", presence_offline[] = "offline", presence_error[] = "error";

/* --- the table --- */

struct presence *presence_new(void)
{
    struct presence *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    (void)pthread_mutex_init(&p->head_lock, NULL);
    atomic_store(&p->generation, 1);
    for (int i = 0; i < PRESENCE_STRIPES; i++) {
        struct stripe *s = &p->stripes[i];
        (void)pthread_mutex_init(&s->lock, NULL);
        s->buckets = calloc(BUCKETS_FIRST, sizeof *s->buckets);
        s->bucket_count = s->buckets != NULL ? BUCKETS_FIRST : 0;
        if (s->buckets == NULL) {
            presence_free(p);
            return NULL;
        }
    }
    return p;
}

void presence_free(struct presence *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < PRESENCE_STRIPES; i++) {
        struct stripe *s = &p->stripes[i];
        for (size_t b = 0; b < s->bucket_count; b++) {
            struct presence_entry *next = NULL;
            for (struct presence_entry *e = s->buckets[b].first; e != NULL; e = next) {
                next = e->next;
                presence_entry_free(e);
            }
        }
        free(s->buckets);
        if (s->bucket_count > 0)
            (void)pthread_mutex_destroy(&s->lock);
    }
    db_close(p->chores.db);
    (void)pthread_mutex_destroy(&p->head_lock);
    free(p);
}

void presence_entry_free(struct presence_entry *e)
{
    free(e->updates.offer);
    free(e->updates.report);
    free(e->updates.written);
    free(e);
}

/* Keys are hashes already: any of their bytes spread evenly. */
static struct stripe *stripe_of(struct presence *p, const unsigned char *key)
{
    return &p->stripes[key[0] % PRESENCE_STRIPES];
}

static struct bucket *bucket_of(const struct stripe *s, const unsigned char *key)
{
    uint32_t hash;
    memcpy(&hash, key + 4, sizeof hash);
    return &s->buckets[hash & (s->bucket_count - 1)];
}

static struct presence_entry *find(const struct stripe *s, const unsigned char *key)
{
    for (struct presence_entry *e = bucket_of(s, key)->first; e != NULL; e = e->next)
        if (memcmp(e->key, key, DIGEST_SIZE) == 0)
            return e;
    return NULL;
}

/* Longer chains are only slower, so having no memory for more buckets is no failure. */
static void grow(struct stripe *s)
{
    struct stripe bigger = {.bucket_count = s->bucket_count * 2};
    bigger.buckets = calloc(bigger.bucket_count, sizeof *bigger.buckets);
    if (bigger.buckets == NULL)
        return;
    for (size_t b = 0; b < s->bucket_count; b++) {
        struct presence_entry *next = NULL;
        for (struct presence_entry *e = s->buckets[b].first; e != NULL; e = next) {
            struct bucket *bucket = bucket_of(&bigger, e->key);
            next = e->next;
            e->next = bucket->first;
            bucket->first = e;
        }
    }
    free(s->buckets);
    s->buckets = bigger.buckets;
    s->bucket_count = bigger.bucket_count;
}

static void insert(struct presence *p, struct stripe *s, struct presence_entry *e)
{
    if (s->entry_count >= s->bucket_count * 2)
        grow(s);
    struct bucket *bucket = bucket_of(s, e->key);
    e->next = bucket->first;
    bucket->first = e;
    s->entry_count++;
    atomic_fetch_add(&p->count, 1);
}

/* Takes the entry at *link out of the table; requests that hold it keep it alive. */
static void unlink_entry(struct presence *p, struct stripe *s, struct presence_entry **link)
{
    struct presence_entry *e = *link;
    *link = e->next;
    e->next = NULL;
    s->entry_count--;
    atomic_fetch_sub(&p->count, 1);
    presence_release(e);
}

void presence_release(struct presence_entry *e)
{
    if (e != NULL && atomic_fetch_sub(&e->refs, 1) == 1)
        presence_entry_free(e);
}

/* --- reading an agent --- */

static void copy_column(char *ret, size_t size, const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

static void read_facts(const struct db_rows *rows, struct facts *ret)
{
    copy_column(ret->spki, sizeof ret->spki, rows, 2);
    ret->deactivated = !db_rows_null(rows, 3);
    ret->quarantined = !db_rows_null(rows, 4);
    ret->key_denied = !db_rows_null(rows, 5);
    ret->configs_rev = db_rows_int(rows, 6, 0);
    ret->commands = db_rows_int(rows, 7, 0);
}

static const char *status_of(const char *text)
{
    if (text != NULL && strcmp(text, presence_online) == 0)
        return presence_online;
    return text != NULL && strcmp(text, presence_error) == 0 ? presence_error : presence_offline;
}

static void read_live(const struct db_rows *rows, struct live *ret)
{
    struct presence_beat *beat = &ret->beat;
    copy_column(beat->version, sizeof beat->version, rows, 8);
    copy_column(beat->platform, sizeof beat->platform, rows, 9);
    copy_column(beat->arch, sizeof beat->arch, rows, 10);
    copy_column(beat->deployment_mode, sizeof beat->deployment_mode, rows, 11);
    copy_column(beat->boot_id, sizeof beat->boot_id, rows, 12);
    beat->uptime_s = db_rows_int(rows, 13, -1);
    copy_column(beat->address, sizeof beat->address, rows, 14);
    ret->status = status_of(db_rows_text(rows, 15));
    ret->last_seen_ms = db_rows_int(rows, 16, 0);
    ret->offline_after_ms = db_rows_int(rows, 17, 0);
    beat->proto = db_rows_int(rows, 18, 0);
}

static void hash_column(const struct db_rows *rows, int column, unsigned char ret[DIGEST_SIZE])
{
    const char *text = db_rows_text(rows, column);
    if (text != NULL)
        digest_sha256(text, strlen(text), ret);
}

/* A new entry, not yet in the table. */
static int load(struct db *db, const unsigned char key[DIGEST_SIZE], struct presence_entry **ret, struct err *err)
{
    char hash[DIGEST_HEX_SIZE];
    struct db_rows rows;
    hex_encode(key, DIGEST_SIZE, hash);
    int rc = db_query_one(db, DB_AGENT_BY_KEY, DB_ARGS(DB_TEXT("hash", hash)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no agent has this key");
    if (rc < 0)
        return rc;
    struct presence_entry *e = calloc(1, sizeof *e);
    if (e != NULL) {
        memcpy(e->key, key, DIGEST_SIZE);
        atomic_store(&e->refs, 1);
        copy_column(e->id, sizeof e->id, &rows, 0);
        copy_column(e->owner_id, sizeof e->owner_id, &rows, 1);
        read_facts(&rows, &e->facts);
        read_live(&rows, &e->live);
        presence_updates_load(e, &rows);
        hash_column(&rows, 19, e->capabilities);
        hash_column(&rows, 32, e->roots);
        memcpy(&e->jitter, key + 8, sizeof e->jitter);
    }
    db_rows_done(&rows);
    if (e == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = e;
    return 0;
}

/* The new reading goes into the entry that is there, which keeps what it knows better: heartbeats and allowances. */
static void refresh(struct presence_entry *e, struct presence_entry *fresh)
{
    if (strcmp(e->facts.spki, fresh->facts.spki) != 0)
        e->certificate_known = false;
    e->facts = fresh->facts;
    if (!e->dirty && fresh->live.last_seen_ms > e->live.last_seen_ms)
        e->live = fresh->live;
    presence_updates_refresh(e, fresh);
}

static void forget(struct presence *p, struct stripe *s, const unsigned char *key)
{
    (void)pthread_mutex_lock(&s->lock);
    for (struct presence_entry **link = &bucket_of(s, key)->first; *link != NULL; link = &(*link)->next)
        if (memcmp((*link)->key, key, DIGEST_SIZE) == 0) {
            unlink_entry(p, s, link);
            break;
        }
    (void)pthread_mutex_unlock(&s->lock);
}

static struct presence_entry *acquire_fresh(struct presence *p, struct stripe *s, const unsigned char *key,
                                            int64_t now_ms)
{
    (void)pthread_mutex_lock(&s->lock);
    struct presence_entry *e = find(s, key);
    if (e != NULL) {
        int64_t age_ms = now_ms - e->loaded_ms;
        if (e->generation == atomic_load(&p->generation) && age_ms >= 0 && age_ms < FACTS_MAX_AGE_MS) {
            e->used_ms = now_ms;
            atomic_fetch_add(&e->refs, 1);
        } else {
            e = NULL;
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return e;
}

int presence_acquire(struct presence *p, struct db *db, const unsigned char key[DIGEST_SIZE], int64_t now_ms,
                     struct presence_entry **ret, struct err *err)
{
    struct stripe *s = stripe_of(p, key);
    struct presence_entry *e = acquire_fresh(p, s, key, now_ms);
    if (e != NULL) {
        *ret = e;
        return 0;
    }
    /* Before the reading: a change that comes between the two makes the entry old again at once. */
    uint64_t generation = atomic_load(&p->generation);
    uint64_t offers_epoch = atomic_load(&p->offers_epoch);
    struct presence_entry *fresh = NULL;
    int rc = load(db, key, &fresh, err);
    if (rc == ERR_NOT_FOUND)
        forget(p, s, key);
    if (rc != 0 || fresh == NULL)
        return rc;
    (void)pthread_mutex_lock(&s->lock);
    e = find(s, key);
    if (e == NULL) {
        e = fresh;
        fresh = NULL;
        e->stripe = s;
        insert(p, s, e);
    } else if (generation >= e->generation) {
        refresh(e, fresh);
    }
    if (generation > e->generation)
        e->generation = generation;
    e->loaded_ms = e->used_ms = now_ms;
    /* Offers were told meanwhile, when this entry was not in the table yet: it is old already. */
    if (offers_epoch != atomic_load(&p->offers_epoch))
        e->generation = 0;
    atomic_fetch_add(&e->refs, 1);
    (void)pthread_mutex_unlock(&s->lock);
    presence_release(fresh);
    *ret = e;
    return 0;
}

struct presence_entry *presence_find_locked(struct presence *p, const unsigned char key[DIGEST_SIZE])
{
    struct stripe *s = stripe_of(p, key);
    (void)pthread_mutex_lock(&s->lock);
    struct presence_entry *e = find(s, key);
    if (e == NULL)
        (void)pthread_mutex_unlock(&s->lock);
    return e;
}

void presence_invalidate(struct presence *p)
{
    atomic_fetch_add(&p->generation, 1);
}

size_t presence_count(struct presence *p)
{
    return atomic_load(&p->count);
}

void presence_sweep(struct presence *p, int64_t now_ms)
{
    for (int i = 0; i < PRESENCE_STRIPES; i++) {
        struct stripe *s = &p->stripes[i];
        (void)pthread_mutex_lock(&s->lock);
        for (size_t b = 0; b < s->bucket_count; b++) {
            struct presence_entry **link = &s->buckets[b].first;
            while (*link != NULL) {
                if (now_ms - (*link)->used_ms > UNUSED_MS && !(*link)->dirty)
                    unlink_entry(p, s, link);
                else
                    link = &(*link)->next;
            }
        }
        (void)pthread_mutex_unlock(&s->lock);
    }
}
