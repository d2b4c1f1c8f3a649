/* staging.h: where a restore goes, and the place aside where it is put together.
 *
 * The place is on the target's file system: "<name>.partial" beside a target that is new, and gets its name when all is
 * well; ".muster-restore-<id>" inside a directory that is merged into. */
#ifndef MUSTER_AGENT_RESTORE_STAGING_H
#define MUSTER_AGENT_RESTORE_STAGING_H

#include <limits.h>
#include <stdbool.h>

#include "agent.h"
#include "restore/overlay.h"

struct staging {
    char path[PATH_MAX]; /* of the target, clean; of an original place: the root of RESTORE_ROOTS that it lies in */
    bool original;       /* entries go where their whole path says, instead of below the target */
    bool merging;        /* the target is there and stays */
    int holder_fd;       /* the directory that holds the target; -1: not there either */
    const char *name;    /* of the target in it */
    int target_fd;       /* the target when merging, else -1 */
    int fd;              /* the place aside; -1: not made */
    char aside[NAME_MAX + 16];
};

struct staging_options {
    const struct agent *agent;
    const char *target; /* an absolute path; NULL: STATE_DIR/restore/<log id> */
    const char *log_id;
    bool merge; /* take a target that is there */
    bool look;  /* make nothing, not even missing directories above the target */
};

/* Finds the target. ERR_DENIED: not inside RESTORE_ROOTS. ERR_CONFLICT: it is there, and merge is not set.
 */
int staging_find(const struct staging_options *options, struct staging *ret, struct err *err) MUSTER_NODISCARD;

/* Finds the root that all of the paths (of an archive, or absolute) lie in, to restore them to where they came from. */
int staging_find_original(const struct staging_options *options, const char *const *paths, size_t count,
                          struct staging *ret, struct err *err) MUSTER_NODISCARD;

/* Makes the place aside and changes the current directory to it. What a restore that was killed has left at the place
 * inside a target is removed. ERR_CONFLICT: another restore of the same backup is at it, or a <name>.partial is left.
 */
int staging_make(struct staging *s, const char *log_id, struct err *err) MUSTER_NODISCARD;

/* All is well: puts the tree in place, durably. */
int staging_settle(struct staging *s, struct overlay *overlay, struct err *err) MUSTER_NODISCARD;

/* Removes what is aside, if there is anything. */
void staging_remove(struct staging *s);

/* Closes descriptors. */
void staging_done(struct staging *s);

#endif
