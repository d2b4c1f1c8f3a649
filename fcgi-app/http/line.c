/* The line itself is two lists of exchanges, of those who are known and of the others; http/server.c carries them
 * through it.
 *
 * Whoever is at work has a place, of which there are `abreast`. Nobody waits unless all places are taken, so there is
 * always somebody at work who will call the next. */
#include "http/line.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/log.h"
#include "http/exchange.h"
#include "http/problem.h"

enum { RETRY_AFTER_S = 2 };

struct list {
    struct http_exchange *first, *last;
    size_t waiting;
};

struct line {
    pthread_mutex_t lock; /* guards all below, and `next` of those in the lists */
    unsigned abreast, at_work;
    size_t longest;
    struct list known, others;
};

static struct list *list_of(struct line *l, const struct http_exchange *x)
{
    return x->place.known ? &l->known : &l->others;
}

struct line *line_new(unsigned abreast, size_t longest)
{
    struct line *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    (void)pthread_mutex_init(&l->lock, NULL);
    l->abreast = abreast > 0 ? abreast : 1;
    l->longest = longest;
    return l;
}

void line_free(struct line *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

bool line_passed(struct req *r, struct line *l, bool known)
{
    struct line_place *own = &r->exchange->place;
    if (own->line != NULL)
        return true; /* its turn has come */
    own->known = known;
    (void)pthread_mutex_lock(&l->lock);
    bool passes = l->at_work < l->abreast;
    bool waits = !passes && list_of(l, r->exchange)->waiting < l->longest;
    l->at_work += passes;
    (void)pthread_mutex_unlock(&l->lock);
    own->line = passes || waits ? l : NULL;
    own->waits = waits;
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
    bool free_again = l->at_work < l->abreast;
    x->place.waits = !free_again;
    x->place.next = NULL;
    if (free_again) {
        l->at_work++;
    } else {
        if (list->first == NULL)
            list->first = x;
        else
            list->last->place.next = x;
        list->last = x;
        list->waiting++;
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
    } else {
        l->at_work--;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return x;
}

struct http_exchange *line_next(struct line *l)
{
    struct http_exchange *x = take_first(l);
    while (x != NULL && has_left(x)) {
        exchange_free(x);
        x = take_first(l);
    }
    return x;
}
