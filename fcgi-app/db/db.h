/* db.h: the one way to the database.
 *
 * Statements live in sql/queries/<area>.sql under "-- name: agent_by_key" and reach C as enum db_statement
 * (DB_AGENT_BY_KEY) through a build step; there is no SQL in C. Parameters are bound by name (":id"), results are read
 * by column number in the order of the SELECT. A struct db is one connection and belongs to one thread at a time.
 *
 * Reads: each worker has its own connection (db_open). Writes: only inside a closure that db_write (writer.h) runs. The
 * SQL is the subset of docs/ARCHITECTURE.md, so that another driver can stand behind this header. */
#ifndef MUSTER_DB_DB_H
#define MUSTER_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "statements.h" /* generated: enum db_statement */

struct db;

/* Opens path, which must exist already unless create. Sets WAL, synchronous=FULL, foreign keys on, a busy timeout.
 * Blocks. */
struct db_options {
    const char *path;
    bool create;
    bool read_only; /* a connection that cannot write by mistake */
};
int db_open(const struct db_options *options, struct db **ret, struct err *err) MUSTER_NODISCARD;
void db_close(struct db *db); /* db_close(NULL) does nothing */

enum db_type { DB_TYPE_NULL, DB_TYPE_TEXT, DB_TYPE_INT };

struct db_arg {
    const char *name; /* without the colon */
    enum db_type type;
    const char *text; /* borrowed until the call returns, or until db_rows_done() */
    int64_t integer;
};

/* DB_TEXT of NULL binds NULL. */
#define DB_TEXT(arg_name, value) ((struct db_arg){.name = (arg_name), .type = DB_TYPE_TEXT, .text = (value)})
#define DB_INT(arg_name, value)  ((struct db_arg){.name = (arg_name), .type = DB_TYPE_INT, .integer = (value)})
#define DB_NULL(arg_name)        ((struct db_arg){.name = (arg_name), .type = DB_TYPE_NULL})

/* The arguments of one statement: DB_ARGS(DB_TEXT("id", id), DB_INT("now", now)); DB_NO_ARGS for none. Every parameter
 * of the statement must be bound, and every argument must be one: anything else is ERR_INTERNAL. */
struct db_args {
    const struct db_arg *list;
    size_t count;
};
#define DB_ARGS(...)                                                                                                   \
    ((struct db_args){.list = (const struct db_arg[]){__VA_ARGS__},                                                    \
                      .count = sizeof((const struct db_arg[]){__VA_ARGS__}) / sizeof(struct db_arg)})
#define DB_NO_ARGS ((struct db_args){0})

/* Runs a statement that gives no rows. *ret_changes (may be NULL): rows inserted, updated or deleted.
 * ERR_CONFLICT when a UNIQUE, CHECK or FOREIGN KEY constraint refuses; ERR_UNAVAILABLE when the database stays locked
 * or the disk is full; ERR_CORRUPT when the file is damaged. */
int db_exec(struct db *db, enum db_statement statement, struct db_args args, int64_t *ret_changes,
            struct err *err) MUSTER_NODISCARD;

/* Rows of a statement. In the caller's storage; always ended by db_rows_done, also after an error:
 *
 *     struct db_rows rows;
 *     int rc = db_query(db, DB_AGENT_LIST, DB_ARGS(…), &rows, err);
 *     while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) { …; rc = 0; }
 *     db_rows_done(&rows);
 *
 * One statement of a connection can be open only once at a time (ERR_INTERNAL). */
struct db_rows {
    struct db *db;
    void *handle; /* the driver's */
};
enum { DB_DONE = 0, DB_ROW = 1 };
int db_query(struct db *db, enum db_statement statement, struct db_args args, struct db_rows *ret,
             struct err *err) MUSTER_NODISCARD;
int db_rows_next(struct db_rows *rows, struct err *err) MUSTER_NODISCARD; /* DB_ROW, DB_DONE or a negative error */
void db_rows_done(struct db_rows *rows);

/* The columns of the current row; text is borrowed until the next db_rows_next. NULL columns: NULL, and fallback. */
const char *db_rows_text(const struct db_rows *rows, int column);
int64_t db_rows_int(const struct db_rows *rows, int column, int64_t fallback);
bool db_rows_null(const struct db_rows *rows, int column);

/* The first row of a statement that gives at most one: DB_ROW with rows standing on it (end with db_rows_done), or
 * DB_DONE or an error, both already ended. */
int db_query_one(struct db *db, enum db_statement statement, struct db_args args, struct db_rows *ret,
                 struct err *err) MUSTER_NODISCARD;

/* The number in the first column of that row; 0 when there is none. */
int db_query_number(struct db *db, enum db_statement statement, struct db_args args, int64_t *ret,
                    struct err *err) MUSTER_NODISCARD;

/* One consistent view over several reads. A read transaction is short: it holds back the WAL's checkpoint. */
int db_read_begin(struct db *db, struct err *err) MUSTER_NODISCARD;
void db_read_end(struct db *db);

/* Bumps the counter of a topic of the changes table; part of the write that makes the change. */
int db_changed(struct db *db, const char *topic, struct err *err) MUSTER_NODISCARD;

#endif
