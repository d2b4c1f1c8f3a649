/* stage.h: getting a release ready to be put in place: what `muster-agent update stage` and `update check` do, each in
 * a process of its own, so that heartbeats go on and the poller stays small.
 *
 * Refreshes the signed metadata, judges the release by it, checks for room, fetches the patch or the whole file, makes
 * A.new, has it test itself. Everything before A.new is verified leaves A alone, and so does everything after: putting
 * it in place is swap.h and the launcher.
 *
 * What the process that polls needs to know is in a note, STATE_DIR/update/progress.json, which this process alone
 * writes: the last word stands there when it has ended. */
#ifndef MUSTER_AGENT_UPDATE_STAGE_H
#define MUSTER_AGENT_UPDATE_STAGE_H

#include <stdbool.h>

#include "agent.h"
#include "update/release.h"
#include "update/update_state.h"

/* How a stage or a check ended. */
enum stage_end {
    STAGE_RUNNING,
    STAGE_READY,  /* A.new is there and works; or the check is done */
    STAGE_FAILED, /* trying again would end the same way */
    STAGE_LATER,  /* the network, the server: worth another try */
};

struct stage_note {
    enum stage_end end;
    enum update_step step; /* UPDATE_DOWNLOADING, UPDATE_VERIFYING; of a stage that runs */
    int percent;
    char
        version[POLICY_VERSION_SIZE]; /* being staged; after a check the newest of the channel, "" when there is none */
    char reason[POLICY_REASON_SIZE];
    bool required; /* after a check: the release says that what runs is too old */
};

/* A missing or damaged note is one that runs and has not come far. */
void stage_note_load(const char *path, struct stage_note *ret);
int stage_note_save(const char *path, const struct stage_note *note, struct err *err) MUSTER_NODISCARD;

/* Refreshes the metadata and looks for the newest release of UPDATE_CHANNEL. Blocks. *ret and *ret_required are set on
 * success; ERR_NOT_FOUND: no TUF root, or no release. */
int stage_check(const struct agent *agent, struct release *ret, bool *ret_required, struct err *err) MUSTER_NODISCARD;

/* Refreshes the metadata and looks for a release that may come after own_version here (release_allowed). Blocks;
 * ERR_CONFLICT at once while another process is at it. ERR_NOT_FOUND: no TUF root, or no such release; ERR_DENIED also:
 * it may not be taken. */
int stage_find(const struct agent *agent, const char *version, const char *own_version, struct release *ret,
               struct err *err) MUSTER_NODISCARD;

/* From a version to A.new. downgrade: an operator means to go back. Calls tell with every step and percent. cancel_fd
 * readable: stop (ERR_UNAVAILABLE). Blocks, for as long as the download takes. */
struct stage {
    const char *version;
    bool downgrade;
    int cancel_fd; /* -1: none */
    void (*tell)(void *ctx, enum update_step step, int percent);
    void *tell_ctx;
};
int stage_run(const struct agent *agent, const struct stage *stage, struct err *err) MUSTER_NODISCARD;

/* Whether an error of the two is worth another try. */
bool stage_worth_retrying(int rc);

#endif
