/* trial.h: how a new agent is judged: a state machine without files, processes or clocks.
 *
 *            acknowledged, replayed, alive at half time
 *   TRIAL ------------------------------------------------> COMMITTED
 *     |  \  crash, exit, silence, third start, damaged log
 *     |   `-----------------------------------------------> REJECTED
 *     |                                                         ^
 *     | the server was not reached in time                      | the old one reaches it, and did before this trial
 *     `---> RESTORED -------------------------------------------'
 *     ^       | |
 *     |       | | the old one reaches it, for the first time: the server may have been away for as long as the trial
 *     |<------' | nor does the old one reach it: an outage
 *     |         v
 *     `----- WAITING     a back-off has passed, or the old one reaches the server
 *
 * "Reached" means that the server answered a heartbeat and has the event log up to where it was when the trial began.
 * An outage thus never rejects a good version, and a version that cannot reach the server never stays.
 *
 * The event log: while a boot lasts it goes on in the epoch it had, or it was damaged. After a boot it goes on in a new
 * one; then the server must have all of the old one, or what was written before is lost. */
#ifndef MUSTER_AGENT_LAUNCHER_TRIAL_H
#define MUSTER_AGENT_LAUNCHER_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "state.h"

enum {
    TRIAL_STARTS_MAX = 2, /* a third start is a failure: something ends it again and again, perhaps the whole host */
    TRIAL_BACKOFF_MAX_S = 6 * 60 * 60,
};

enum trial_kind {
    TRIAL_STARTING,     /* an agent is about to be started */
    TRIAL_STARTED,      /* it was */
    TRIAL_SIGN,         /* it lives; the next two imply it */
    TRIAL_ACKNOWLEDGED, /* the server answered it */
    TRIAL_REPLAYED,     /* the server has its events */
    TRIAL_ENDED,        /* it ended, and not because we or init asked for it */
    TRIAL_UNPLACED,     /* the new one cannot be put in place, or of the old one nothing is left */
    TRIAL_TIME,         /* time has passed */
};

struct trial_input {
    enum trial_kind kind;
    struct rules_replayed replayed; /* of TRIAL_REPLAYED */
    int code;                       /* of TRIAL_ENDED: its exit code, or -1 */
    int signal;                     /* or the signal that ended it */
    bool silent;                    /* which was ours, since it hung */
    const char *why;                /* of TRIAL_UNPLACED */
};

/* What is to be done, in this order. */
enum {
    TRIAL_SAVE = 1 << 0,     /* write the state down */
    TRIAL_EVIDENCE = 1 << 1, /* keep what the new one said */
    TRIAL_PLACE = 1 << 2,    /* see that the right binary is in place */
    TRIAL_END = 1 << 3,      /* have the agent that runs end */
    TRIAL_KILL = 1 << 4,     /* the same, without asking */
};

struct trial {
    struct state state;
    char boot[STATE_BOOT_SIZE]; /* this boot */
    bool running;
    bool leaving;      /* it was told to end: what it still says counts no more */
    bool acknowledged; /* this and the next: since it was started */
    bool replayed;
    bool signs;
    int64_t started_ms;
    int64_t until_ms;            /* of RESTORED and WAITING; 0: not set yet */
    struct rules_replayed heard; /* what the old one said last of the epoch that goes on; epoch "": nothing */
};

/* Takes over a state that was read; of an agent that runs nothing is known yet. */
void trial_adopt(struct trial *t, const struct state *state, const char *boot);

/* Takes an input and returns what it leads to. */
unsigned trial_step(struct trial *t, const struct trial_input *in, int64_t now_ms);

/* When TRIAL_TIME is wanted next; INT64_MAX: not. */
int64_t trial_due(const struct trial *t);

/* For how long the agent may give no sign before it is taken to hang. One on trial gives its first soon, before it has
 * to wait for anybody. */
int64_t trial_silence_ms(const struct trial *t);

/* Milliseconds in WAITING. */
int64_t trial_backoff_ms(const struct state *s);

#endif
