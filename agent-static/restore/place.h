/* place.h: where in a tree we stand while it is being filled.
 *
 * The process's current directory goes along, so that what is made next needs but a short name, however deep the tree.
 * Going down never follows a symlink; going up is checked against device and inode; so nothing outside the tree is ever
 * entered, whoever moves directories about meanwhile. Only two descriptors are held. One place per process. */
#ifndef MUSTER_AGENT_RESTORE_PLACE_H
#define MUSTER_AGENT_RESTORE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct place;

/* Called standing in a directory that is left for good, with what it was entered with (not when that was NULL), which
 * it takes over. lost: we cannot stand there any more. */
typedef void place_leave_fn(void *ctx, const char *path, void *kept, bool lost);

/* The tree is the current directory. */
int place_new(place_leave_fn *leave, void *ctx, struct place **ret, struct err *err) MUSTER_NODISCARD;

/* Leaves all directories, also the tree's own, and stands in that again. NULL does nothing. */
void place_free(struct place *p);

/* From now on directories that are made only because something is in them get the mode PLACE_WAY when they are left, by
 * which they are told from those that the archive speaks of. */
enum { PLACE_WAY = 01000 };
void place_mark_ways(struct place *p);

/* Goes to the directory that holds path and gives its last component, "" for the tree itself, borrowed until the next
 * call. path: relative, of any length; "." and double slashes do no harm. Missing directories are made (0755); those
 * that are there keep their times and modes, whatever is done in them.
 * ERR_DENIED: path is absolute, has "..", or leads through a symlink. ERR_IO: could not; where we stand is then another
 * directory of the tree. ERR_CORRUPT: the tree was changed behind our back, and there is no going on. */
int place_go(struct place *p, const char *path, const char **ret_name, struct err *err) MUSTER_NODISCARD;

/* The same, but makes nothing: ERR_NOT_FOUND when path leads nowhere, or through something that is no directory. */
int place_visit(struct place *p, const char *path, const char **ret_name, struct err *err) MUSTER_NODISCARD;

/* Makes (0700) or takes the directory name of where we stand and enters it, with kept for its leaving. Anything else of
 * that name is removed first, and so are its attributes and ACLs. kept is the caller's again on failure. */
int place_enter(struct place *p, const char *name, void *kept, struct err *err) MUSTER_NODISCARD;

/* The descriptor of the directory we stand in; borrowed until the next call. */
int place_fd(const struct place *p);

/* Opens (O_PATH) the directory that holds path, seen from the top of the tree, under the rules of place_go but making
 * nothing. *ret_name is allocated; so is the descriptor. */
int place_find(const struct place *p, const char *path, int *ret_fd, char **ret_name, struct err *err) MUSTER_NODISCARD;

#endif
