/* archive.h: files as a pax archive (POSIX.1-2001 §pax), streamed.
 *
 * Names, link targets and attributes are stored as the bytes they are (hdrcharset=BINARY), owners as numbers, paths
 * without their leading slash, modification times to the nanosecond, holes as holes (GNU sparse 1.0). Access times are
 * not stored.
 *
 * What goes wrong with one file goes into the report and never stops the archive; a file is always stored with the size
 * that its header says: what it lost meanwhile is zeros, what it grew is cut, and both are reported. */
#ifndef MUSTER_AGENT_SNAPSHOT_ARCHIVE_H
#define MUSTER_AGENT_SNAPSHOT_ARCHIVE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "backup/report.h"
#include "common/err.h"
#include "snapshot/compress.h"
#include "snapshot/hardlinks.h"
#include "snapshot/list.h"
#include "snapshot/walk.h"

/* What the table of hard links may take, see hardlinks.h: about 20,000 files at once. */
enum { ARCHIVE_HARDLINKS_MEMORY = 3 * 1024 * 1024 };

struct archive_options {
    enum compress_method method;
    int level;
    struct compress_receiver receiver;
    bool overlapped; /* compress, and call the receiver, in another thread (behind.h) */
    struct report *report;
    const atomic_bool *stop; /* set from elsewhere: calls return ERR_CONFLICT soon */
};

struct archive_out;

int archive_out_new(const struct archive_options *options, struct archive_out **ret, struct err *err) MUSTER_NODISCARD;
void archive_out_free(struct archive_out *a); /* NULL does nothing */

struct archive_added {
    bool stored; /* under the entry's path, whole or not */
    enum list_outcome outcome;
    bool doubt; /* there was trouble with it, which is in the report: it is to be tried again */
};

/* Stores one file, which is opened for it (walk_open). Fails only when the archive as a whole cannot go on. */
int archive_out_add(struct archive_out *a, struct walk_entry *entry, struct archive_added *ret,
                    struct err *err) MUSTER_NODISCARD;

/* Which files with several names are in the archive and may have names that are not; borrowed. */
const struct hardlinks *archive_out_links(const struct archive_out *a);

/* Stores path as one more name of such a file. */
int archive_out_add_link(struct archive_out *a, const char *path, const struct hardlink *link,
                         struct err *err) MUSTER_NODISCARD;

/* A file of our own, mode 0600, of this size; its content follows in pieces of any length. */
int archive_out_begin(struct archive_out *a, const char *path, int64_t size, int64_t now_ms,
                      struct err *err) MUSTER_NODISCARD;
int archive_out_data(struct archive_out *a, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* Writes the end of the archive. */
int archive_out_finish(struct archive_out *a, struct err *err) MUSTER_NODISCARD;

#endif
