/* restore.h: backups read back: onto the disk, as a list, or for nothing but the proof that it can be done.
 *
 * All that is read back is put aside first, on the target's file system, in a directory of mode 0700: the archives of
 * the chain one after the other, each followed by its deletions. Only when every one of them has turned out to be what
 * was stored does anything move to where it is wanted. A target that is new then gets its name; one that is there is
 * merged into (overlay.h). Nothing is written outside RESTORE_ROOTS, whoever asks. */
#ifndef MUSTER_AGENT_RESTORE_RESTORE_H
#define MUSTER_AGENT_RESTORE_RESTORE_H

#include <stdbool.h>

#include "agent.h"
#include "restore/choice.h"
#include "restore/overlay.h"
#include "restore/remote_restore.h"

enum restore_outcome {
    RESTORE_COMPLETED,
    RESTORE_WARNING, /* but for entries that are named; of a proof: what is encrypted could only be compared */
    RESTORE_FAILED,
    RESTORE_REFUSED, /* this host does not allow it */
    RESTORE_CANCELLED,
};

struct restore_options {
    struct remote_which which;
    struct choice choice;
    const char *target; /* a directory under RESTORE_ROOTS, made when missing; NULL: STATE_DIR/restore/<log id> */
    bool original;      /* instead: where it came from */
    bool has_policy;    /* else a target that is there is refused */
    enum overlay_policy policy;
    bool dry_run;   /* only say what would be done */
    bool list_only; /* only print what is inside */
    bool json;
    const char *identity; /* file of age identities; NULL: AGE_IDENTITY of agent.conf */
    const char *job_id;   /* the server's job this is; NULL: none */
};

/* Returns 0 when *ret is RESTORE_COMPLETED or RESTORE_WARNING; *ret is set in any case. A job's end has been told to
 * the server, unless *ret_told is false. A refusal is also an event, "restore_refused". */
int restore_run(struct agent *agent, const struct restore_options *options, enum restore_outcome *ret, bool *ret_told,
                struct err *err) MUSTER_NODISCARD;

struct verify_options {
    struct remote_which which;
    bool json;
    const char *identity;
    const char *job_id;
};

/* Reads each archive of the chain to its end, and tells the server of each whether it is proven restorable, intact (its
 * bytes are the ones that were stored, but nothing here can decrypt them), or failed. Returns as restore_run. */
int verify_run(struct agent *agent, const struct verify_options *options, enum restore_outcome *ret, bool *ret_told,
               struct err *err) MUSTER_NODISCARD;

/* "completed", "warning", … as a job's status. */
const char *restore_outcome_name(enum restore_outcome outcome);

#endif
