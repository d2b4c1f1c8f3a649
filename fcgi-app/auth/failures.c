#include "auth/failures.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE_MS = 60 * 1000 };

/* The last places are kept for "many", one per action; there are only so many actions. */
enum { RESERVED = 32 };

struct failures {
    pthread_mutex_t lock;
    int count;
    struct failure list[FAILURES_MAX];
};

struct failures *failures_new(void)
{
    struct failures *f = calloc(1, sizeof *f);
    if (f != NULL)
        (void)pthread_mutex_init(&f->lock, NULL);
    return f;
}

void failures_free(struct failures *f)
{
    if (f == NULL)
        return;
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

static struct failure *find(struct failures *f, const struct failure *what)
{
    for (int i = 0; i < f->count; i++) {
        struct failure *at = &f->list[i];
        if (at->minute_ms == what->minute_ms && strcmp(at->address, what->address) == 0 &&
            strcmp(at->action, what->action) == 0 && strcmp(at->target, what->target) == 0)
            return at;
    }
    return NULL;
}

/* Adds to the counter, making it when below limit counters stand. */
static bool add(struct failures *f, const struct failure *what, int limit)
{
    struct failure *at = find(f, what);
    if (at == NULL && f->count < limit) {
        at = &f->list[f->count++];
        *at = *what;
        at->count = 0;
    }
    if (at != NULL)
        at->count += what->count;
    return at != NULL;
}

void failures_return(struct failures *f, const struct failure *failure)
{
    struct failure many = {.minute_ms = failure->minute_ms, .count = failure->count, .address = "many"};
    memcpy(many.action, failure->action, sizeof many.action);
    (void)pthread_mutex_lock(&f->lock);
    if (!add(f, failure, FAILURES_MAX - RESERVED))
        (void)add(f, &many, FAILURES_MAX);
    (void)pthread_mutex_unlock(&f->lock);
}

void failures_note(struct failures *f, const char *action, const char *address, const char *target, int64_t now_ms)
{
    struct failure failure = {.minute_ms = now_ms - now_ms % MINUTE_MS, .count = 1};
    (void)snprintf(failure.action, sizeof failure.action, "%s", action);
    (void)snprintf(failure.address, sizeof failure.address, "%s", address);
    (void)snprintf(failure.target, sizeof failure.target, "%s", target);
    failures_return(f, &failure);
}

int failures_take(struct failures *f, int64_t now_ms, bool everything, struct failure ret[FAILURES_MAX])
{
    int64_t minute_ms = now_ms - now_ms % MINUTE_MS;
    int taken = 0;
    int kept = 0;
    (void)pthread_mutex_lock(&f->lock);
    for (int i = 0; i < f->count; i++) {
        if (everything || f->list[i].minute_ms != minute_ms)
            ret[taken++] = f->list[i];
        else
            f->list[kept++] = f->list[i];
    }
    f->count = kept;
    (void)pthread_mutex_unlock(&f->lock);
    return taken;
}
