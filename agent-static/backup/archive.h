/* archive.h: files as a pax archive (POSIX.1-2001 §pax), streamed.
 *
 * Names, link targets and attributes are stored as the bytes they are (hdrcharset=BINARY), owners as numbers, paths
 * without their leading slash, modification times to the nanosecond, holes as holes (GNU sparse 1.0). Access times are
 * not stored.
 *
 * What goes wrong with one file goes into the report and never stops the archive; a file is always stored with the size
 * that its header says: what it lost meanwhile is zeros, what it grew is cut, and both are reported. */
#ifndef MUSTER_AGENT_BACKUP_ARCHIVE_H
#define MUSTER_AGENT_BACKUP_ARCHIVE_H

#include <stdatomic.h>

#include "backup/compress.h"
#include "backup/report.h"
#include "backup/walk.h"
#include "common/err.h"

/* What the table of hard links may take, see hardlinks.h: about 30,000 files at once. */
enum { ARCHIVE_HARDLINKS_MEMORY = 3 * 1024 * 1024 };

struct archive_options {
    enum compress_method method;
    int level;
    struct compress_receiver receiver;
    struct report *report;
    const atomic_bool *stop; /* set from elsewhere: calls return ERR_CONFLICT soon */
};

struct archive_out;

int archive_out_new(const struct archive_options *options, struct archive_out **ret, struct err *err) MUSTER_NODISCARD;
void archive_out_free(struct archive_out *a); /* NULL does nothing */

/* Stores one file. Fails only when the archive as a whole cannot go on. */
int archive_out_add(struct archive_out *a, const struct walk_entry *entry, struct err *err) MUSTER_NODISCARD;

/* Writes the end of the archive. */
int archive_out_finish(struct archive_out *a, struct err *err) MUSTER_NODISCARD;

#endif
