/* changes.h: hearing what any process has changed.
 *
 * Whoever changes what others hold in memory bumps a topic in the same transaction (db_changed). Every server process
 * polls the counters every 200 ms on a thread and a connection of its own and calls the watchers of topics that moved;
 * so a cache is at most that old, whichever process made the change. The topics are the rows of the table changes:
 * agents, presence (what pages show of agents and nobody keeps), commands, configs, runs, releases, rollouts (offers),
 * plans (of rollouts), alerts, policy, users, sessions. A topic begins with its first change. */
#ifndef MUSTER_OPS_CHANGES_H
#define MUSTER_OPS_CHANGES_H

#include "db/db.h"

struct changes;

enum { CHANGES_POLL_MS = 200, CHANGES_WATCHERS_MAX = 32 };

/* Runs on the poller's thread with its read connection; errors are the watcher's to log. A watcher that failed returns
 * negative and is called again at the next poll. */
typedef int changes_fn(struct db *db, void *ctx);

struct changes *changes_new(void); /* NULL: out of memory */
void changes_free(struct changes *c);

/* Before changes_start only. ERR_TOO_BIG above CHANGES_WATCHERS_MAX. */
int changes_watch(struct changes *c, const char *topic, changes_fn *fn, void *ctx, struct err *err) MUSTER_NODISCARD;

/* Starts the poller; its first poll calls every watcher once. */
int changes_start(struct changes *c, const char *db_path, struct err *err) MUSTER_NODISCARD;

/* Ends the thread. Nothing to do when it was never started. */
void changes_stop(struct changes *c);

/* One poll by hand, for tests: reads the counters and calls the watchers of topics that moved. */
int changes_poll(struct changes *c, struct db *db, struct err *err) MUSTER_NODISCARD;

#endif
