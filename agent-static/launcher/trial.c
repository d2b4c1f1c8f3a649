#include "trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int64_t trial_ms(const struct trial *t)
{
    return (int64_t)t->state.trial_s * 1000;
}

void trial_adopt(struct trial *t, const struct state *state, const char *boot)
{
    *t = (struct trial){.state = *state};
    (void)snprintf(t->boot, sizeof t->boot, "%s", boot);
}

int64_t trial_backoff_ms(const struct state *s)
{
    int64_t wait_s = s->trial_s;
    for (uint32_t i = 0; i < s->round && wait_s < TRIAL_BACKOFF_MAX_S; i++)
        wait_s *= 2;
    return (wait_s < TRIAL_BACKOFF_MAX_S ? wait_s : TRIAL_BACKOFF_MAX_S) * 1000;
}

int64_t trial_silence_ms(const struct trial *t)
{
    if (t->state.phase == STATE_TRIAL && !t->signs && trial_ms(t) / 2 < RULES_SILENCE_MS)
        return trial_ms(t) / 2;
    return RULES_SILENCE_MS;
}

int64_t trial_due(const struct trial *t)
{
    if (t->leaving)
        return INT64_MAX;
    switch (t->state.phase) {
    case STATE_TRIAL: return t->running && !(t->acknowledged && t->replayed) ? t->started_ms + trial_ms(t) : INT64_MAX;
    case STATE_RESTORED:
    case STATE_WAITING: return t->until_ms > 0 ? t->until_ms : INT64_MAX;
    case STATE_NONE:
    case STATE_COMMITTED:
    case STATE_REJECTED: break;
    }
    return INT64_MAX;
}

/* --- from phase to phase --- */

static unsigned enter(struct trial *t, enum state_phase phase)
{
    t->state.phase = phase;
    t->until_ms = 0;
    return TRIAL_SAVE;
}

/* The other binary is to run. */
static unsigned change_over(struct trial *t, enum state_phase phase, unsigned end)
{
    t->leaving = t->running;
    return enter(t, phase) | TRIAL_PLACE | (t->running ? end : 0);
}

/* The new one has failed. final: whatever the server does, it is bad; else the old one is to show whether it was the
 * server's fault. */
static unsigned give_up(struct trial *t, bool final, unsigned end)
{
    return change_over(t, final ? STATE_REJECTED : STATE_RESTORED, end) | TRIAL_EVIDENCE;
}

__attribute__((format(printf, 2, 3))) static void because(struct trial *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(t->state.reason, sizeof t->state.reason, fmt, args);
    va_end(args);
    for (char *c = t->state.reason; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

/* The server has the log up to there, and this is what a healthy agent goes on from. */
static void start_from(struct trial *t, const struct rules_replayed *r)
{
    struct state *s = &t->state;
    memcpy(s->epoch, r->epoch, sizeof s->epoch);
    memcpy(s->boot, t->boot, sizeof s->boot);
    s->seq = r->seq;
    s->replayed = r->seq;
}

/* What the old one said of the log is where the next trial starts from: it may have been through a boot. */
static unsigned try_again(struct trial *t, uint32_t proven)
{
    struct state *s = &t->state;
    s->proven = proven;
    if (t->heard.epoch[0] != '\0')
        start_from(t, &t->heard);
    s->round++;
    s->starts = 0;
    s->reason[0] = '\0';
    return change_over(t, STATE_TRIAL, TRIAL_END);
}

/* --- the new one --- */

static unsigned commit_if_good(struct trial *t, int64_t now_ms)
{
    if (!t->acknowledged || !t->replayed || now_ms - t->started_ms < trial_ms(t) / 2)
        return 0;
    t->state.reason[0] = '\0';
    return enter(t, STATE_COMMITTED);
}

static unsigned log_damaged(struct trial *t, const char *why)
{
    because(t, "event log: %s", why);
    return give_up(t, true, TRIAL_KILL); /* it would only do more damage */
}

static unsigned new_replayed(struct trial *t, const struct rules_replayed *r)
{
    struct state *s = &t->state;
    unsigned todo = 0;
    if (r->epoch[0] == '\0')
        return 0; /* the word of old says too little */
    if (strcmp(r->epoch, s->epoch) == 0 && r->seq >= s->seq) {
        todo = s->replayed < s->seq ? TRIAL_SAVE : 0;
        t->replayed = true;
        s->replayed = r->seq;
    }
    if (strcmp(r->current, s->epoch) == 0)
        return todo;
    if (strcmp(s->boot, t->boot) == 0)
        return log_damaged(t, "epoch changed");
    if (strcmp(r->epoch, r->current) != 0)
        return todo; /* still at what was written before the boot */
    if (s->replayed < s->seq)
        return log_damaged(t, "what was written before the reboot is lost");
    start_from(t, r);
    t->replayed = true;
    return TRIAL_SAVE;
}

static unsigned new_ended(struct trial *t, const struct trial_input *in)
{
    if (in->code == RULES_EXIT_RESTART)
        return 0; /* asked for by somebody; it counts as a start */
    if (in->silent)
        because(t, "silent: no sign of life for %lld s", (long long)(trial_silence_ms(t) / 1000));
    else if (in->code < 0)
        because(t, "crashed: signal %d", in->signal);
    else if (in->code == RULES_EXIT_NOT_STARTED)
        because(t, "cannot be started");
    else
        because(t, "exited: code %d", in->code);
    return give_up(t, true, 0);
}

static unsigned new_starting(struct trial *t)
{
    if (t->state.starts >= TRIAL_STARTS_MAX) {
        because(t, "started %d times", TRIAL_STARTS_MAX + 1);
        return give_up(t, true, 0);
    }
    t->state.starts++;
    return TRIAL_SAVE | TRIAL_PLACE;
}

static unsigned new_late(struct trial *t, int64_t now_ms)
{
    if (now_ms < trial_due(t))
        return 0;
    because(t, "%s within %u s", t->acknowledged ? "event log: not replayed" : "not acknowledged", t->state.trial_s);
    return give_up(t, false, TRIAL_END);
}

static unsigned step_new(struct trial *t, const struct trial_input *in, int64_t now_ms)
{
    unsigned todo = 0;
    switch (in->kind) {
    case TRIAL_STARTING: return new_starting(t);
    case TRIAL_ENDED: return new_ended(t, in);
    case TRIAL_TIME: return new_late(t, now_ms);
    case TRIAL_UNPLACED: because(t, "cannot be put in place: %s", in->why); return give_up(t, true, 0);
    case TRIAL_REPLAYED: todo = new_replayed(t, &in->replayed); break;
    case TRIAL_STARTED:
    case TRIAL_SIGN:
    case TRIAL_ACKNOWLEDGED: break;
    }
    return t->state.phase == STATE_TRIAL ? todo | commit_if_good(t, now_ms) : todo;
}

/* --- the old one --- */

/* It is trusted with its log, whatever the new one has done to it. */
static void old_replayed(struct trial *t, const struct rules_replayed *r)
{
    const struct state *s = &t->state;
    bool goes_on = strcmp(r->epoch, r->current) == 0;
    if (goes_on)
        t->heard = *r;
    if (strcmp(r->epoch, s->epoch) == 0 ? r->seq >= s->seq : goes_on)
        t->replayed = true;
}

/* The server may have been away for just as long as the new one was on trial. Now it is there: one that does not reach
 * it this time is bad. */
static unsigned old_reached_server(struct trial *t)
{
    bool final = t->state.phase == STATE_RESTORED && t->state.proven == 1;
    return final ? enter(t, STATE_REJECTED) : try_again(t, 1);
}

static unsigned old_late(struct trial *t, int64_t now_ms)
{
    if (now_ms < trial_due(t))
        return 0;
    if (t->state.phase == STATE_WAITING)
        return try_again(t, 0);
    (void)enter(t, STATE_WAITING);
    t->until_ms = now_ms + trial_backoff_ms(&t->state);
    return TRIAL_SAVE;
}

static unsigned step_old(struct trial *t, const struct trial_input *in, int64_t now_ms)
{
    switch (in->kind) {
    case TRIAL_STARTING: return TRIAL_PLACE;
    case TRIAL_STARTED:
        if (t->until_ms == 0)
            t->until_ms = now_ms + (t->state.phase == STATE_WAITING ? trial_backoff_ms(&t->state) : trial_ms(t));
        return 0;
    case TRIAL_TIME: return old_late(t, now_ms);
    case TRIAL_REPLAYED: old_replayed(t, &in->replayed); break;
    case TRIAL_ACKNOWLEDGED:
    case TRIAL_SIGN: break;
    case TRIAL_ENDED: return 0;
    case TRIAL_UNPLACED: return enter(t, STATE_REJECTED); /* there is nothing to go back to, and no more to be judged */
    }
    return t->acknowledged && t->replayed ? old_reached_server(t) : 0;
}

/* --- the machine --- */

static void follow_life(struct trial *t, const struct trial_input *in, int64_t now_ms)
{
    if (in->kind == TRIAL_STARTING || in->kind == TRIAL_STARTED) {
        t->acknowledged = t->replayed = t->signs = t->leaving = false;
        t->running = in->kind == TRIAL_STARTED;
        t->started_ms = now_ms;
    }
    if (in->kind == TRIAL_ENDED)
        t->running = false;
    if (in->kind == TRIAL_SIGN || in->kind == TRIAL_ACKNOWLEDGED || in->kind == TRIAL_REPLAYED)
        t->signs = true;
    if (in->kind == TRIAL_ACKNOWLEDGED)
        t->acknowledged = true;
}

unsigned trial_step(struct trial *t, const struct trial_input *in, int64_t now_ms)
{
    bool leaving = t->leaving;
    follow_life(t, in, now_ms);
    if (leaving && in->kind != TRIAL_STARTING && in->kind != TRIAL_UNPLACED)
        return 0; /* it has been judged */
    switch (t->state.phase) {
    case STATE_TRIAL: return step_new(t, in, now_ms);
    case STATE_RESTORED:
    case STATE_WAITING: return step_old(t, in, now_ms);
    case STATE_REJECTED: return in->kind == TRIAL_STARTING ? TRIAL_PLACE : 0;
    case STATE_NONE:
    case STATE_COMMITTED: break;
    }
    return 0;
}
