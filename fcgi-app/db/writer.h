/* writer.h: the one thread of this process that writes, and group commit.
 *
 * db_write() queues a closure and waits. The writer runs every closure that is waiting inside one BEGIN IMMEDIATE
 * transaction, each in a savepoint of its own, commits once, and wakes them all: a return of 0 means the change is on
 * disk, and many callers share one fsync. While a batch commits the next one gathers; there is no fixed delay.
 *
 * A closure that fails is rolled back alone. When the commit itself fails, every closure of the batch failed: nothing
 * of it is stored. */
#ifndef MUSTER_DB_WRITER_H
#define MUSTER_DB_WRITER_H

#include "db/db.h"

struct db_writer;

/* Starts the thread on a connection of its own. */
int db_writer_start(const char *path, struct db_writer **ret, struct err *err) MUSTER_NODISCARD;

/* Finishes what is queued, checkpoints the WAL, ends the thread. NULL does nothing. */
void db_writer_stop(struct db_writer *w);

/* Runs on the writer's thread with its connection. It must not block on anything else, and its effects outside the
 * database must wait until db_write has returned 0. Returns 0, or a negative code with the story in err. */
typedef int db_write_fn(struct db *db, void *ctx, struct err *err);

/* Blocks until fn's batch is committed. Returns fn's own code, or ERR_UNAVAILABLE when the commit failed (disk full,
 * locked) or the writer is stopping. */
int db_write(struct db_writer *w, db_write_fn *fn, void *ctx, struct err *err) MUSTER_NODISCARD;

/* Counters since the start, for /metrics: closures and commits. */
struct db_writer_stats {
    uint64_t writes;
    uint64_t commits;
    uint64_t failures;
};
void db_writer_stats(struct db_writer *w, struct db_writer_stats *ret);

#endif
