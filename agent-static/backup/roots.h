/* roots.h: the bounds that this host's own agent.conf sets: what may be read for backups, what may be written by
 * restores. Whatever the server asks for, nothing outside is touched.
 *
 * A path is judged by the object it leads to, not by its spelling: it is opened once (O_PATH), the kernel is asked
 * where that descriptor really is, and all later work starts from the descriptor. So a symlink that is swapped after
 * the check changes nothing. Needs /proc; without it everything is refused. */
#ifndef MUSTER_AGENT_BACKUP_ROOTS_H
#define MUSTER_AGENT_BACKUP_ROOTS_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "agent.h"
#include "common/err.h"

/* Cleans an absolute path: no double slashes, no ".", no slash at the end. ERR_INVALID for a relative one or one with
 * "..", ERR_TOO_BIG when it does not fit PATH_MAX. */
int roots_clean_path(const char *path, char ret[PATH_MAX], struct err *err) MUSTER_NODISCARD;

/* Whether path is root or lies below it; both clean. */
bool roots_contain(const char *root, const char *path);

/* Opens (O_PATH) the source of a backup, which a clean path names. ERR_DENIED: outside BACKUP_ROOTS. ERR_NOT_FOUND: not
 * there, though its spelling lies inside. The caller closes *ret_fd. */
int roots_open_source(const struct agent *agent, const char *path, int *ret_fd, struct err *err) MUSTER_NODISCARD;

/* Opens (O_PATH) the directory that is to hold the restored tree, making missing parents inside a root, and gives the
 * last component of path as *ret_name (borrowed from path). ERR_DENIED: outside RESTORE_ROOTS. The default root is made
 * when it is missing. */
int roots_open_target(const struct agent *agent, const char *path, int *ret_dir_fd, const char **ret_name,
                      struct err *err) MUSTER_NODISCARD;

/* The same for one who only looks: nothing is made. ERR_NOT_FOUND when the directory is not there, though its spelling
 * lies inside. */
int roots_find_target(const struct agent *agent, const char *path, int *ret_dir_fd, const char **ret_name,
                      struct err *err) MUSTER_NODISCARD;

/* The root of RESTORE_ROOTS, clean, that all of these paths, clean, lie in or are. ERR_DENIED: there is none. */
int roots_common(const struct agent *agent, const char *const *paths, size_t count, char ret[PATH_MAX],
                 struct err *err) MUSTER_NODISCARD;

/* All roots, clean, for people to choose by: {"backup": […], "restore": […]}. NULL: they are too long for a heartbeat,
 * or no text. */
json_t *roots_json(const struct agent *agent);

#endif
