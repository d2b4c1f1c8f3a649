#include "update/kubernetes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "update/image.h"
#include "update/kubernetes_api.h"

enum {
    QUICK_MS = 500,
    SLOW_MS = 5 * 1000,
    QUICK_FOR_MS = 60 * 1000, /* how long after a step the next is expected soon */
    RETRY_AFTER_MAX_S = 60,
    UNAUTHORIZED_MAX = 10, /* in a row: a token that is just being replaced passes within seconds */
    CONFLICTS_MAX = 40,    /* in a row: the controllers of a busy workload change it every moment */
};

struct rollout {
    const struct kubernetes_rollout *o;
    struct kubernetes_api *api;
    struct image image;
    struct kubernetes_result result; /* of the last call */
    bool patched;
    struct workload_progress now;
    int64_t best;     /* most pods that were seen updated; -1: none yet */
    int64_t moved_ms; /* monotonic: when that was */
    int unauthorized;
    int conflicts;
};

int kubernetes_check(struct err *err)
{
    struct kubernetes_api *api = NULL;
    int rc = kubernetes_api_open(clock_system(), &api, err);
    kubernetes_api_close(api);
    return rc;
}

/* --- one look --- */

static void tell(struct rollout *r, const struct workload_progress *now)
{
    const struct kubernetes_progress p = {
        .patched = r->patched, .updated = now->updated, .total = now->total, .text = now->text};
    r->now = *now;
    if (r->o->progress != NULL)
        r->o->progress(r->o->ctx, &p);
}

static int put_image(struct rollout *r, const struct workload *w, const struct workload_container *container,
                     struct err *err)
{
    char *patch = NULL;
    struct image running;
    int rc = workload_check_rolls(w, err);
    if (rc == 0)
        rc = image_parse(container->image, &running, err);
    if (rc == 0 && r->o->allow != NULL)
        rc = r->o->allow(r->o->ctx, &running, err);
    if (rc == 0)
        rc = workload_patch(w, container, r->o->image, &patch, err);
    if (rc == 0)
        rc = kubernetes_api_patch(r->api, r->o->workload, patch, &r->result, err);
    free(patch);
    if (rc != 0)
        return rc;
    struct workload_progress begun = {.verdict = WORKLOAD_ROLLING, .total = w->wanted - w->kept_old};
    (void)snprintf(begun.text, sizeof begun.text, "the new image is set");
    r->patched = true;
    r->moved_ms = clock_monotonic_ms(r->o->clock);
    tell(r, &begun);
    return 0;
}

/* Pods that come and go again, as those do that crash, are news but no way forward. */
static int watch(struct rollout *r, const struct workload *w, struct err *err)
{
    struct workload_progress now;
    workload_judge(w, &now);
    bool news = !r->patched || now.verdict != r->now.verdict || strcmp(now.text, r->now.text) != 0;
    r->patched = true;
    if (now.updated > r->best) {
        r->best = now.updated;
        r->moved_ms = clock_monotonic_ms(r->o->clock);
    }
    if (news)
        tell(r, &now);
    return now.verdict == WORKLOAD_GIVEN_UP ? err_set(err, ERR_UNAVAILABLE, "%s", now.text) : 0;
}

static int judge(struct rollout *r, const json_t *reply, struct err *err)
{
    struct workload w;
    struct workload_container container;
    int rc = workload_read(reply, r->o->workload, &w, err);
    if (rc == 0)
        rc = workload_container_find(&w, r->o->container, r->image.repository, &container, err);
    if (rc != 0)
        return rc;
    if (strcmp(container.image, r->o->image) == 0)
        return watch(r, &w, err);
    if (r->patched)
        return err_set(err, ERR_CONFLICT, "somebody else has set the image to %.150s meanwhile", container.image);
    return put_image(r, &w, &container, err);
}

static int look(struct rollout *r, struct err *err)
{
    json_t *reply = NULL;
    int rc = kubernetes_api_get(r->api, r->o->workload, &reply, &r->result, err);
    if (rc == 0)
        rc = judge(r, reply, err);
    json_decref(reply);
    return rc;
}

/* --- until it is over --- */

/* Whether the same call may do better a moment later. */
static bool may_pass(struct rollout *r, int rc)
{
    bool refused = r->result.status == 401;
    bool raced = r->result.status == 409;
    r->unauthorized = refused ? r->unauthorized + 1 : 0;
    r->conflicts = raced ? r->conflicts + 1 : 0;
    if (refused || raced)
        return r->unauthorized < UNAUTHORIZED_MAX && r->conflicts < CONFLICTS_MAX;
    bool answered = r->result.status >= 200 && r->result.status < 300; /* then it is our own judgement */
    return !answered && (rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT);
}

static int stuck(const struct rollout *r, int rc, struct err *err)
{
    long long stall_s = (long long)r->o->stall_ms / 1000;
    if (rc != 0)
        return err_prefix(err, "no way through for %lld s", stall_s);
    return err_set(err, ERR_TIMEOUT, "stuck: no way forward for %lld s: %.150s", stall_s, r->now.text);
}

static void rest(const struct rollout *r, int64_t quiet_ms)
{
    int64_t ms = quiet_ms < QUICK_FOR_MS ? QUICK_MS : SLOW_MS;
    int64_t asked_s = r->result.retry_after_s < RETRY_AFTER_MAX_S ? r->result.retry_after_s : RETRY_AFTER_MAX_S;
    if (asked_s * 1000 > ms)
        ms = asked_s * 1000;
    const struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static int run(struct rollout *r, struct err *err)
{
    r->moved_ms = clock_monotonic_ms(r->o->clock);
    for (;;) {
        int rc = look(r, err);
        if (rc == 0 && r->now.verdict == WORKLOAD_ROLLED_OUT)
            return 0;
        bool passing = may_pass(r, rc);
        if (rc != 0 && !passing)
            return rc;
        int64_t quiet_ms = clock_monotonic_ms(r->o->clock) - r->moved_ms;
        if (quiet_ms >= r->o->stall_ms)
            return stuck(r, rc, err);
        rest(r, quiet_ms);
    }
}

int kubernetes_rollout(const struct kubernetes_rollout *o, struct err *err)
{
    struct rollout r = {.o = o, .best = -1};
    int rc = image_parse(o->image, &r.image, err);
    if (rc == 0 && !image_is_exact(&r.image))
        rc = err_set(err, ERR_INVALID, "\"%.200s\" names neither a tag nor a digest", o->image);
    if (rc == 0)
        rc = kubernetes_api_open(o->clock, &r.api, err);
    if (rc == 0)
        rc = run(&r, err);
    kubernetes_api_close(r.api);
    return rc;
}
