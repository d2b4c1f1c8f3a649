/* backup.h: copies of the database, and putting one back.
 *
 * A copy is one file, of one moment, made while others write, checked for integrity before it gets its name: a file of
 * that name is whole. */
#ifndef MUSTER_DB_BACKUP_H
#define MUSTER_DB_BACKUP_H

#include "db/db.h"

/* Copies the database at path to the new file `to` (0600). ERR_CONFLICT when `to` exists. Blocks. */
int db_backup(const char *path, const char *to, struct err *err) MUSTER_NODISCARD;

/* Whether the file is a whole Muster database: integrity, foreign keys, a schema. *ret_version: its schema's. */
int db_backup_verify(const char *file, int64_t *ret_version, struct err *err) MUSTER_NODISCARD;

/* Puts a verified copy in the place of the database at path. What was there is kept beside it under the name in
 * ret_old ("" when there was none). The caller holds the lock (db_lock, exclusive). The restored database still has to
 * be migrated. */
enum { DB_PATH_MAX = 512 };
int db_restore(const char *from, const char *path, int64_t now_ms, char ret_old[DB_PATH_MAX],
               struct err *err) MUSTER_NODISCARD;

/* Everyone who has the database open holds path.lock shared; who replaces it holds it alone. Does not wait:
 * ERR_CONFLICT. The lock goes with the descriptor (close). */
int db_lock(const char *path, bool exclusive, int *ret_fd, struct err *err) MUSTER_NODISCARD;

/* Removes all but the newest `keep` files named <dir>/<prefix>*.sqlite; names sort by age. */
int db_backup_prune(const char *dir, const char *prefix, size_t keep, struct err *err) MUSTER_NODISCARD;

#endif
