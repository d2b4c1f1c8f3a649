#include "ops/changes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"

struct watcher {
    char topic[24];
    changes_fn *fn;
    void *ctx;
    int64_t seen;  /* the counter at the last successful call; -1: never called */
    int64_t found; /* at this poll */
};

struct changes {
    struct watcher watchers[CHANGES_WATCHERS_MAX];
    size_t count;
    struct db *db;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* guards stopping */
    pthread_cond_t stop;
    bool stopping;
};

struct changes *changes_new(void)
{
    struct changes *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)pthread_cond_init(&c->stop, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return c;
}

void changes_free(struct changes *c)
{
    if (c == NULL)
        return;
    changes_stop(c);
    (void)pthread_cond_destroy(&c->stop);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c);
}

int changes_watch(struct changes *c, const char *topic, changes_fn *fn, void *ctx, struct err *err)
{
    struct watcher *w = &c->watchers[c->count];
    if (c->started || c->count == CHANGES_WATCHERS_MAX || strlen(topic) >= sizeof w->topic)
        return err_set(err, ERR_TOO_BIG, "too many watchers of changes, or too late for %s", topic);
    *w = (struct watcher){.fn = fn, .ctx = ctx, .seen = -1};
    memcpy(w->topic, topic, strlen(topic) + 1);
    c->count++;
    return 0;
}

static void note(struct changes *c, const char *topic, int64_t counter)
{
    for (size_t i = 0; topic != NULL && i < c->count; i++)
        if (strcmp(c->watchers[i].topic, topic) == 0)
            c->watchers[i].found = counter;
}

int changes_poll(struct changes *c, struct db *db, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, DB_CHANGE_LIST, DB_NO_ARGS, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        note(c, db_rows_text(&rows, 0), db_rows_int(&rows, 1, 0));
        rc = 0;
    }
    db_rows_done(&rows);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < c->count; i++) {
        struct watcher *w = &c->watchers[i];
        int64_t found = w->found; /* read before the call: a change during it is found at the next poll */
        if (found != w->seen && w->fn(db, w->ctx) == 0)
            w->seen = found;
    }
    return 0;
}

/* False when it is time to end. */
static bool pause_until_next(struct changes *c)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += CHANGES_POLL_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&c->mutex);
    while (!c->stopping && pthread_cond_timedwait(&c->stop, &c->mutex, &until) == 0)
        continue;
    bool stopping = c->stopping;
    (void)pthread_mutex_unlock(&c->mutex);
    return !stopping;
}

static void *changes_main(void *arg)
{
    struct changes *c = arg;
    bool failing = false;
    do {
        struct err err = {0};
        bool failed = changes_poll(c, c->db, &err) != 0;
        if (failed && !failing)
            log_error("changes made by other processes cannot be read: %s", err.msg);
        failing = failed;
    } while (pause_until_next(c));
    return NULL;
}

int changes_start(struct changes *c, const char *db_path, struct err *err)
{
    int rc = db_open(&(struct db_options){.path = db_path, .read_only = true}, &c->db, err);
    if (rc != 0)
        return rc;
    if (pthread_create(&c->thread, NULL, changes_main, c) != 0) {
        db_close(c->db);
        c->db = NULL;
        return err_set(err, ERR_NOMEM, "cannot start the thread that hears of changes");
    }
    c->started = true;
    return 0;
}

void changes_stop(struct changes *c)
{
    if (!c->started)
        return;
    (void)pthread_mutex_lock(&c->mutex);
    c->stopping = true;
    (void)pthread_cond_signal(&c->stop);
    (void)pthread_mutex_unlock(&c->mutex);
    (void)pthread_join(c->thread, NULL);
    db_close(c->db);
    c->db = NULL;
    c->started = false;
}
