#include "http/turns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/blocking.h"

struct turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int free; /* below 0 while threads that had lent theirs are back; changed under the lock */
    struct blocking_listener listener;
};

static void put_back(void *ctx)
{
    struct turns *t = ctx;
    (void)pthread_mutex_lock(&t->lock);
    if (atomic_fetch_add(&t->free, 1) >= 0)
        (void)pthread_cond_signal(&t->changed);
    (void)pthread_mutex_unlock(&t->lock);
}

/* At once, even if there is none: a request that is half done is not kept waiting by new ones. */
static void take_back(void *ctx)
{
    struct turns *t = ctx;
    (void)pthread_mutex_lock(&t->lock);
    atomic_fetch_sub(&t->free, 1);
    (void)pthread_mutex_unlock(&t->lock);
}

struct turns *turns_new(unsigned count)
{
    struct turns *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->changed, NULL);
    atomic_init(&t->free, (int)count);
    t->listener = (struct blocking_listener){.begin = put_back, .end = take_back, .ctx = t};
    return t;
}

void turns_free(struct turns *t)
{
    if (t == NULL)
        return;
    (void)pthread_cond_destroy(&t->changed);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

void turns_take(struct turns *t)
{
    (void)pthread_mutex_lock(&t->lock);
    while (atomic_load(&t->free) <= 0)
        (void)pthread_cond_wait(&t->changed, &t->lock);
    atomic_fetch_sub(&t->free, 1);
    (void)pthread_mutex_unlock(&t->lock);
    blocking_listen(&t->listener);
}

void turns_renew(struct turns *t)
{
    if (atomic_load(&t->free) >= 0)
        return;
    turns_give(t);
    turns_take(t);
}

void turns_give(struct turns *t)
{
    blocking_listen(NULL);
    put_back(t);
}
