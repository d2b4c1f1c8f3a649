/* rules.h: what the launcher decides, without doing it: when to start the agent again, when it has gone silent, what
 * its lines mean. Pure, so that it can be tested; times are monotonic milliseconds. */
#ifndef MUSTER_AGENT_LAUNCHER_RULES_H
#define MUSTER_AGENT_LAUNCHER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RULES_FIRST_WAIT_MS = 1000,
    RULES_LAST_WAIT_MS = 60 * 1000,
    RULES_STABLE_MS = 60 * 1000,   /* an agent that lived so long has earned a quick restart */
    RULES_SILENCE_MS = 60 * 1000,  /* without a sign of life it hangs */
    RULES_FAREWELL_MS = 30 * 1000, /* from SIGTERM to SIGKILL */
    RULES_LINE_SIZE = 64,
};

/* How long to wait before starting the agent again. *wait_ms is the last such wait, 0 at first, and is brought up to
 * date: it doubles from a second to a minute, and starts over once an agent was stable. */
int64_t rules_restart_wait(int64_t *wait_ms, int64_t lived_ms);

bool rules_is_silent(int64_t last_sign_ms, int64_t now_ms);

/* What an agent says on the watchdog pipe. */
enum rules_word { RULES_NONE, RULES_TICK, RULES_ACKNOWLEDGED, RULES_REPLAYED, RULES_UNKNOWN };

struct rules_reader {
    char line[RULES_LINE_SIZE];
    size_t len;
    bool too_long; /* the line under way; it will be RULES_UNKNOWN */
};

/* Takes the next byte; RULES_NONE until a line is complete. *ret_number: of "replayed N". */
enum rules_word rules_read(struct rules_reader *r, char byte, uint64_t *ret_number);

#endif
