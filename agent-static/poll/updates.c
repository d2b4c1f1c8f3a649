#include "poll/updates.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/fnv1a.h"
#include "common/version.h"
#include "poll/backoff.h"
#include "poll/evidence.h"
#include "poll/poller.h"
#include "poll/restart.h"
#include "update/skiplist.h"
#include "update/stage.h"
#include "update/swap.h"
#include "update/update.h"
#include "update/window.h"
#include "version.h"

enum {
    FIRST_CHECK_MS = 60 * 1000,
    RETRY_MS = 60 * 1000,
    RETRY_CAP_MS = 6 * 60 * 60 * 1000,
    QUIET_TRIES = 3, /* the network may fail so often before that counts as a failed update */
    DRAIN_MS = 20 * 1000,
    MISSES = 3, /* heartbeats in a row without an answer: the server is away */
};

/* --- the state --- */

static bool is_worth_telling(enum update_step step)
{
    return step != UPDATE_IDLE && step != UPDATE_WAITING && step != UPDATE_DOWNLOADING && step != UPDATE_VERIFYING;
}

/* The rollout that a step with this version belongs to: of the offer, or, without one, of the steps before. */
static const char *rollout_of(const struct updates *u, const char *version)
{
    if (u->offer.version[0] != '\0' && strcmp(u->offer.version, version) == 0)
        return u->offer.rollout_id;
    return strcmp(u->state.version, version) == 0 ? u->state.rollout_id : "";
}

/* A step that is reported: on disk, and said aloud when it is news. */
static void enter(struct poller *p, enum update_step step, const char *version, const char *reason)
{
    struct update_state *s = &p->updates.state;
    struct update_state next = {.step = step, .since_ms = poller_now_ms(p)};
    char path[PATH_MAX];
    struct err err = {0};
    (void)snprintf(next.version, sizeof next.version, "%s", version);
    (void)snprintf(next.reason, sizeof next.reason, "%s", reason);
    (void)snprintf(next.rollout_id, sizeof next.rollout_id, "%s", rollout_of(&p->updates, version));
    if (s->step == step && strcmp(s->version, next.version) == 0 && strcmp(s->reason, next.reason) == 0 &&
        strcmp(s->rollout_id, next.rollout_id) == 0)
        return;
    *s = next;
    int rc = agent_state_path(p->agent, "update/state.json", path, &err);
    if (rc == 0)
        rc = update_state_save(path, s, &err);
    if (rc != 0)
        log_warning("the state of the update: %s", err.msg);
    bool bad = step == UPDATE_FAILED || step == UPDATE_RESTORED;
    if (is_worth_telling(step))
        poller_note(p, bad ? LOG_ERROR : LOG_INFO, "update", "update to %s: %s%s%s", version, update_step_name(step),
                    reason[0] != '\0' ? ": " : "", reason);
}

json_t *updates_json(const struct poller *p)
{
    return update_state_json(&p->updates.state);
}

bool updates_failed(const struct poller *p)
{
    return p->updates.state.step == UPDATE_FAILED || p->updates.state.step == UPDATE_RESTORED;
}

bool updates_restart_due(const struct poller *p)
{
    return p->updates.restart;
}

/* --- how a trial goes --- */

static void load_skipped(struct poller *p, char path[PATH_MAX], struct skiplist *ret)
{
    struct err err = {0};
    *ret = (struct skiplist){.count = 0};
    path[0] = '\0';
    if (agent_state_path(p->agent, "update/skipped.json", path, &err) == 0)
        skiplist_load(path, ret);
}

static void save_skipped(const char *path, const struct skiplist *s)
{
    struct err err = {0};
    if (skiplist_save(path, s, &err) != 0)
        log_error("the list of skipped versions: %s", err.msg);
}

/* The order is such that a process which ends in between leaves what makes the next one do it again. */
static void trial_committed(struct poller *p, const char *agent_path, const struct swap_state *trial)
{
    char path[PATH_MAX];
    struct skiplist skipped;
    struct err err = {0};
    load_skipped(p, path, &skipped);
    if (skiplist_outgrown(&skipped, trial->version))
        save_skipped(path, &skipped);
    enter(p, UPDATE_COMMITTED, trial->version, "");
    if (swap_clear(agent_path, &err) != 0)
        log_warning("cleaning up after the update: %s", err.msg);
}

static void trial_rejected(struct poller *p, const char *agent_path, const struct swap_state *trial)
{
    char path[PATH_MAX];
    struct skiplist skipped;
    struct err err = {0};
    load_skipped(p, path, &skipped);
    skiplist_add(&skipped, trial->version, trial->reason, poller_now_ms(p));
    save_skipped(path, &skipped);
    if (p->updates.state.step != UPDATE_RESTORED || strcmp(p->updates.state.version, trial->version) != 0)
        evidence_report(p, trial->evidence, trial->version);
    enter(p, UPDATE_RESTORED, trial->version, trial->reason);
    if (swap_clear(agent_path, &err) != 0)
        log_warning("cleaning up after the update: %s", err.msg);
}

/* Whether we are the one that was rejected, running on because the launcher could not put the old one back yet. What it
 * needs for that must stay; without it there is nothing to wait for. */
static bool is_to_be_replaced(const char *agent_path, const struct swap_state *trial)
{
    char backup[PATH_MAX];
    struct err err = {0};
    return strcmp(trial->version, agent_version) == 0 && swap_path(agent_path, ".backup", backup, &err) == 0 &&
           access(backup, F_OK) == 0;
}

/* Reads A.trial. True while a trial is not over. */
static bool settle(struct poller *p)
{
    char path[PATH_MAX];
    struct swap_state trial;
    struct err err = {0};
    if (p->watchdog.fd < 0)
        return false;
    int rc = swap_running_path(path, &err);
    if (rc == 0)
        rc = swap_state_read(path, &trial, &err);
    if (rc != 0) {
        log_warning("the state of the trial: %s", err.msg);
        if (rc == ERR_CORRUPT && swap_clear(path, &err) != 0)
            log_warning("%s", err.msg);
        return false;
    }
    switch (trial.phase) {
    case SWAP_NONE: return false;
    case SWAP_COMMITTED: trial_committed(p, path, &trial); return false;
    case SWAP_REJECTED:
        if (is_to_be_replaced(path, &trial)) {
            enter(p, UPDATE_TRIAL, trial.version, trial.reason);
            return true;
        }
        trial_rejected(p, path, &trial);
        return false;
    case SWAP_TRIAL: enter(p, UPDATE_TRIAL, trial.version, ""); return true;
    case SWAP_RESTORED:
    case SWAP_WAITING: enter(p, UPDATE_TRIAL, trial.version, trial.reason); return true;
    }
    return false;
}

void updates_open(struct poller *p)
{
    char path[PATH_MAX];
    struct err err = {0};
    if (agent_state_path(p->agent, "update/state.json", path, &err) == 0)
        update_state_load(path, &p->updates.state);
    p->updates.check_ms = poller_monotonic_ms(p) + backoff_jitter(FIRST_CHECK_MS, backoff_random());
    if (!settle(p) && !update_step_is_final(p->updates.state.step))
        enter(p, UPDATE_IDLE, "", "");
}

void updates_look_again(struct poller *p)
{
    p->updates.check_ms = poller_monotonic_ms(p);
    if (settle(p) && strcmp(p->updates.state.version, agent_version) != 0 && p->updates.state.reason[0] == '\0')
        p->updates.restart = true;
}

/* --- deciding --- */

void updates_take_offer(struct poller *p, const struct policy_offer *offer)
{
    p->updates.offer = offer != NULL ? *offer : (struct policy_offer){.not_before_ms = 0};
}

static struct policy_decision decide(struct poller *p, const struct policy_offer *offer)
{
    char path[PATH_MAX];
    struct skiplist skipped;
    struct window window;
    struct err err = {0};
    const struct config *c = p->agent->config;
    int64_t now_ms = poller_now_ms(p);
    load_skipped(p, path, &skipped);
    if (window_parse(config_text(c, "UPDATE_WINDOW"), &window, &err) != 0)
        window = (struct window){.count = 0}; /* settings.c has refused it before */
    struct policy_host host = {
        .own_version = agent_version,
        .pin = config_text(c, "UPDATE_PIN"),
        .skip_reason = skiplist_reason(&skipped, offer->version),
        .bucket = fnv1a_bucket("", p->agent->identity.id),
        .percent = (int)config_int(c, "UPDATE_ROLLOUT_PERCENT"),
        .now_ms = now_ms,
        .window_opens_ms = window_next_open_ms(&window, now_ms),
    };
    host.mode = update_mode(p->agent, p->watchdog.fd >= 0, &host.mode_reason);
    return policy_decide(offer, &host);
}

/* What the server offers; while it cannot offer anything, what our own check says cannot wait; and what a container may
 * be told of. A server that answers and offers nothing has its reasons: pace, a pause. */
static const struct policy_offer *choose(const struct poller *p)
{
    static const struct policy_offer nothing = {.version = ""};
    const struct updates *u = &p->updates;
    if (u->found.minimum && u->misses == MISSES)
        return &u->found;
    if (u->offer.version[0] != '\0')
        return &u->offer;
    return u->found.minimum ? &nothing : &u->found;
}

/* --- the child --- */

static void start_check(struct poller *p)
{
    struct err err = {0};
    int64_t now_ms = poller_monotonic_ms(p);
    if (now_ms < p->updates.check_ms || strcmp(config_text(p->agent->config, "UPDATE_MODE"), "disabled") == 0)
        return;
    p->updates.check_ms =
        now_ms + backoff_jitter(config_seconds(p->agent->config, "UPDATE_INTERVAL") * 1000, backoff_random());
    p->updates.staging[0] = '\0';
    if (jobs_start_update(&p->jobs, p->agent->config_path, NULL, false, &err) != 0)
        log_warning("the check for updates: %s", err.msg);
}

static void start_stage(struct poller *p, const struct policy_offer *offer)
{
    struct updates *u = &p->updates;
    struct err err = {0};
    if (strcmp(u->state.version, offer->version) != 0)
        u->tries = 0;
    else if (u->tries > 0 && poller_monotonic_ms(p) < u->retry_ms)
        return;
    enter(p, UPDATE_OFFERED, offer->version, "");
    int rc = jobs_start_update(&p->jobs, p->agent->config_path, offer->version, offer->downgrade, &err);
    if (rc != 0) {
        enter(p, UPDATE_FAILED, offer->version, err.msg);
        return;
    }
    (void)snprintf(u->staging, sizeof u->staging, "%s", offer->version);
}

static void load_note(const struct poller *p, struct stage_note *ret)
{
    char path[PATH_MAX];
    struct err err = {0};
    *ret = (struct stage_note){.end = STAGE_RUNNING};
    if (agent_state_path(p->agent, "update/progress.json", path, &err) == 0)
        stage_note_load(path, ret);
}

/* While the child works: how far it is, and whether its version is still wanted. */
static void watch_stage(struct poller *p, bool in_touch)
{
    struct updates *u = &p->updates;
    struct stage_note note;
    if (u->staging[0] == '\0')
        return; /* a check, which takes a moment */
    if (in_touch && strcmp(choose(p)->version, u->staging) != 0) {
        jobs_signal_kind(&p->jobs, JOB_UPDATE, SIGTERM); /* what has come of the download stays */
        return;
    }
    load_note(p, &note);
    if (note.end != STAGE_RUNNING || strcmp(note.version, u->staging) != 0)
        return;
    enter(p, note.step, note.version, "");
    u->state.percent = note.percent;
}

static void check_ended(struct poller *p, const struct stage_note *note)
{
    struct policy_offer *found = &p->updates.found;
    const char *reason;
    *found = (struct policy_offer){.minimum = note->required};
    if (note->end != STAGE_READY) {
        log_warning("the check for updates: %s", note->reason);
        return;
    }
    bool newer = version_compare(note->version, agent_version) > 0;
    bool told = update_mode(p->agent, p->watchdog.fd >= 0, &reason) == POLICY_MODE_REPORT;
    if (newer && (note->required || told))
        (void)snprintf(found->version, sizeof found->version, "%s", note->version);
}

static void stage_failed(struct poller *p, const struct stage_note *note)
{
    struct updates *u = &p->updates;
    int64_t wait_ms = RETRY_MS;
    for (int i = 0; i < u->tries && wait_ms < RETRY_CAP_MS; i++)
        wait_ms *= 2;
    u->tries++;
    u->retry_ms = poller_monotonic_ms(p) + backoff_jitter(wait_ms, backoff_random());
    bool quiet = note->end == STAGE_LATER && u->tries < QUIET_TRIES;
    enter(p, quiet ? UPDATE_WAITING : UPDATE_FAILED, u->staging, note->reason);
}

void updates_child_ended(struct poller *p, int status)
{
    struct updates *u = &p->updates;
    struct stage_note note;
    load_note(p, &note);
    bool told = note.end != STAGE_RUNNING && (u->staging[0] == '\0' || strcmp(note.version, u->staging) == 0);
    if (!told || (WIFSIGNALED(status) && note.end == STAGE_READY)) {
        note.end = STAGE_LATER;
        (void)snprintf(note.reason, sizeof note.reason, "the download was ended by %s %d",
                       WIFSIGNALED(status) ? "signal" : "exit code",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    if (u->staging[0] == '\0')
        check_ended(p, &note);
    else if (note.end == STAGE_READY)
        u->ready = true;
    else if (strcmp(choose(p)->version, u->staging) == 0)
        stage_failed(p, &note);
    if (!u->ready)
        u->staging[0] = '\0';
}

/* --- the swap --- */

/* Whether the server has all we have said: what the version on trial does to the log can then lose little. */
static bool is_drained(struct poller *p)
{
    char epoch[EVENTLOG_EPOCH_SIZE];
    struct api_result result;
    struct err err = {0};
    json_t *pending = NULL;
    if (uploader_run(p, DRAIN_MS, &result, &err) != 0 || eventlog_pending(p->events, 1, 1, epoch, &pending, &err) != 0)
        return false;
    bool drained = json_array_size(pending) == 0;
    json_decref(pending);
    return drained;
}

static int begin_swap(struct poller *p, struct err *err)
{
    char path[PATH_MAX];
    char evidence[PATH_MAX];
    struct swap_state start = {.trial_s = (uint32_t)config_int(p->agent->config, "UPDATE_TRIAL_S")};
    int rc = swap_running_path(path, err);
    if (rc == 0)
        rc = agent_state_path(p->agent, "update/evidence", evidence, err);
    if (rc == 0)
        rc = file_mkdirs(evidence, 0700, err);
    if (rc == 0)
        rc = eventlog_position(p->events, &start.log, err);
    if (rc != 0)
        return rc;
    if (snprintf(start.evidence, sizeof start.evidence, "%s", evidence) >= (int)sizeof start.evidence)
        return err_set(err, ERR_TOO_BIG, "STATE_DIR: path too long");
    (void)snprintf(start.version, sizeof start.version, "%s", p->updates.staging);
    (void)snprintf(start.previous, sizeof start.previous, "%s", agent_version);
    return swap_begin(path, &start, err);
}

static void try_swap(struct poller *p, bool in_touch)
{
    struct updates *u = &p->updates;
    struct err err = {0};
    const struct policy_offer *offer = choose(p);
    if (strcmp(offer->version, u->staging) != 0) { /* not wanted any more */
        u->ready = false;
        u->staging[0] = '\0';
        return;
    }
    struct policy_decision d = decide(p, offer);
    if (d.act != POLICY_INSTALL)
        enter(p, UPDATE_WAITING, offer->version, d.reason);
    else if (jobs_run(&p->jobs, JOB_BACKUP))
        enter(p, UPDATE_WAITING, offer->version, "a backup is running");
    else if (!offer->minimum && !in_touch)
        enter(p, UPDATE_WAITING, offer->version, "waiting for the server, which may have changed its mind");
    else if (in_touch && !is_drained(p))
        enter(p, UPDATE_WAITING, offer->version, "events are still on their way to the server");
    else if (begin_swap(p, &err) != 0) {
        struct stage_note note = {.end = STAGE_FAILED};
        (void)snprintf(note.reason, sizeof note.reason, "%.*s", (int)sizeof note.reason - 1, err.msg);
        stage_failed(p, &note);
        u->ready = false;
        u->staging[0] = '\0';
    } else {
        enter(p, UPDATE_TRIAL, offer->version, "");
        restart_ask(p);
    }
}

/* Whether the state tells already what became of this very offer, so that it must stand until the server has heard. */
static bool is_answered(const struct updates *u, const struct policy_offer *offer)
{
    return (u->state.step == UPDATE_RESTORED || u->state.step == UPDATE_COMMITTED) &&
           strcmp(u->state.version, offer->version) == 0 && strcmp(u->state.rollout_id, offer->rollout_id) == 0;
}

/* Nothing is offered, or what is offered runs already, which is news to a rollout that does not know. */
static void rest(struct poller *p, const struct policy_offer *offer)
{
    if (offer->version[0] != '\0')
        enter(p, UPDATE_COMMITTED, offer->version, "");
    else if (!update_step_is_final(p->updates.state.step) || p->updates.state.step == UPDATE_AVAILABLE)
        enter(p, UPDATE_IDLE, "", "");
}

void updates_step(struct poller *p, bool in_touch)
{
    struct updates *u = &p->updates;
    u->misses = in_touch ? 0 : u->misses + (u->misses < MISSES);
    if (u->restart || (u->state.step == UPDATE_TRIAL && settle(p)))
        return;
    if (u->ready) {
        try_swap(p, in_touch);
        return;
    }
    if (jobs_run(&p->jobs, JOB_UPDATE)) {
        watch_stage(p, in_touch);
        return;
    }
    const struct policy_offer *offer = choose(p);
    struct policy_decision d = decide(p, offer);
    switch (d.act) {
    case POLICY_NOTHING: rest(p, offer); break;
    case POLICY_REPORT: enter(p, UPDATE_AVAILABLE, offer->version, d.reason); break;
    case POLICY_SKIP:
        if (!is_answered(u, offer))
            enter(p, UPDATE_SKIPPED, offer->version, d.reason);
        break;
    case POLICY_WAIT: enter(p, UPDATE_WAITING, offer->version, d.reason); break;
    case POLICY_INSTALL:
        if (in_touch || offer->minimum)
            start_stage(p, offer);
        break;
    }
    if (!jobs_run(&p->jobs, JOB_UPDATE))
        start_check(p);
}
