/* merge.h: the walk and the list of the run before, side by side: what is stored, what is as it was, what is gone.
 *
 * A file is taken for unchanged when its type, size, modification time, change time and inode are those of the list,
 * when nothing was wrong with it then, and when its times are older than the start of that run by MERGE_TICK_MS: a file
 * that is written twice within one tick of its file system's clock looks the same both times. A clock that was set back
 * since counts as the earlier of the two times.
 *
 * What cannot be looked at is not gone: what the list has below a directory that cannot be read stays in the list, in
 * doubt. What the list has below something that is a directory no more needs no mention: whoever puts that in place of
 * the directory removes it. */
#ifndef MUSTER_AGENT_SNAPSHOT_MERGE_H
#define MUSTER_AGENT_SNAPSHOT_MERGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "backup/report.h"
#include "common/err.h"
#include "snapshot/archive.h"
#include "snapshot/list.h"
#include "snapshot/tempfile.h"
#include "snapshot/walk.h"

enum { MERGE_TICK_MS = 3000 }; /* FAT has ticks of two seconds */

struct merge_options {
    struct list *base;        /* at its first entry; NULL: everything is stored */
    struct list_writer *list; /* gets an entry for all that the tree holds */
    struct archive_out *archive;
    struct spool *deleted; /* gets the paths that are gone, each with its NUL */
    struct report *report;
    unsigned seq;   /* of the run's archive in its chain */
    int64_t now_ms; /* by the clock that stamps files */
    const atomic_bool *stop;
};

struct merge;

int merge_new(const struct merge_options *options, struct merge **ret, struct err *err) MUSTER_NODISCARD;
void merge_free(struct merge *m); /* NULL does nothing */

/* What the walks of all sources report to, one after the other in the order of paths. */
struct walk_visitor merge_visitor(struct merge *m);

/* A source that cannot be opened, in its place among the others. Already in the report. */
int merge_source_lost(struct merge *m, const char *path, struct err *err) MUSTER_NODISCARD;

/* After the last source. ERR_NOT_FOUND: none could be read. */
int merge_finish(struct merge *m, struct err *err) MUSTER_NODISCARD;

#endif
