#include "live/hub.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "http/park.h"
#include "ops/changes.h"

enum { STREAMS_PER_PERSON = 32, WAKE_EVERY_MS = 1000 };

const char live_key[] = "live";

struct watch {
    struct app *app;
    enum live_topic topic;
};

/* The rows of the table changes. What agents say of themselves has one of its own: nobody's memory depends on it. */
static const struct source {
    const char *name;
    enum live_topic topic;
} sources[] = {
    {"agents", LIVE_AGENTS}, {"presence", LIVE_AGENTS},   {"configs", LIVE_CONFIGS}, {"runs", LIVE_RUNS},
    {"commands", LIVE_JOBS}, {"rollouts", LIVE_ROLLOUTS}, {"plans", LIVE_ROLLOUTS},  {"releases", LIVE_RELEASES},
    {"alerts", LIVE_ALERTS}, {"policy", LIVE_POLICY},     {"users", LIVE_USERS},     {"sessions", LIVE_SESSIONS},
};
enum { SOURCE_COUNT = sizeof sources / sizeof sources[0] };

struct live {
    _Atomic uint64_t counters[LIVE_TOPIC_COUNT];
    atomic_bool untold;
    _Atomic int64_t woken_ms; /* monotonic */
    struct watch watches[SOURCE_COUNT];
    pthread_mutex_t mutex; /* guards the places */
    struct live_place *first;
    size_t count;
};

const char *live_topic_name(enum live_topic topic)
{
    static const char *const names[LIVE_TOPIC_COUNT] = {
        [LIVE_AGENTS] = "agents", [LIVE_CONFIGS] = "configs",   [LIVE_RUNS] = "runs",
        [LIVE_JOBS] = "jobs",     [LIVE_ROLLOUTS] = "rollouts", [LIVE_RELEASES] = "releases",
        [LIVE_ALERTS] = "alerts", [LIVE_POLICY] = "policy",     [LIVE_USERS] = "users",
    };
    return names[topic];
}

struct live *live_new(void)
{
    struct live *hub = calloc(1, sizeof *hub);
    if (hub != NULL)
        (void)pthread_mutex_init(&hub->mutex, NULL);
    return hub;
}

void live_free(struct live *hub)
{
    if (hub == NULL)
        return;
    (void)pthread_mutex_destroy(&hub->mutex);
    free(hub);
}

/* --- topics --- */

static void wake(struct app *app, int64_t now_ms)
{
    struct live *hub = app->live;
    atomic_store(&hub->untold, false);
    atomic_store(&hub->woken_ms, now_ms);
    park_wake(app->park, live_key);
}

/* Every stream looks at its session, those of agents' logs too. */
static void wake_all(struct app *app, int64_t now_ms)
{
    struct live *hub = app->live;
    wake(app, now_ms);
    (void)pthread_mutex_lock(&hub->mutex);
    for (const struct live_place *p = hub->first; p != NULL; p = p->next)
        if (strcmp(p->key, live_key) != 0)
            park_wake(app->park, p->key);
    (void)pthread_mutex_unlock(&hub->mutex);
}

/* The first change after a quiet second is told at once; what follows waits for the tick. What may have shut somebody
 * out does not wait. */
static int on_change(struct db *db, void *ctx)
{
    const struct watch *w = ctx;
    struct live *hub = w->app->live;
    int64_t now_ms = clock_monotonic_ms(w->app->clock);
    (void)db;
    atomic_fetch_add(&hub->counters[w->topic], 1);
    if (w->topic == LIVE_SESSIONS || w->topic == LIVE_USERS)
        wake_all(w->app, now_ms);
    else if (now_ms - atomic_load(&hub->woken_ms) >= WAKE_EVERY_MS)
        wake(w->app, now_ms);
    else
        atomic_store(&hub->untold, true);
    return 0;
}

int live_watch(struct app *app, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < SOURCE_COUNT; i++) {
        app->live->watches[i] = (struct watch){app, sources[i].topic};
        rc = changes_watch(app->changes, sources[i].name, on_change, &app->live->watches[i], err);
    }
    return rc;
}

void live_tick(struct app *app)
{
    if (atomic_load(&app->live->untold))
        wake(app, clock_monotonic_ms(app->clock));
}

void live_read(struct live *hub, struct live_seen *ret)
{
    for (size_t i = 0; i < LIVE_TOPIC_COUNT; i++)
        ret->counters[i] = atomic_load(&hub->counters[i]);
}

/* --- places --- */

static bool has_enough(const struct live *hub, const char *user)
{
    unsigned own = 0;
    for (const struct live_place *p = hub->first; p != NULL && own < STREAMS_PER_PERSON; p = p->next)
        own += strcmp(p->user, user) == 0;
    return own >= STREAMS_PER_PERSON;
}

bool live_enter(struct live *hub, struct live_place *place, const char *user, const char *key, size_t most_in_all)
{
    (void)pthread_mutex_lock(&hub->mutex);
    bool room = hub->count < most_in_all && strlen(user) < sizeof place->user && !has_enough(hub, user);
    if (room) {
        memcpy(place->user, user, strlen(user) + 1);
        place->hub = hub;
        place->key = key;
        place->prev = NULL;
        place->next = hub->first;
        if (hub->first != NULL)
            hub->first->prev = place;
        hub->first = place;
        hub->count++;
    }
    (void)pthread_mutex_unlock(&hub->mutex);
    return room;
}

void live_leave(struct live_place *place)
{
    struct live *hub = place->hub;
    (void)pthread_mutex_lock(&hub->mutex);
    if (place->next != NULL)
        place->next->prev = place->prev;
    if (place->prev != NULL)
        place->prev->next = place->next;
    else
        hub->first = place->next;
    hub->count--;
    (void)pthread_mutex_unlock(&hub->mutex);
}

size_t live_count(struct live *hub)
{
    (void)pthread_mutex_lock(&hub->mutex);
    size_t count = hub->count;
    (void)pthread_mutex_unlock(&hub->mutex);
    return count;
}
