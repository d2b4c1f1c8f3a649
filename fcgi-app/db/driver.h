/* driver.h: what only db/ itself asks of the driver: transactions, scripts, copies. Not for areas. */
#ifndef MUSTER_DB_DRIVER_H
#define MUSTER_DB_DRIVER_H

#include "db/db.h"

/* A writing transaction, taking the one write lock at once. ERR_UNAVAILABLE when another process keeps it. */
int db_begin(struct db *db, struct err *err) MUSTER_NODISCARD;
int db_commit(struct db *db, struct err *err) MUSTER_NODISCARD;
void db_rollback(struct db *db); /* nothing to do when the driver has rolled back already */

/* One level of savepoint inside it. */
int db_savepoint(struct db *db, struct err *err) MUSTER_NODISCARD;
int db_savepoint_keep(struct db *db, struct err *err) MUSTER_NODISCARD;
int db_savepoint_undo(struct db *db, struct err *err) MUSTER_NODISCARD;

/* False after an error so bad that the driver rolled the whole transaction back. */
bool db_in_transaction(const struct db *db);

/* Ends statements that a caller has left open; true when there were any. */
bool db_rows_abandon(struct db *db);

/* Runs several statements; for migrations. */
int db_script(struct db *db, const char *sql, struct err *err) MUSTER_NODISCARD;

/* Outside of transactions only. */
int db_foreign_keys(struct db *db, bool on, struct err *err) MUSTER_NODISCARD;

/* ERR_CORRUPT names the first row or page that is wrong. */
int db_foreign_key_check(struct db *db, struct err *err) MUSTER_NODISCARD;
int db_integrity_check(struct db *db, struct err *err) MUSTER_NODISCARD;

/* Copies everything of `from` as it is at one moment into the empty database at path; writers go on meanwhile. */
int db_copy_into(struct db *from, const char *path, struct err *err) MUSTER_NODISCARD;

/* Moves the write-ahead log into the database file, as far as readers allow. */
int db_checkpoint(struct db *db, struct err *err) MUSTER_NODISCARD;

#endif
