/* sqlite.h: the connection, shared by the two files of the driver. */
#ifndef MUSTER_DB_SQLITE_H
#define MUSTER_DB_SQLITE_H

#include <sqlite3.h>

#include "db/driver.h"

struct sqlite_statement {
    sqlite3_stmt *stmt; /* NULL until first used */
    const char *name;
    bool open; /* between db_query and db_rows_done */
};

/* Transaction control, prepared once as well. */
enum sqlite_control {
    SQLITE_CONTROL_BEGIN_READ,
    SQLITE_CONTROL_BEGIN,
    SQLITE_CONTROL_COMMIT,
    SQLITE_CONTROL_ROLLBACK,
    SQLITE_CONTROL_SAVEPOINT,
    SQLITE_CONTROL_RELEASE,
    SQLITE_CONTROL_ROLLBACK_TO,
    SQLITE_CONTROL_COUNT
};

struct db {
    sqlite3 *handle;
    unsigned open_count;
    sqlite3_stmt *controls[SQLITE_CONTROL_COUNT];
    struct sqlite_statement statements[DB_STATEMENT_COUNT];
};

/* Our error for SQLite's, with "what: why" as its story. SQLite's messages name columns, never values. */
int sqlite_error(const struct db *db, int code, const char *what, struct err *err);

#endif
