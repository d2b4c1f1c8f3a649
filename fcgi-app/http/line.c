/* The line itself is two lists of exchanges, of those who are known and of the others; http/server.c carries them
 * through it.
 *
 * Whoever is at work has a place, of which there are `abreast`. Nobody waits unless all places are taken, so there is
 * always somebody at work who will call the next. */
#include "http/line.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/blocking.h"
#include "common/log.h"
#include "http/exchange.h"
#include "http/problem.h"

enum { RETRY_AFTER_S = 2 };

struct list {
    struct http_exchange *first, *last;
    size_t waiting;
};

struct line {
    struct line_options options;
    pthread_mutex_t lock; /* guards all below, and `next` of those in the lists */
    pthread_cond_t called;
    unsigned at_work;
    bool hurries;
    int64_t even_ms; /* when what strangers have worked is made up for, on the monotonic clock */
    struct list known, others;
};

static struct list *list_of(struct line *l, const struct http_exchange *x)
{
    return x->place.known ? &l->known : &l->others;
}

struct line *line_new(const struct line_options *options)
{
    struct line *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&l->called, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&l->lock, NULL);
    l->options = *options;
    if (l->options.abreast == 0)
        l->options.abreast = 1;
    return l;
}

void line_free(struct line *l)
{
    if (l == NULL)
        return;
    (void)pthread_cond_destroy(&l->called);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

static int64_t now_ms(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

bool line_passed(struct req *r, struct line *l, bool known)
{
    struct line_place *own = &r->exchange->place;
    if (own->line != NULL)
        return true; /* its turn has come */
    own->known = known;
    (void)pthread_mutex_lock(&l->lock);
    bool passes = l->at_work < l->options.abreast;
    bool waits = !passes && list_of(l, r->exchange)->waiting < l->options.longest;
    l->at_work += passes;
    (void)pthread_mutex_unlock(&l->lock);
    own->line = passes || waits ? l : NULL;
    own->waits = waits;
    own->since_ms = now_ms(CLOCK_THREAD_CPUTIME_ID);
    if (!passes && !waits)
        reply_retry_after(r, PROBLEM_UNAVAILABLE, RETRY_AFTER_S, "Too many people are signing in at once; try again.");
    return passes;
}

bool line_commit(struct http_exchange *x)
{
    struct line *l = x->place.line;
    struct list *list = list_of(l, x);
    log_request_id(NULL);
    (void)pthread_mutex_lock(&l->lock);
    bool free_again = l->at_work < l->options.abreast;
    x->place.waits = !free_again;
    x->place.next = NULL;
    x->place.since_ms = now_ms(CLOCK_THREAD_CPUTIME_ID);
    if (free_again) {
        l->at_work++;
    } else {
        if (list->first == NULL)
            list->first = x;
        else
            list->last->place.next = x;
        list->last = x;
        list->waiting++;
        if (x->place.known)
            (void)pthread_cond_signal(&l->called);
    }
    (void)pthread_mutex_unlock(&l->lock);
    return !free_again;
}

static bool has_left(const struct http_exchange *x)
{
    struct pollfd fd = {.fd = x->fcgi.ipcFd, .events = POLLRDHUP};
    return poll(&fd, 1, 0) > 0;
}

/* The first who waits, whose place the caller's becomes; NULL: nobody waits, and the place is free. */
static struct http_exchange *take_first(struct line *l)
{
    (void)pthread_mutex_lock(&l->lock);
    struct list *list = l->known.first != NULL ? &l->known : &l->others;
    struct http_exchange *x = list->first;
    if (x != NULL) {
        list->first = x->place.next;
        list->waiting--;
        x->place.waits = false;
        x->place.since_ms = now_ms(CLOCK_THREAD_CPUTIME_ID);
    } else {
        l->at_work--;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return x;
}

/* When the next stranger may have this place, on the monotonic clock: what strangers have worked while others of them
 * waited is made up for by so many times as long, but for the first moments of a crowd. Under the lock. */
static int64_t strangers_from_ms(struct line *l, const struct line_place *place)
{
    int64_t now = now_ms(CLOCK_MONOTONIC);
    if (l->even_ms < now)
        l->even_ms = now;
    if (!place->known)
        l->even_ms += (now_ms(CLOCK_THREAD_CPUTIME_ID) - place->since_ms) * l->options.share;
    return l->even_ms - (int64_t)l->options.crowd_ms * l->options.share;
}

/* Until this place may have a stranger, or somebody who is known wants it. */
static void rest(struct line *l, const struct line_place *place)
{
    blocking_begin();
    (void)pthread_mutex_lock(&l->lock);
    if (l->others.first != NULL && l->known.first == NULL) {
        int64_t from_ms = strangers_from_ms(l, place);
        struct timespec until = {.tv_sec = (time_t)(from_ms / 1000), .tv_nsec = (long)(from_ms % 1000 * 1000000)};
        while (!l->hurries && l->known.first == NULL && l->others.first != NULL &&
               pthread_cond_timedwait(&l->called, &l->lock, &until) == 0)
            ;
    }
    (void)pthread_mutex_unlock(&l->lock);
    blocking_end();
}

void line_hurry(struct line *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&l->lock);
    l->hurries = true;
    (void)pthread_cond_broadcast(&l->called);
    (void)pthread_mutex_unlock(&l->lock);
}

struct http_exchange *line_next(const struct line_place *place)
{
    struct line *l = place->line;
    rest(l, place);
    struct http_exchange *x = take_first(l);
    while (x != NULL && has_left(x)) {
        exchange_free(x);
        x = take_first(l);
    }
    return x;
}
