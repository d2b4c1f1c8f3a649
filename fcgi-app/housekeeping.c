#include "housekeeping.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "app.h"
#include "audit/trail.h"
#include "auth/auth.h"
#include "backup/backup.h"
#include "common/log.h"
#include "fleet/fleet.h"
#include "live/live.h"
#include "ops/ops.h"
#include "people/people.h"
#include "rollout/rollout.h"
#include "token/token.h"
#include "update/update.h"

enum { QUICK_MS = 1000, SLOW_MS = 10 * 1000, ROLLOUT_MS = 250, SCHEDULE_MS = 1000 };

struct housekeeping {
    struct app *app;
    struct ops_schedule schedule;
    struct backup_upkeep upkeep;
    struct backup_retention_schedule retention;
    struct update_schedule updates;
    struct token_schedule tokens;
    struct rollout_schedule rollouts;
    struct backup_schedule backups;
    struct trail_schedule trail;
    pthread_t quick, slow, rollout, backup;
    bool quick_runs, slow_runs, rollout_runs, backup_runs;
    pthread_mutex_t mutex; /* guards stopping */
    pthread_cond_t stop;
    bool stopping;
};

/* False when it is time to end. */
static bool pause_ms(struct housekeeping *h, int ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_mutex_lock(&h->mutex);
    while (!h->stopping && pthread_cond_timedwait(&h->stop, &h->mutex, &until) == 0)
        continue;
    bool stopping = h->stopping;
    (void)pthread_mutex_unlock(&h->mutex);
    return !stopping;
}

static void *quick_main(void *arg)
{
    struct housekeeping *h = arg;
    do {
        fleet_tick(h->app);
        auth_tick(h->app);
        live_tick(h->app);
    } while (pause_ms(h, QUICK_MS));
    return NULL;
}

static void *slow_main(void *arg)
{
    struct housekeeping *h = arg;
    do {
        backup_tick(h->app, &h->upkeep);
        backup_retention_tick(h->app, &h->retention);
        ops_tick(h->app, &h->schedule);
        update_tick(h->app, &h->updates);
        token_tick(h->app, &h->tokens);
        people_tick(h->app);
        trail_tick(h->app, &h->trail);
    } while (pause_ms(h, SLOW_MS));
    trail_tick_end(&h->trail);
    return NULL;
}

/* On a thread of its own: neither a long backup of the database nor a large flush may look like an outage to it. */
static void *rollout_main(void *arg)
{
    struct housekeeping *h = arg;
    do {
        rollout_tick(h->app, &h->rollouts);
    } while (pause_ms(h, ROLLOUT_MS));
    rollout_tick_end(&h->rollouts);
    return NULL;
}

/* On a thread of its own: what is due must not wait for the sweeping of a store. */
static void *schedule_main(void *arg)
{
    struct housekeeping *h = arg;
    do {
        backup_schedule_tick(h->app, &h->backups);
    } while (pause_ms(h, SCHEDULE_MS));
    backup_schedule_end(&h->backups);
    return NULL;
}

int housekeeping_start(struct app *app, struct housekeeping **ret, struct err *err)
{
    struct housekeeping *h = calloc(1, sizeof *h);
    if (h == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    h->app = app;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&h->mutex, NULL);
    (void)pthread_cond_init(&h->stop, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    h->quick_runs = pthread_create(&h->quick, NULL, quick_main, h) == 0;
    h->slow_runs = pthread_create(&h->slow, NULL, slow_main, h) == 0;
    h->rollout_runs = pthread_create(&h->rollout, NULL, rollout_main, h) == 0;
    h->backup_runs = pthread_create(&h->backup, NULL, schedule_main, h) == 0;
    if (!h->quick_runs || !h->slow_runs || !h->rollout_runs || !h->backup_runs) {
        housekeeping_stop(h);
        return err_set(err, ERR_NOMEM, "cannot start the housekeeping threads");
    }
    *ret = h;
    return 0;
}

void housekeeping_stop(struct housekeeping *h)
{
    if (h == NULL)
        return;
    (void)pthread_mutex_lock(&h->mutex);
    h->stopping = true;
    (void)pthread_cond_broadcast(&h->stop);
    (void)pthread_mutex_unlock(&h->mutex);
    if (h->quick_runs)
        (void)pthread_join(h->quick, NULL);
    if (h->slow_runs)
        (void)pthread_join(h->slow, NULL);
    if (h->rollout_runs)
        (void)pthread_join(h->rollout, NULL);
    if (h->backup_runs)
        (void)pthread_join(h->backup, NULL);
    (void)pthread_cond_destroy(&h->stop);
    (void)pthread_mutex_destroy(&h->mutex);
    free(h);
}
