#include "auth/failures.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE_MS = 60 * 1000 };

/* The last places are kept for "many", one per action; there are only a handful of actions. */
enum { RESERVED = 16 };

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

static struct failure *find(struct failures *f, const char *action, const char *address, int64_t minute_ms)
{
    for (int i = 0; i < f->count; i++) {
        struct failure *at = &f->list[i];
        if (at->minute_ms == minute_ms && strcmp(at->address, address) == 0 && strcmp(at->action, action) == 0)
            return at;
    }
    return NULL;
}

/* Adds to the counter, making it when below limit counters stand. */
static bool add(struct failures *f, const struct failure *what, const char *address, int limit)
{
    struct failure *at = find(f, what->action, address, what->minute_ms);
    if (at == NULL && f->count < limit) {
        at = &f->list[f->count++];
        *at = (struct failure){.minute_ms = what->minute_ms};
        (void)snprintf(at->action, sizeof at->action, "%s", what->action);
        (void)snprintf(at->address, sizeof at->address, "%s", address);
    }
    if (at != NULL)
        at->count += what->count;
    return at != NULL;
}

void failures_return(struct failures *f, const struct failure *failure)
{
    (void)pthread_mutex_lock(&f->lock);
    if (!add(f, failure, failure->address, FAILURES_MAX - RESERVED))
        (void)add(f, failure, "many", FAILURES_MAX);
    (void)pthread_mutex_unlock(&f->lock);
}

void failures_note(struct failures *f, const char *action, const char *address, int64_t now_ms)
{
    struct failure failure = {.minute_ms = now_ms - now_ms % MINUTE_MS, .count = 1};
    (void)snprintf(failure.action, sizeof failure.action, "%s", action);
    (void)snprintf(failure.address, sizeof failure.address, "%s", address);
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
