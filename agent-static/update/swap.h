/* swap.h: handing a new agent to the launcher: the agent's half of the files beside its binary.
 *
 * A is the path of the agent's binary. A.new is the next one, complete, on disk and with A's owner, mode and
 * attributes, before swap_begin. A.backup is the one that runs. A.trial is the launcher's state file, text, replaced
 * whole; what it says must be, the launcher makes so:
 *
 *   muster-trial 1
 *   phase trial               trial: A must be A.new; restored, waiting, rejected: A must be A.backup; committed
 *   version 0.2.0             the one on trial
 *   previous 0.1.0
 *   trial_s 120               how long it may take to reach the server
 *   starts 0                  of the one on trial, in this round
 *   round 1                   which trial it is; not reaching the server gives another
 *   proven 1                  the old one reached the server right before; not there when it did not
 *   epoch 0123456789abcdef    of the event log when the trial began, and its last event: a healthy agent says
 *   seq 4711                    "replayed <epoch> <seq>" on the watchdog pipe
 *   replayed 4700             how far the server had it then
 *   boot 01234567-…           the boot that the epoch belongs to: after another one the log goes on in a new epoch
 *   reason …                  of restored, waiting and rejected
 *   evidence /…               directory, outside A's
 *
 * restored: the old one runs, and is to show whether the server can be reached at all. waiting: it cannot; the new one
 * gets another trial later. There is never more than one writer: the agent writes A.trial while it is absent, committed
 * or rejected, the launcher in the other phases. The caller sees to it that one process of the agent does so at a time.
 * All calls block; every change is on disk before they return. */
#ifndef MUSTER_AGENT_UPDATE_SWAP_H
#define MUSTER_AGENT_UPDATE_SWAP_H

#include <limits.h>
#include <stdint.h>

#include "common/err.h"
#include "poll/eventlog.h"

/* The agent's exit code that has the launcher start what is to run next at once. */
enum { SWAP_EXIT_RESTART = 75 };

enum swap_phase { SWAP_NONE, SWAP_TRIAL, SWAP_RESTORED, SWAP_WAITING, SWAP_COMMITTED, SWAP_REJECTED };

enum { SWAP_VERSION_SIZE = 65, SWAP_REASON_SIZE = 160, SWAP_EVIDENCE_SIZE = 2048, SWAP_FILE_MAX = 4096 };

struct swap_state {
    enum swap_phase phase; /* SWAP_NONE: there is no A.trial, and the rest is empty */
    char version[SWAP_VERSION_SIZE];
    char previous[SWAP_VERSION_SIZE];
    uint32_t trial_s;
    uint32_t starts;
    uint32_t round;
    struct eventlog_position log;
    char reason[SWAP_REASON_SIZE]; /* "": none */
    char evidence[SWAP_EVIDENCE_SIZE];
};

/* What "enum swap_step" names, in the order in which it comes: after each of them a kill or a power cut must leave a
 * working agent. Tests stop there; see SWAP_STEP in swap.c. */
#define SWAP_STEPS(STEP)                                                                                               \
    STEP(new_synced)                                                                                                   \
    STEP(backup_linked)                                                                                                \
    STEP(backup_renamed)                                                                                               \
    STEP(backup_synced)                                                                                                \
    STEP(trial_written)                                                                                                \
    STEP(trial_renamed)                                                                                                \
    STEP(trial_synced)                                                                                                 \
    STEP(clear_new_removed)                                                                                            \
    STEP(clear_backup_removed)                                                                                         \
    STEP(clear_synced)                                                                                                 \
    STEP(clear_trial_removed)                                                                                          \
    STEP(clear_trial_synced)

#define SWAP_STEP_MEMBER(name) SWAP_STEP_##name,
enum swap_step { SWAP_STEPS(SWAP_STEP_MEMBER) SWAP_STEP_COUNT };

/* Where the binary of this process is, so that a file put there is what is started next: also after it was replaced.
 * ERR_NOT_FOUND without /proc. */
int swap_running_path(char ret[PATH_MAX], struct err *err) MUSTER_NODISCARD;

/* agent with ".new", ".part", ".backup" or ".trial" behind it. ERR_TOO_BIG. */
int swap_path(const char *agent, const char *suffix, char ret[PATH_MAX], struct err *err) MUSTER_NODISCARD;

/* Gives A.new to the launcher: keeps A as A.backup and writes A.trial with phase trial. A itself is not touched. Of
 * start, phase, starts, round and reason are not looked at. The agent then ends with SWAP_EXIT_RESTART, or has the
 * launcher restarted. ERR_CONFLICT while a trial is under way; ERR_NOT_FOUND or ERR_INVALID: A.new is not there or not
 * a program; ERR_CORRUPT: a damaged A.trial, which swap_clear removes. After a failure A runs on as before, and calling
 * it again is safe. */
int swap_begin(const char *agent, const struct swap_state *start, struct err *err) MUSTER_NODISCARD;

/* SWAP_NONE and 0 when there is no A.trial; ERR_CORRUPT when nothing can be made of it. The launcher changes it while
 * the agent runs: look again. */
int swap_state_read(const char *agent, struct swap_state *ret, struct err *err) MUSTER_NODISCARD;

/* After committed or rejected, and once what it said is remembered elsewhere: removes A.new, A.backup, and A.trial
 * last, so that after a crash it is called again. ERR_CONFLICT in the launcher's phases. */
int swap_clear(const char *agent, struct err *err) MUSTER_NODISCARD;

#endif
