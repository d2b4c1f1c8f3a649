/* snapshot.h: what a run stores: the tree, or what changed in it since the run before.
 *
 * Between runs the agent keeps a list of what the tree held (list.h: STATE_DIR/lists/<config id>). An incremental run
 * walks the tree and reads the list side by side, both in the order of paths, and stores what differs; memory does not
 * depend on the size of the tree. What the list had and the tree has no more is named by a last member of the archive,
 * `.muster/deleted`.
 *
 * The order of calls: open, then ask the server for a run (it is told snapshot_base), archive, index, and, when the
 * server has confirmed the run, commit. Only commit replaces the list, so a run that fails leaves all as it was.
 *
 * One thread at a time; the report's counters may be read by others meanwhile. */
#ifndef MUSTER_AGENT_SNAPSHOT_SNAPSHOT_H
#define MUSTER_AGENT_SNAPSHOT_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent.h"
#include "backup/pipeline.h"
#include "backup/remote.h"
#include "backup/report.h"
#include "common/err.h"
#include "snapshot/compress.h"

/* A member of every incremental archive, its last: the paths that are gone, each ended by a NUL. A file of this very
 * path in the tree is left out. */
#define SNAPSHOT_DELETED ".muster/deleted"

struct snapshot_options { /* what it points to must outlive the snapshot */
    const struct agent *agent;
    const struct remote_config *config;
    const struct pipeline_source *sources; /* in any order; none inside another */
    size_t source_count;
    struct report *report;
    const struct clock *clock; /* that stamps files, not one raised to a floor; NULL: the system's */
};

struct snapshot;

/* Opens the list and checks it to its end. One that is damaged, or of another configuration, counts as none. */
int snapshot_open(const struct snapshot_options *options, struct snapshot **ret, struct err *err) MUSTER_NODISCARD;

/* The id of the run that the list describes, borrowed; NULL: there is none, and the next run must be a full one. */
const char *snapshot_base(const struct snapshot *s);

/* How many entries and bytes the tree had then; 0 and 0 when unknown. What report->listed_files and listed_bytes come
 * to in this run is how far it is. */
void snapshot_totals(const struct snapshot *s, uint64_t *ret_files, uint64_t *ret_bytes);

struct snapshot_run {
    const char *run_id; /* which the new list will describe */
    bool incremental;   /* needs a base */
    unsigned chain_seq; /* 0 for a full run, else one more than the base's */
    enum compress_method method;
    int level;
};

/* Writes the archive. What goes wrong with single files goes into the report. ERR_NOT_FOUND: no source could be read.
 * ERR_CONFLICT: stopped. ERR_INVALID: the run does not follow the list. */
int snapshot_archive(struct snapshot *s, const struct snapshot_run *run, const struct compress_receiver *out,
                     const atomic_bool *stop, struct err *err) MUSTER_NODISCARD;

/* Writes the index of the whole tree as the archive's walk saw it: a zstd frame of text, see index.h. */
int snapshot_index(struct snapshot *s, const struct compress_receiver *out, const atomic_bool *stop,
                   struct err *err) MUSTER_NODISCARD;

/* Puts the new list in place of the old one, durably. Only after the server has confirmed the run. When it cannot be
 * put there the old one is removed, so that the next run is a full one. */
int snapshot_commit(struct snapshot *s, struct err *err) MUSTER_NODISCARD;

/* Without commit the old list stays as it is. NULL does nothing. */
void snapshot_free(struct snapshot *s);

#endif
