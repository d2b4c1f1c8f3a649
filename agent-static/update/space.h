/* space.h: whether there is room for an update, asked before the first byte. */
#ifndef MUSTER_AGENT_UPDATE_SPACE_H
#define MUSTER_AGENT_UPDATE_SPACE_H

#include <stdint.h>

#include "common/err.h"

struct space_need {
    int64_t fetched; /* still to come of the part; it becomes the new file by a rename and is not needed twice */
    int64_t copied;  /* the copy of the old file, should it not take a hard link */
    int64_t patch;   /* what else is put on this filesystem */
    int64_t reserve; /* to be left for others */
};

/* ERR_IO with sys_errno ENOSPC when the filesystem of directory has too little room for us (what is set aside for root
 * does not count), or no inodes: the message says how much there is and how much is needed. Other ERR_IO: not to be
 * found out. Nobody keeps the room for us: writing can fail all the same. */
int space_check(const char *directory, const struct space_need *need, struct err *err) MUSTER_NODISCARD;

#endif
