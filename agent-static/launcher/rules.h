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
    RULES_RESTART_GUARD_MS = 1000, /* one that asks to be started again sooner waits like one that fails */
    RULES_EXIT_MISUSE = 2,         /* an agent's exit code: its configuration is bad */
    RULES_EXIT_RESTART = 75,       /* start what is to run next */
    RULES_EXIT_NOT_STARTED = 127,  /* there was none to be started */
    RULES_LINE_SIZE = 80,
    RULES_EPOCH_SIZE = 17, /* 16 hex digits */
};

/* How long to wait before starting the agent again. *wait_ms is the last such wait, 0 at first, and is brought up to
 * date: it doubles from a second to a minute, and starts over once an agent was stable. */
int64_t rules_restart_wait(int64_t *wait_ms, int64_t lived_ms);

/* The same for an agent that ended with this exit code, -1 when by a signal: none for one that asked for it, but for
 * one that does nothing else. */
int64_t rules_wait_after(int code, int64_t *wait_ms, int64_t lived_ms);

bool rules_is_silent(int64_t last_sign_ms, int64_t now_ms);

/* What an agent says on the watchdog pipe. */
enum rules_word { RULES_NONE, RULES_TICK, RULES_ACKNOWLEDGED, RULES_REPLAYED, RULES_UNKNOWN };

/* "replayed <epoch> <seq> <current>": the server has the event log's epoch up to seq; the log goes on in current, which
 * is epoch where it is not said. Agents of old say "replayed <seq>": both are "". */
struct rules_replayed {
    char epoch[RULES_EPOCH_SIZE];
    char current[RULES_EPOCH_SIZE];
    uint64_t seq;
};

struct rules_reader {
    char line[RULES_LINE_SIZE];
    size_t len;
    bool too_long; /* the line under way; it will be RULES_UNKNOWN */
};

/* Takes the next byte; RULES_NONE until a line is complete. *ret is for RULES_REPLAYED. */
enum rules_word rules_read(struct rules_reader *r, char byte, struct rules_replayed *ret);

#endif
