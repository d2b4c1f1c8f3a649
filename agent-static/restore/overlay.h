/* overlay.h: a tree that was restored aside, put into one that is there, entry by entry.
 *
 * Files are renamed into place: what is there is replaced as a whole or kept, never written to, and a reader of it sees
 * the old or the new. Directories that are there stay and take the restored one's owner, mode, time and attributes
 * where the policy would replace a file. No symlink is followed on either side; a directory is replaced by no file; and
 * what lies on another file system is not reached. */
#ifndef MUSTER_AGENT_RESTORE_OVERLAY_H
#define MUSTER_AGENT_RESTORE_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "backup/report.h"
#include "common/err.h"

enum overlay_policy {
    OVERLAY_NEVER,   /* what is there is kept */
    OVERLAY_NEWER,   /* replaced when the backup's is newer */
    OVERLAY_CHANGED, /* replaced when its type, size or time is another */
    OVERLAY_ALWAYS,
};

/* "never", "newer", "changed", "always"; NULL at the end. */
extern const char *const overlay_policy_names[];

/* What decides: the type bits of a mode, the size of a regular file, the time. */
struct overlay_item {
    mode_t type;
    int64_t size;
    int64_t mtime_ms;
};

struct overlay_item overlay_item_of(const struct stat *st);

/* Whether there would be replaced. */
bool overlay_replaces(enum overlay_policy policy, const struct overlay_item *restored,
                      const struct overlay_item *there);

struct overlay {
    enum overlay_policy policy;
    struct report *report; /* entries that could not be put in place, and why */
    const char *skip;      /* a name in the top directory that is left alone: where the restored tree is */
    uint64_t written, replaced, kept;
};

/* Puts what is in from_fd into to_fd, both directories; what was kept stays in from_fd. path: of the top, for the
 * report
 * ("": none). Fails only when there is no going on. */
int overlay_tree(struct overlay *m, int from_fd, int to_fd, const char *path, struct err *err) MUSTER_NODISCARD;

/* Gives the directory to_fd the attributes of from_fd, and the owner, mode and time that this one had in st, before
 * anything was moved out of it. */
void overlay_attributes(struct overlay *m, const struct stat *st, int from_fd, int to_fd, const char *path);

#endif
