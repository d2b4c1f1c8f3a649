/* tree.h: taking away a directory with all that is in it. No symlink is followed, nothing on another file system is
 * touched, and trees of any depth take few descriptors. */
#ifndef MUSTER_AGENT_RESTORE_TREE_H
#define MUSTER_AGENT_RESTORE_TREE_H

#include "common/err.h"

/* Removes what name in dir_fd is; that it is not there is no error. */
int tree_remove(int dir_fd, const char *name, struct err *err) MUSTER_NODISCARD;

#endif
