/* state.h: what A.trial says, A being the agent's binary: as text and as a struct. Pure: bytes in, bytes out.
 *
 * The state says what must be, and the launcher makes it so: in phase trial A is A.new; in restored, waiting and
 * rejected it is A.backup. The agent begins a trial by writing the file, with phase trial; until it says committed or
 * rejected only the launcher writes it. agent-static/update/swap.h shows it whole. */
#ifndef MUSTER_AGENT_LAUNCHER_STATE_H
#define MUSTER_AGENT_LAUNCHER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules.h"

enum {
    STATE_VERSION_SIZE = 65,
    STATE_REASON_SIZE = 160,
    STATE_EVIDENCE_SIZE = 2048,
    STATE_BOOT_SIZE = 37,
    STATE_TEXT_MAX = 4096,
};

enum state_phase {
    STATE_NONE,      /* no trial */
    STATE_TRIAL,     /* the new one runs and is judged */
    STATE_RESTORED,  /* the old one runs and shows whether the server can be reached at all */
    STATE_WAITING,   /* it cannot: the new one gets another trial later */
    STATE_COMMITTED, /* the new one stays */
    STATE_REJECTED,  /* the old one stays */
};

struct state {
    enum state_phase phase;
    char version[STATE_VERSION_SIZE]; /* the new one; fit for a file's name */
    char previous[STATE_VERSION_SIZE];
    uint32_t trial_s;
    uint32_t starts;
    uint32_t round;
    uint32_t proven; /* 1: the old one reached the server right before this trial */
    char epoch[RULES_EPOCH_SIZE];
    uint64_t seq;      /* of the epoch, when the trial began */
    uint64_t replayed; /* the server is known to have the epoch up to here */
    char boot[STATE_BOOT_SIZE];
    char reason[STATE_REASON_SIZE];     /* "": none */
    char evidence[STATE_EVIDENCE_SIZE]; /* a directory */
};

/* False, and *ret untouched, for anything but a whole state. Unknown keys are passed over. */
bool state_parse(const char *text, size_t len, struct state *ret);

/* Returns the length, 0 when a field is not one that state_parse takes. */
size_t state_format(const struct state *s, char ret[STATE_TEXT_MAX]);

#endif
