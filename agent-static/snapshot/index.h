/* index.h: the list of what a run's tree held, for the server and for people: object 0 of a run.
 *
 * A zstd frame of lines, in the order of path_compare:
 *
 *   muster-index 1
 *   <type> <outcome> <size> <mtime_ms> <seq> <path>
 *   end <number of entries>
 *
 * type: as in list.h. outcome: `-` fine, `c` changed while it was read, `u` unreadable, `v` vanished, `s` left out on
 * purpose. seq: chain_seq of the archive that holds it, `-` for none. path: without its leading slash, `.` for the root
 * itself; bytes below 0x21, 0x7f, the backslash and what is not UTF-8 are \ooo, so that it has no space. A directory
 * whose content is left out is stored all the same: it is `s` and has a seq. */
#ifndef MUSTER_AGENT_SNAPSHOT_INDEX_H
#define MUSTER_AGENT_SNAPSHOT_INDEX_H

#include <stdatomic.h>

#include "common/buf.h"
#include "common/err.h"
#include "snapshot/compress.h"
#include "snapshot/list.h"

/* Reads the list from its start to its end. */
int index_write(struct list *list, const struct compress_receiver *out, const atomic_bool *stop,
                struct err *err) MUSTER_NODISCARD;

/* Appends the line of one entry. */
void index_line(const struct list_entry *e, struct buf *ret);

#endif
