/* The SQLite driver behind db.h: one connection, its statements prepared when first used and kept. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "db/sqlite.h"

enum { BUSY_TIMEOUT_MS = 10000 };

int sqlite_error(const struct db *db, int code, const char *what, struct err *err)
{
    const char *why = db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT: return err_set(err, ERR_CONFLICT, "%s: %s", what, why);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return err_set(err, ERR_UNAVAILABLE, "%s: the database is locked by another process", what);
    case SQLITE_FULL: return err_set(err, ERR_UNAVAILABLE, "%s: the disk is full", what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return err_set(err, ERR_CORRUPT, "%s: %s", what, why);
    case SQLITE_NOMEM: return err_set(err, ERR_NOMEM, "%s: out of memory", what);
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN: return err_set(err, ERR_IO, "%s: %s", what, why);
    default: return err_set(err, ERR_INTERNAL, "%s: %s", what, why);
    }
}

/* --- connection --- */

static int configure(struct db *db, const struct db_options *options, struct err *err)
{
    int rc = sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    if (rc != SQLITE_OK)
        return sqlite_error(db, rc, options->path, err);
    /* WAL is a property of the file; a connection that only reads takes it as it is. It reads once now, so that what it
     * needs is open before descriptors run short, and a damaged file is found out. */
    const char *pragmas = options->read_only ? "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                                               "PRAGMA query_only = ON; PRAGMA schema_version;"
                                             : "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                               "PRAGMA journal_size_limit = 67108864;"
                                               "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;";
    rc = sqlite3_exec(db->handle, pragmas, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sqlite_error(db, rc, options->path, err);
    (void)sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
    return 0;
}

int db_open(const struct db_options *options, struct db **ret, struct err *err)
{
    struct db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (options->create)
        flags |= SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(options->path, &db->handle, flags, NULL);
    if (rc != SQLITE_OK) {
        rc = sqlite_error(db, rc, options->path, err);
        db_close(db);
        return rc;
    }
    rc = configure(db, options, err);
    if (rc != 0) {
        db_close(db);
        return rc;
    }
    *ret = db;
    return 0;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(db->statements[i].stmt);
    for (size_t i = 0; i < SQLITE_CONTROL_COUNT; i++)
        (void)sqlite3_finalize(db->controls[i]);
    (void)sqlite3_close_v2(db->handle);
    free(db);
}

/* --- statements --- */

/* The statement, ready to be bound. NULL, with the error in *ret_rc, when it cannot be had. */
static struct sqlite_statement *prepare(struct db *db, enum db_statement id, int *ret_rc, struct err *err)
{
    if ((unsigned)id >= DB_STATEMENT_COUNT) {
        *ret_rc = err_set(err, ERR_INTERNAL, "statement %d does not exist", (int)id);
        return NULL;
    }
    struct sqlite_statement *s = &db->statements[id];
    s->name = db_statements[id].name;
    if (s->open) {
        *ret_rc = err_set(err, ERR_INTERNAL, "%s is open already on this connection", s->name);
        return NULL;
    }
    if (s->stmt != NULL)
        return s;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v3(db->handle, db_statements[id].sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, &tail);
    if (rc != SQLITE_OK) {
        *ret_rc = sqlite_error(db, rc, s->name, err);
        return NULL;
    }
    if (tail[strspn(tail, " \n;")] != '\0') {
        (void)sqlite3_finalize(s->stmt);
        s->stmt = NULL;
        *ret_rc = err_set(err, ERR_INTERNAL, "%s holds more than one statement", s->name);
        return NULL;
    }
    return s;
}

static const struct db_arg *find_arg(struct db_args args, const char *name)
{
    for (size_t i = 0; i < args.count; i++)
        if (strcmp(args.list[i].name, name) == 0)
            return args.list + i;
    return NULL;
}

static int bind_one(struct db *db, struct sqlite_statement *s, int index, const struct db_arg *arg, struct err *err)
{
    int rc;
    if (arg->type == DB_TYPE_INT)
        rc = sqlite3_bind_int64(s->stmt, index, arg->integer);
    else if (arg->type == DB_TYPE_TEXT && arg->text != NULL)
        rc = sqlite3_bind_text(s->stmt, index, arg->text, -1, SQLITE_STATIC);
    else
        rc = sqlite3_bind_null(s->stmt, index);
    return rc == SQLITE_OK ? 0 : sqlite_error(db, rc, s->name, err);
}

/* Both ways: as many arguments as parameters and each parameter found, so every argument is one too. */
static int bind_all(struct db *db, struct sqlite_statement *s, struct db_args args, struct err *err)
{
    int count = sqlite3_bind_parameter_count(s->stmt);
    if ((size_t)count != args.count)
        return err_set(err, ERR_INTERNAL, "%s takes %d arguments, not %zu", s->name, count, args.count);
    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(s->stmt, i);
        if (name == NULL || name[0] != ':')
            return err_set(err, ERR_INTERNAL, "%s has a parameter without a name", s->name);
        const struct db_arg *arg = find_arg(args, name + 1);
        if (arg == NULL)
            return err_set(err, ERR_INTERNAL, "%s: argument %s is missing", s->name, name + 1);
        int rc = bind_one(db, s, i, arg, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void statement_end(struct sqlite_statement *s)
{
    /* reset repeats the error of the last step, which has been reported then */
    (void)sqlite3_reset(s->stmt);
    (void)sqlite3_clear_bindings(s->stmt); /* the bound texts are the caller's and go away */
    s->open = false;
}

int db_exec(struct db *db, enum db_statement statement, struct db_args args, int64_t *ret_changes, struct err *err)
{
    int rc = 0;
    struct sqlite_statement *s = prepare(db, statement, &rc, err);
    if (s == NULL)
        return rc;
    rc = bind_all(db, s, args, err);
    if (rc == 0) {
        int step = sqlite3_step(s->stmt);
        if (step == SQLITE_ROW)
            rc = err_set(err, ERR_INTERNAL, "%s gives rows; query it", s->name);
        else if (step != SQLITE_DONE)
            rc = sqlite_error(db, step, s->name, err);
        else if (ret_changes != NULL)
            *ret_changes = sqlite3_stmt_readonly(s->stmt) ? 0 : sqlite3_changes64(db->handle);
    }
    statement_end(s);
    return rc;
}

int db_query(struct db *db, enum db_statement statement, struct db_args args, struct db_rows *ret, struct err *err)
{
    *ret = (struct db_rows){.db = db}; /* so that db_rows_done may follow a failure */
    int rc = 0;
    struct sqlite_statement *s = prepare(db, statement, &rc, err);
    if (s == NULL)
        return rc;
    rc = bind_all(db, s, args, err);
    if (rc != 0) {
        statement_end(s);
        return rc;
    }
    s->open = true;
    db->open_count++;
    ret->handle = s;
    return 0;
}

int db_rows_next(struct db_rows *rows, struct err *err)
{
    struct sqlite_statement *s = rows->handle;
    if (s == NULL)
        return err_set(err, ERR_INTERNAL, "rows of a query that has ended");
    int step = sqlite3_step(s->stmt);
    if (step == SQLITE_ROW)
        return DB_ROW;
    if (step == SQLITE_DONE)
        return DB_DONE;
    return sqlite_error(rows->db, step, s->name, err);
}

void db_rows_done(struct db_rows *rows)
{
    struct sqlite_statement *s = rows->handle;
    if (s == NULL)
        return;
    statement_end(s);
    rows->db->open_count--;
    rows->handle = NULL;
}

static sqlite3_stmt *current(const struct db_rows *rows)
{
    const struct sqlite_statement *s = rows->handle;
    return s->stmt;
}

const char *db_rows_text(const struct db_rows *rows, int column)
{
    return (const char *)sqlite3_column_text(current(rows), column);
}

int64_t db_rows_int(const struct db_rows *rows, int column, int64_t fallback)
{
    return db_rows_null(rows, column) ? fallback : sqlite3_column_int64(current(rows), column);
}

bool db_rows_null(const struct db_rows *rows, int column)
{
    return sqlite3_column_type(current(rows), column) == SQLITE_NULL;
}

int db_query_one(struct db *db, enum db_statement statement, struct db_args args, struct db_rows *ret, struct err *err)
{
    int rc = db_query(db, statement, args, ret, err);
    if (rc == 0)
        rc = db_rows_next(ret, err);
    if (rc != DB_ROW)
        db_rows_done(ret);
    return rc;
}

int db_query_number(struct db *db, enum db_statement statement, struct db_args args, int64_t *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, statement, args, &rows, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW ? db_rows_int(&rows, 0, 0) : 0;
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return 0;
}

bool db_rows_abandon(struct db *db)
{
    if (db->open_count == 0)
        return false;
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++)
        if (db->statements[i].open)
            statement_end(&db->statements[i]);
    db->open_count = 0;
    return true;
}
