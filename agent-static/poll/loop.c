#include "poll/loop.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "net/trusttime.h"
#include "poll/backoff.h"
#include "poll/poller.h"
#include "version.h"

enum {
    BACKOFF_BASE_MS = 2 * 1000,
    BACKOFF_CAP_MS = 5 * 60 * 1000,
    REFUSED_MS = 10 * 60 * 1000, /* 401: the key is not known (any more) */
    HELD_MS = 60 * 1000,         /* 403: deactivated or in quarantine, which people lift */
    CHILD_ENDED_MS = 200,        /* its events are waiting */
    KEEP_CONNECTION_MS = 60 * 1000,
    LOG_AGAIN_MS = 10 * 60 * 1000,
    OUTAGE_WORTH_TELLING_MS = 60 * 1000,
    UPLOAD_MS = 25 * 1000,
    FAREWELL_UPLOAD_MS = 2000,
};

enum contact { CONTACT_MADE, CONTACT_FAILED, CONTACT_REFUSED, CONTACT_HELD };

struct loop {
    struct poller *p;
    struct backoff backoff;
    enum contact contact;
    int64_t outage_since_ms; /* monotonic; 0: none */
    int64_t logged_ms;       /* when the outage was last written about */
    int64_t failed_tries;
    char last_error[STATUS_ERROR_SIZE]; /* of a step after the heartbeat */
    bool step_failed;                   /* in this cycle */
};

/* --- one cycle --- */

static void observe_time(struct poller *p, int64_t server_ms)
{
    char path[PATH_MAX];
    struct err err = {0};
    int rc = agent_state_path(p->agent, "clock", path, &err);
    if (rc == 0 && server_ms > 0)
        rc = trusttime_observe(path, server_ms, api_peer_not_after_ms(p->api), &err);
    if (rc != 0)
        log_warning("%s", err.msg);
}

/* The same trouble cycle after cycle is said once. */
static void warn_once(struct loop *l, int rc, const struct err *err)
{
    if (rc == 0 || signals_stopping(&l->p->signals)) /* a wait that was cut short is no failure */
        return;
    bool same = strcmp(l->last_error, err->msg) == 0;
    l->step_failed = true;
    (void)snprintf(l->last_error, sizeof l->last_error, "%s", err->msg);
    log_at(same ? LOG_DEBUG : LOG_WARNING, "%s", err->msg);
}

/* What a heartbeat's answer leads to. Each step may fail without the others: what is left over comes up at the next. */
static void follow_up(struct loop *l, const struct heartbeat_reply *reply)
{
    struct poller *p = l->p;
    struct err err = {0};
    struct api_result result = {.retry_after_s = -1};
    l->step_failed = false;
    watchdog_tick(&p->watchdog);
    if (reply->commands > 0)
        warn_once(l, commands_fetch(p, &err), &err);
    watchdog_tick(&p->watchdog);
    warn_once(l, uploader_run(p, UPLOAD_MS, &result, &err), &err);
    watchdog_tick(&p->watchdog);
    if (reply->configs_rev >= 0)
        warn_once(l, configs_refresh(p, reply->configs_rev, &err), &err);
    updates_take_offer(p, &reply->offer);
    updates_step(p, true);
    watchdog_tick(&p->watchdog);
    warn_once(l, renew_ca_bundle(p, reply->ca_rev, &err), &err);
    watchdog_tick(&p->watchdog);
    warn_once(l, renew_certificate_if_due(p, &err), &err);
    watchdog_tick(&p->watchdog);
    if (!l->step_failed)
        l->last_error[0] = '\0';
}

static enum contact judge(int rc, const struct api_result *result)
{
    if (rc == 0)
        return CONTACT_MADE;
    return result->status == 401 ? CONTACT_REFUSED : result->status == 403 ? CONTACT_HELD : CONTACT_FAILED;
}

static void contact_made(struct loop *l)
{
    struct poller *p = l->p;
    int64_t outage_ms = l->outage_since_ms > 0 ? poller_monotonic_ms(p) - l->outage_since_ms : 0;
    if (outage_ms >= OUTAGE_WORTH_TELLING_MS || (l->contact != CONTACT_MADE && l->contact != CONTACT_FAILED))
        poller_note(p, LOG_INFO, "log", "in touch with the server again after %lld s and %lld failed tries",
                    (long long)(outage_ms / 1000), (long long)l->failed_tries);
    else if (!p->status.connected)
        log_info("in touch with %s", p->agent->server_url);
    l->contact = CONTACT_MADE;
    l->outage_since_ms = 0;
    l->failed_tries = 0;
    backoff_reset(&l->backoff);
    p->status.connected = true;
    p->status.error[0] = '\0';
    p->status.last_contact_ms = poller_now_ms(p);
    watchdog_acknowledged(&p->watchdog);
}

/* The first failure and every change is said aloud, the rest only now and then. A refusal is an event too: when the
 * server takes us back, it will want to know. */
static void contact_lost(struct loop *l, enum contact contact, const struct err *err)
{
    struct poller *p = l->p;
    int64_t now_ms = poller_monotonic_ms(p);
    bool changed = contact != l->contact || l->outage_since_ms == 0;
    if (l->outage_since_ms == 0)
        l->outage_since_ms = now_ms;
    l->contact = contact;
    l->failed_tries++;
    p->status.connected = false;
    (void)snprintf(p->status.error, sizeof p->status.error, "%s", err->msg);
    if (!changed && now_ms - l->logged_ms < LOG_AGAIN_MS) {
        log_debug("heartbeat: %s", err->msg);
        return;
    }
    l->logged_ms = now_ms;
    if (contact == CONTACT_REFUSED && changed)
        poller_note(p, LOG_ERROR, "log", "the server refuses this agent's key (%s): asking again every 10 minutes",
                    err->msg);
    else if (contact == CONTACT_HELD && changed)
        poller_note(p, LOG_WARNING, "log", "the server holds this agent back: %s", err->msg);
    else
        log_at(contact == CONTACT_FAILED ? LOG_WARNING : LOG_ERROR, "heartbeat: %s", err->msg);
}

static int64_t interval_ms(const struct poller *p)
{
    int64_t own_s = config_seconds(p->agent->config, "POLL_INTERVAL");
    return (own_s > 0 ? own_s : p->status.next_poll_s) * 1000;
}

static int64_t wait_after_failure(struct loop *l, int retry_after_s)
{
    uint32_t random = backoff_random();
    switch (l->contact) {
    case CONTACT_REFUSED: return backoff_jitter(REFUSED_MS, random);
    case CONTACT_HELD: return backoff_jitter(HELD_MS, random);
    case CONTACT_MADE:
    case CONTACT_FAILED: break;
    }
    return backoff_next(&l->backoff, retry_after_s, random);
}

/* Returns how long to wait for the next. */
static int64_t cycle(struct loop *l)
{
    struct poller *p = l->p;
    struct err err = {0};
    struct api_result result = {.retry_after_s = -1};
    struct heartbeat_reply reply;
    int64_t wait_ms;
    watchdog_tick(&p->watchdog);
    p->status.last_attempt_ms = poller_now_ms(p);
    enum contact contact = judge(heartbeat_send(p, false, &reply, &result, &err), &result);
    if (contact == CONTACT_MADE) {
        observe_time(p, reply.server_time_ms);
        p->status.next_poll_s = reply.next_poll_s;
        contact_made(l);
        follow_up(l, &reply);
        wait_ms = backoff_jitter(interval_ms(p), backoff_random());
    } else if (signals_stopping(&p->signals)) {
        return 0; /* cut short: says nothing about the server */
    } else {
        if (result.status == 429 || result.status == 503) /* it was reached, and says "not now" */
            watchdog_acknowledged(&p->watchdog);
        contact_lost(l, contact, &err);
        updates_step(p, false);
        wait_ms = wait_after_failure(l, result.retry_after_s);
    }
    if (wait_ms > KEEP_CONNECTION_MS || contact != CONTACT_MADE)
        api_disconnect(p->api);
    poller_save_status(p);
    return wait_ms;
}

/* --- the loop --- */

static void reload(struct loop *l, bool asked)
{
    struct err err = {0};
    int rc = poller_reload(l->p, &err);
    if (rc != 0)
        log_error("the configuration was not taken over: %s", err.msg);
    else if (asked)
        log_info("the configuration was read again");
}

static bool cycle_is_due(struct loop *l)
{
    if (l->contact == CONTACT_REFUSED)
        reload(l, false); /* this host may have been enrolled anew meanwhile */
    return true;
}

/* Waits for the next cycle, ticking. False when it is time to stop, or to make way for another binary. */
static bool wait_for_next(struct loop *l, int64_t wait_ms)
{
    struct poller *p = l->p;
    int64_t due_ms = poller_monotonic_ms(p) + wait_ms;
    while (!updates_restart_due(p)) {
        int64_t left_ms = due_ms - poller_monotonic_ms(p);
        if (left_ms <= 0 && !signals_stopping(&p->signals))
            return cycle_is_due(l);
        bool watched = p->watchdog.fd >= 0;
        watchdog_tick(&p->watchdog);
        struct signals_seen seen =
            signals_wait(&p->signals, watched && left_ms > WATCHDOG_TICK_MS ? WATCHDOG_TICK_MS : left_ms);
        if (seen.stop)
            return false;
        if (seen.reload) {
            reload(l, true);
            updates_look_again(p);
            return !updates_restart_due(p);
        }
        if (seen.child && commands_collect(p) && l->contact == CONTACT_MADE)
            due_ms = poller_monotonic_ms(p) + CHILD_ENDED_MS;
    }
    return false;
}

/* The server hears goodbye only from a host that goes: a restart is none. */
static void farewell(struct loop *l)
{
    struct poller *p = l->p;
    struct err err = {0};
    struct api_result result;
    struct heartbeat_reply reply;
    commands_stop(p);
    watchdog_tick(&p->watchdog);
    if (updates_restart_due(p))
        poller_note(p, LOG_INFO, "log", "muster-agent %s makes way for %s", agent_version, p->updates.state.version);
    else
        poller_note(p, LOG_INFO, "log", "muster-agent stops");
    api_set_cancel(p->api, -1);
    if (l->contact == CONTACT_MADE) {
        int rc = uploader_run(p, FAREWELL_UPLOAD_MS, &result, &err);
        if (rc == 0 && !updates_restart_due(p))
            rc = heartbeat_send(p, true, &reply, &result, &err);
        if (rc != 0)
            log_warning("goodbye to the server: %s", err.msg);
    }
    p->status.connected = false;
    p->status.pid = 0;
    poller_save_status(p);
}

static int begin(struct agent *agent, int watchdog_fd, struct loop *ret, struct err *err)
{
    int rc = poller_open(agent, watchdog_fd, &ret->p, err);
    if (rc != 0)
        return rc;
    ret->backoff = (struct backoff){.base_ms = BACKOFF_BASE_MS, .cap_ms = BACKOFF_CAP_MS};
    watchdog_tick(&ret->p->watchdog);
    poller_save_status(ret->p); /* what a process before us last said is no longer true */
    readback_begin(ret->p);
    k8s_resume(ret->p);
    commands_settle(ret->p);
    updates_open(ret->p);
    if (jobs_start_reap(&ret->p->jobs, ret->p->agent->config_path, err) != 0)
        log_warning("cannot look after earlier backups: %s", err->msg);
    return 0;
}

int loop_run(struct agent *agent, int watchdog_fd, bool *ret_restart, struct err *err)
{
    struct loop l = {.contact = CONTACT_MADE};
    int rc = begin(agent, watchdog_fd, &l, err);
    if (rc != 0)
        return rc;
    poller_note(l.p, LOG_INFO, "log", "muster-agent %s starts (%s)", agent_version,
                deployment_name(l.p->agent->deployment));
    do {
        (void)commands_collect(l.p);
    } while (wait_for_next(&l, cycle(&l)));
    farewell(&l);
    *ret_restart = updates_restart_due(l.p);
    poller_close(l.p);
    return 0;
}

/* Waits for the children a round has begun; a signal ends them. */
static void wait_for_children(struct poller *p)
{
    while (jobs_running(&p->jobs) > 0) {
        struct signals_seen seen = signals_wait(&p->signals, 1000);
        if (seen.stop) {
            commands_stop(p);
            return;
        }
        (void)commands_collect(p);
    }
}

int loop_once(struct agent *agent, struct err *err)
{
    struct loop l = {.contact = CONTACT_MADE};
    struct api_result result;
    int rc = begin(agent, -1, &l, err);
    if (rc != 0)
        return rc;
    (void)cycle(&l);
    wait_for_children(l.p);
    if (l.contact != CONTACT_MADE)
        rc = err_set(err, ERR_UNAVAILABLE, "%s", l.p->status.error);
    else
        rc = uploader_run(l.p, UPLOAD_MS, &result, err);
    poller_close(l.p);
    return rc;
}
