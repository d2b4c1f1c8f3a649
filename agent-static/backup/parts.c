#include "backup/parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { PARTS = 3 }; /* one is filled, one is hashed and announced or on its way, one is on its way */

struct parts {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t part_size;
    bool stopped;
    bool ended;                   /* last_number is final */
    unsigned last_number;         /* of the part filled last or being filled */
    unsigned passed[PART_STATES]; /* the last number that left this state */
    unsigned sent;                /* parts; they need not come home in order */
    struct part part[PARTS];
};

int parts_new(size_t part_size, struct parts **ret, struct err *err)
{
    struct parts *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->part_size = part_size;
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&p->lock, NULL);
    for (size_t i = 0; i < PARTS; i++) {
        p->part[i].data = malloc(part_size);
        if (p->part[i].data == NULL) {
            parts_free(p);
            return err_set(err, ERR_NOMEM, "out of memory for the parts of %zu bytes", part_size);
        }
    }
    *ret = p;
    return 0;
}

void parts_free(struct parts *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < PARTS; i++) {
        free(p->part[i].data);
        free(p->part[i].url);
    }
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct part *find(struct parts *p, enum part_state state)
{
    struct part *first = NULL;
    for (size_t i = 0; i < PARTS; i++)
        if (p->part[i].state == state && (first == NULL || p->part[i].number < first->number))
            first = &p->part[i];
    return first;
}

static struct timespec deadline_in(int ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* One wait under the lock; false when the time is over. deadline NULL: for ever. */
static bool wait_change(struct parts *p, const struct timespec *deadline)
{
    if (deadline == NULL)
        return pthread_cond_wait(&p->changed, &p->lock) == 0;
    return pthread_cond_timedwait(&p->changed, &p->lock, deadline) != ETIMEDOUT;
}

int parts_room(struct parts *p, void **ret, size_t *ret_len, struct err *err)
{
    struct part *part = NULL;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopped && (part = find(p, PART_FILLING)) == NULL && (part = find(p, PART_FREE)) == NULL)
        (void)wait_change(p, NULL);
    if (!p->stopped && part->state == PART_FREE) {
        part->state = PART_FILLING;
        part->number = ++p->last_number;
        part->size = 0;
    }
    bool stopped = p->stopped;
    (void)pthread_mutex_unlock(&p->lock);
    if (stopped)
        return err_set(err, ERR_CONFLICT, "stopped");
    *ret = part->data + part->size;
    *ret_len = p->part_size - part->size;
    return 0;
}

/* Under the lock. */
static void move(struct parts *p, struct part *part, enum part_state to)
{
    p->passed[part->state] = part->number;
    part->state = to;
    (void)pthread_cond_broadcast(&p->changed);
}

void parts_filled(struct parts *p, size_t len)
{
    (void)pthread_mutex_lock(&p->lock);
    struct part *part = find(p, PART_FILLING);
    part->size += len;
    if (part->size == p->part_size)
        move(p, part, PART_FULL);
    (void)pthread_mutex_unlock(&p->lock);
}

void parts_end(struct parts *p)
{
    (void)pthread_mutex_lock(&p->lock);
    struct part *part = find(p, PART_FILLING);
    if (part != NULL && (part->size > 0 || part->number == 1)) {
        move(p, part, PART_FULL);
    } else if (part != NULL) {
        part->state = PART_FREE;
        p->last_number--;
    }
    p->ended = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

/* Under the lock: the next part in this state. *ret is set only when it is 0. */
static int wait_for(struct parts *p, enum part_state state, int timeout_ms, struct part **ret, struct err *err)
{
    struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
    for (;;) {
        if (p->stopped)
            return err_set(err, ERR_CONFLICT, "stopped");
        *ret = find(p, state);
        if (*ret != NULL)
            return 0;
        if (p->ended && p->passed[state] == p->last_number)
            return err_set(err, ERR_NOT_FOUND, "no more parts");
        if (!wait_change(p, timeout_ms < 0 ? NULL : &deadline))
            return err_set(err, ERR_TIMEOUT, "no part yet");
    }
}

int parts_wait_full(struct parts *p, int timeout_ms, struct part **ret, struct err *err)
{
    struct part *part = NULL;
    (void)pthread_mutex_lock(&p->lock);
    int rc = wait_for(p, PART_FULL, timeout_ms, &part, err);
    (void)pthread_mutex_unlock(&p->lock);
    if (rc == 0)
        *ret = part;
    return rc;
}

int parts_take_ready(struct parts *p, struct part **ret, struct err *err)
{
    struct part *part = NULL;
    (void)pthread_mutex_lock(&p->lock);
    int rc = wait_for(p, PART_READY, -1, &part, err);
    if (rc == 0)
        move(p, part, PART_SENDING);
    (void)pthread_mutex_unlock(&p->lock);
    if (rc == 0)
        *ret = part;
    return rc;
}

void parts_pass(struct parts *p, struct part *part)
{
    (void)pthread_mutex_lock(&p->lock);
    if (part->state == PART_SENDING) {
        free(part->url);
        part->url = NULL;
        p->sent++;
        move(p, part, PART_FREE);
    } else {
        move(p, part, PART_READY);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

int parts_drain(struct parts *p, int timeout_ms)
{
    struct timespec deadline = deadline_in(timeout_ms);
    bool in_time = true;
    (void)pthread_mutex_lock(&p->lock);
    while (in_time && !p->stopped && !(p->ended && p->sent == p->last_number))
        in_time = wait_change(p, &deadline);
    int rc = p->stopped ? ERR_CONFLICT : in_time ? 0 : ERR_TIMEOUT;
    (void)pthread_mutex_unlock(&p->lock);
    return rc;
}

void parts_stop(struct parts *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->stopped = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

int parts_sleep(struct parts *p, int ms)
{
    struct timespec deadline = deadline_in(ms);
    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopped && wait_change(p, &deadline))
        ;
    bool stopped = p->stopped;
    (void)pthread_mutex_unlock(&p->lock);
    return stopped ? ERR_CONFLICT : 0;
}
