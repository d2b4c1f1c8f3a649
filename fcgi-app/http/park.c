/* Parked requests: slots in one array, found by key, by deadline and by the descriptor of a client that left.
 *
 * A slot is FREE, PARKED, or READY (queued for a finisher); before it there is a reservation, while the handler that
 * asked still runs. Only the mutex' holder changes the state; a READY request belongs to the finisher that takes it.
 * Events of the watch carry the slot's index and a serial that changes with each use, so that a late one hits nobody
 * else. */
#include "http/park.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "app.h"
#include "common/log.h"
#include "http/exchange.h"

enum { BUCKETS = 4096, TICK_MS = 200, EVENTS_MAX = 256, NOBODY = -1 };

enum slot_state { SLOT_FREE, SLOT_PARKED, SLOT_READY };

struct slot {
    enum slot_state state;
    uint32_t serial;
    int32_t next, prev; /* in its bucket while PARKED; next alone in the free list and the ready queue */
    uint32_t bucket;
    bool gone; /* the client left: no resume */
    enum park_reason reason;
    struct http_exchange *exchange;
};

struct bucket {
    int32_t first;
    uint64_t woken; /* the generation of the last wake here */
};

struct park {
    struct app *app;
    size_t max;
    int epoll_fd;
    unsigned finisher_count;
    pthread_t watch;
    pthread_t *finishers;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t ready;
    bool draining, ended;
    uint64_t generation;
    uint64_t woken_all;
    size_t reserved, parked, waiting; /* promised; PARKED; READY */
    int32_t free_first, ready_first, ready_last;
    uint32_t used; /* slots that were ever used: the rest of the array is untouched memory */
    struct slot *slots;
    struct bucket buckets[BUCKETS];
};

static uint32_t bucket_of(const char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash % BUCKETS;
}

/* --- slots; all with the mutex held --- */

static int32_t slot_take(struct park *p)
{
    if (p->free_first != NOBODY) {
        int32_t i = p->free_first;
        p->free_first = p->slots[i].next;
        return i;
    }
    return (int32_t)p->used++; /* a reservation guarantees that there is one */
}

static void slot_free(struct park *p, int32_t i)
{
    struct slot *s = &p->slots[i];
    s->state = SLOT_FREE;
    s->exchange = NULL;
    s->serial++;
    s->next = p->free_first;
    p->free_first = i;
}

static void bucket_add(struct park *p, int32_t i)
{
    struct slot *s = &p->slots[i];
    struct bucket *b = &p->buckets[s->bucket];
    s->prev = NOBODY;
    s->next = b->first;
    if (b->first != NOBODY)
        p->slots[b->first].prev = i;
    b->first = i;
}

static void bucket_remove(struct park *p, int32_t i)
{
    struct slot *s = &p->slots[i];
    if (s->prev != NOBODY)
        p->slots[s->prev].next = s->next;
    else
        p->buckets[s->bucket].first = s->next;
    if (s->next != NOBODY)
        p->slots[s->next].prev = s->prev;
}

static void ready_add(struct park *p, int32_t i, enum park_reason reason)
{
    struct slot *s = &p->slots[i];
    s->state = SLOT_READY;
    s->reason = reason;
    s->next = NOBODY;
    if (p->ready_first == NOBODY)
        p->ready_first = i;
    else
        p->slots[p->ready_last].next = i;
    p->ready_last = i;
    p->waiting++;
    (void)pthread_cond_signal(&p->ready);
}

static void slot_wake(struct park *p, int32_t i, enum park_reason reason)
{
    bucket_remove(p, i);
    p->parked--;
    ready_add(p, i, reason);
}

/* --- parking --- */

uint64_t park_generation(struct park *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    uint64_t generation = p->generation;
    (void)pthread_mutex_unlock(&p->mutex);
    return generation;
}

size_t park_count(struct park *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    size_t count = p->parked;
    (void)pthread_mutex_unlock(&p->mutex);
    return count;
}

int park_request(struct req *r, const char *key, uint64_t seen, int64_t wait_ms, park_resume_fn *resume, void *ctx,
                 struct err *err)
{
    struct park *p = r->app->park;
    struct park_wish *wish = &r->exchange->park;
    if (strlen(key) >= sizeof wish->key)
        return err_set(err, ERR_INTERNAL, "a key to park under is too long");
    (void)pthread_mutex_lock(&p->mutex);
    bool room = !p->draining && p->reserved + p->parked + p->waiting < p->max;
    if (room && !wish->wanted)
        p->reserved++;
    (void)pthread_mutex_unlock(&p->mutex);
    if (!room)
        return err_set(err, ERR_UNAVAILABLE, "too many requests are waiting, or the server is stopping");
    memcpy(wish->key, key, strlen(key) + 1);
    wish->wanted = true;
    wish->seen = seen;
    wish->deadline_ms = clock_monotonic_ms(r->app->clock) + wait_ms;
    wish->resume = resume;
    wish->ctx = ctx;
    return 0;
}

/* ONESHOT: a client that has left is told once. */
static bool watch_add(struct park *p, int32_t i, uint32_t serial, int fd)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = (uint64_t)serial << 32 | (uint32_t)i};
    return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void park_commit(struct park *p, struct http_exchange *x)
{
    struct park_wish *wish = &x->park;
    body_drain(x); /* what is left of the body would look like a client that talks */
    (void)pthread_mutex_lock(&p->mutex);
    p->reserved--;
    int32_t i = slot_take(p);
    struct slot *s = &p->slots[i];
    s->exchange = x;
    s->gone = false;
    s->bucket = bucket_of(wish->key);
    bool missed = p->buckets[s->bucket].woken > wish->seen || p->woken_all > wish->seen;
    if (!watch_add(p, i, s->serial, x->fcgi.ipcFd))
        log_warning("a waiting request cannot be watched; it is kept until its deadline");
    if (missed || p->draining) {
        ready_add(p, i, missed ? PARK_WOKEN : PARK_DRAIN);
    } else {
        s->state = SLOT_PARKED;
        p->parked++;
        bucket_add(p, i);
    }
    (void)pthread_mutex_unlock(&p->mutex);
}

/* --- waking --- */

static void wake_bucket(struct park *p, uint32_t bucket, const char *key, enum park_reason reason)
{
    for (int32_t i = p->buckets[bucket].first; i != NOBODY;) {
        int32_t next = p->slots[i].next;
        if (key == NULL || strcmp(p->slots[i].exchange->park.key, key) == 0)
            slot_wake(p, i, reason);
        i = next;
    }
}

void park_wake(struct park *p, const char *key)
{
    uint32_t bucket = bucket_of(key);
    (void)pthread_mutex_lock(&p->mutex);
    p->buckets[bucket].woken = ++p->generation;
    wake_bucket(p, bucket, key, PARK_WOKEN);
    (void)pthread_mutex_unlock(&p->mutex);
}

static void wake_all(struct park *p, enum park_reason reason)
{
    p->woken_all = ++p->generation;
    for (uint32_t bucket = 0; bucket < BUCKETS && p->parked > 0; bucket++)
        wake_bucket(p, bucket, NULL, reason);
}

void park_wake_all(struct park *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    wake_all(p, PARK_WOKEN);
    (void)pthread_mutex_unlock(&p->mutex);
}

/* --- the watch: clients that leave, deadlines --- */

/* Every slot ever used is looked at: 10,000 of them take some 50 microseconds, five times a second; a heap would be
 * code to get wrong for nothing. */
static void wake_due(struct park *p)
{
    int64_t now_ms = clock_monotonic_ms(p->app->clock);
    for (uint32_t i = 0; i < p->used && p->parked > 0; i++)
        if (p->slots[i].state == SLOT_PARKED && p->slots[i].exchange->park.deadline_ms <= now_ms)
            slot_wake(p, (int32_t)i, PARK_DEADLINE);
}

static void forget_gone(struct park *p, const struct epoll_event *event)
{
    uint32_t i = (uint32_t)event->data.u64;
    struct slot *s = &p->slots[i];
    if (s->state != SLOT_PARKED || s->serial != (uint32_t)(event->data.u64 >> 32))
        return;
    s->gone = true;
    slot_wake(p, (int32_t)i, PARK_DRAIN);
}

static void *watch_main(void *arg)
{
    struct park *p = arg;
    struct epoll_event events[EVENTS_MAX];
    for (bool ended = false; !ended;) {
        int count = epoll_wait(p->epoll_fd, events, EVENTS_MAX, TICK_MS);
        (void)pthread_mutex_lock(&p->mutex);
        for (int i = 0; i < count; i++)
            forget_gone(p, &events[i]);
        wake_due(p);
        ended = p->ended;
        (void)pthread_mutex_unlock(&p->mutex);
    }
    return NULL;
}

/* --- the finishers --- */

/* The next READY request and what became of it. NULL when the park has ended. */
static struct http_exchange *take_ready(struct park *p, enum park_reason *ret_reason, bool *ret_gone)
{
    (void)pthread_mutex_lock(&p->mutex);
    while (p->ready_first == NOBODY && !p->ended)
        (void)pthread_cond_wait(&p->ready, &p->mutex);
    struct http_exchange *x = NULL;
    if (p->ready_first != NOBODY) {
        int32_t i = p->ready_first;
        struct slot *s = &p->slots[i];
        p->ready_first = s->next;
        p->waiting--;
        x = s->exchange;
        *ret_reason = s->reason;
        *ret_gone = s->gone;
        slot_free(p, i);
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return x;
}

static void finish(struct park *p, struct http_exchange *x, struct db *db, enum park_reason reason, bool gone)
{
    struct req *r = &x->req;
    park_resume_fn *resume = x->park.resume;
    (void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, x->fcgi.ipcFd, NULL); /* gone with the descriptor in any case */
    x->park.wanted = false;
    r->db = db;
    r->now_ms = clock_now_ms(p->app->clock);
    log_request_id(r->request_id);
    if (!gone) {
        resume(r, reason, x->park.ctx);
        if (x->reply.status == 0 && !x->park.wanted) {
            log_error("a waiting request was resumed and gave no reply");
            reply_problem(r, PROBLEM_INTERNAL, NULL);
        }
        if (exchange_conclude(x))
            return; /* parked again */
    } else {
        log_debug("the client went away while its request waited");
    }
    log_request_id(NULL);
    exchange_free(x);
}

static void *finisher_main(void *arg)
{
    struct park *p = arg;
    struct db *db = NULL;
    struct err err = {0};
    const struct settings *settings = p->app->settings;
    if (db_open(&(struct db_options){.path = settings->db_path, .read_only = true}, &db, &err) != 0)
        log_error("a finisher cannot read the database: %s", err.msg);
    struct http_exchange *x;
    enum park_reason reason;
    bool gone;
    while ((x = take_ready(p, &reason, &gone)) != NULL)
        finish(p, x, db, reason, gone || db == NULL);
    db_close(db);
    return NULL;
}

/* --- life --- */

static void park_free(struct park *p)
{
    if (p->epoll_fd >= 0)
        (void)close(p->epoll_fd);
    (void)pthread_cond_destroy(&p->ready);
    (void)pthread_mutex_destroy(&p->mutex);
    free(p->finishers);
    free(p->slots);
    free(p);
}

static int start_threads(struct park *p, unsigned finishers, struct err *err)
{
    if (pthread_create(&p->watch, NULL, watch_main, p) != 0)
        return err_set(err, ERR_NOMEM, "cannot start the park's threads");
    for (; p->finisher_count < finishers; p->finisher_count++)
        if (pthread_create(&p->finishers[p->finisher_count], NULL, finisher_main, p) != 0)
            return err_set(err, ERR_NOMEM, "cannot start the park's threads");
    return 0;
}

int park_start(struct app *app, unsigned finishers, size_t max_parked, struct park **ret, struct err *err)
{
    struct park *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->app = app;
    p->max = max_parked;
    p->free_first = p->ready_first = p->ready_last = NOBODY;
    for (size_t i = 0; i < BUCKETS; i++)
        p->buckets[i].first = NOBODY;
    (void)pthread_mutex_init(&p->mutex, NULL);
    (void)pthread_cond_init(&p->ready, NULL);
    p->slots = calloc(max_parked > 0 ? max_parked : 1, sizeof *p->slots);
    p->finishers = calloc(finishers > 0 ? finishers : 1, sizeof *p->finishers);
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int rc = p->slots != NULL && p->finishers != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0 && p->epoll_fd < 0)
        rc = err_sys(err, ERR_IO, "epoll_create1");
    if (rc == 0)
        rc = start_threads(p, finishers, err);
    if (rc != 0) {
        /* Only when the very start of the process fails; threads that did start end with it. */
        if (p->finisher_count == 0 && p->watch == 0)
            park_free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

void park_drain(struct park *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->draining = true;
    wake_all(p, PARK_DRAIN);
    (void)pthread_mutex_unlock(&p->mutex);
}

void park_stop(struct park *p)
{
    if (p == NULL)
        return;
    park_drain(p);
    (void)pthread_mutex_lock(&p->mutex);
    p->ended = true; /* finishers empty the queue before they look at it */
    (void)pthread_cond_broadcast(&p->ready);
    (void)pthread_mutex_unlock(&p->mutex);
    (void)pthread_join(p->watch, NULL);
    for (unsigned i = 0; i < p->finisher_count; i++)
        (void)pthread_join(p->finishers[i], NULL);
    park_free(p);
}
