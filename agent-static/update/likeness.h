/* likeness.h: one file made like another: owner, mode, extended attributes, and with them ACLs and the SELinux label.
 */
#ifndef MUSTER_AGENT_UPDATE_LIKENESS_H
#define MUSTER_AGENT_UPDATE_LIKENESS_H

#include "common/err.h"

/* Gives the open file `to` what the open file `from` has. An attribute that cannot be read or set is an error: a binary
 * without its label or capabilities may not run. ERR_IO. */
int likeness_give(int from, int to, struct err *err) MUSTER_NODISCARD;

/* Makes a new file at `to` with the content and likeness of the file `from`, on disk; its name is for the caller to
 * sync. Nothing is left at `to` on failure. */
int likeness_copy(const char *from, const char *to, struct err *err) MUSTER_NODISCARD;

#endif
