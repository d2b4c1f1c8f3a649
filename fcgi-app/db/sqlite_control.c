/* The SQLite driver's other half: transactions, scripts, checks, copies. */
#include <stddef.h>

#include "db/sqlite.h"

static const char *const control_sql[SQLITE_CONTROL_COUNT] = {
    [SQLITE_CONTROL_BEGIN_READ] = "BEGIN DEFERRED",
    [SQLITE_CONTROL_BEGIN] = "BEGIN IMMEDIATE",
    [SQLITE_CONTROL_COMMIT] = "COMMIT",
    [SQLITE_CONTROL_ROLLBACK] = "ROLLBACK",
    [SQLITE_CONTROL_SAVEPOINT] = "SAVEPOINT one",
    [SQLITE_CONTROL_RELEASE] = "RELEASE one",
    [SQLITE_CONTROL_ROLLBACK_TO] = "ROLLBACK TO one",
};

static int control(struct db *db, enum sqlite_control id, struct err *err)
{
    sqlite3_stmt **stmt = &db->controls[id];
    int rc = SQLITE_OK;
    if (*stmt == NULL)
        rc = sqlite3_prepare_v3(db->handle, control_sql[id], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(*stmt);
        if (rc == SQLITE_DONE)
            rc = SQLITE_OK;
    }
    int ours = rc == SQLITE_OK ? 0 : sqlite_error(db, rc, control_sql[id], err);
    (void)sqlite3_reset(*stmt); /* repeats the error of the step */
    return ours;
}

int db_begin(struct db *db, struct err *err)
{
    return control(db, SQLITE_CONTROL_BEGIN, err);
}

int db_commit(struct db *db, struct err *err)
{
    return control(db, SQLITE_CONTROL_COMMIT, err);
}

void db_rollback(struct db *db)
{
    /* A rollback fails only where SQLite has rolled back by itself. */
    if (db_in_transaction(db) && control(db, SQLITE_CONTROL_ROLLBACK, NULL) != 0)
        return;
}

int db_savepoint(struct db *db, struct err *err)
{
    return control(db, SQLITE_CONTROL_SAVEPOINT, err);
}

int db_savepoint_keep(struct db *db, struct err *err)
{
    return control(db, SQLITE_CONTROL_RELEASE, err);
}

int db_savepoint_undo(struct db *db, struct err *err)
{
    int rc = control(db, SQLITE_CONTROL_ROLLBACK_TO, err);
    return rc != 0 ? rc : control(db, SQLITE_CONTROL_RELEASE, err);
}

bool db_in_transaction(const struct db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

int db_read_begin(struct db *db, struct err *err)
{
    return control(db, SQLITE_CONTROL_BEGIN_READ, err);
}

void db_read_end(struct db *db)
{
    db_rollback(db); /* nothing was written */
}

int db_changed(struct db *db, const char *topic, struct err *err)
{
    return db_exec(db, DB_CHANGE_BUMP, DB_ARGS(DB_TEXT("topic", topic)), NULL, err);
}

int db_script(struct db *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_error(db, rc, "script", err);
}

int db_foreign_keys(struct db *db, bool on, struct err *err)
{
    int rc = sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, on ? 1 : 0, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_error(db, rc, "foreign_keys", err);
}

/* A PRAGMA that finds faults: no row, or one that says "ok", is a pass. */
static int check(struct db *db, const char *pragma, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->handle, pragma, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    int ours = 0;
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        if (text == NULL || sqlite3_stricmp(text, "ok") != 0)
            ours = err_set(err, ERR_CORRUPT, "%s: %s", pragma, text != NULL ? text : "failed");
    } else if (rc != SQLITE_DONE) {
        ours = sqlite_error(db, rc, pragma, err);
    }
    (void)sqlite3_finalize(stmt);
    return ours;
}

int db_foreign_key_check(struct db *db, struct err *err)
{
    return check(db, "PRAGMA foreign_key_check", err);
}

int db_integrity_check(struct db *db, struct err *err)
{
    return check(db, "PRAGMA integrity_check(1)", err);
}

int db_copy_into(struct db *from, const char *path, struct err *err)
{
    sqlite3 *to = NULL;
    sqlite3_backup *backup = NULL;
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        backup = sqlite3_backup_init(to, "main", from->handle, "main");
        /* All pages in one step: one snapshot. In WAL mode that stops no writer. */
        if (backup != NULL)
            (void)sqlite3_backup_step(backup, -1);
        rc = backup != NULL ? sqlite3_backup_finish(backup) : sqlite3_errcode(to);
    }
    /* One file that needs no log beside it. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    struct db copied = {.handle = to};
    int ours = rc == SQLITE_OK ? 0 : sqlite_error(&copied, rc, path, err);
    (void)sqlite3_close_v2(to);
    return ours;
}

int db_checkpoint(struct db *db, struct err *err)
{
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_error(db, rc, "checkpoint", err);
}
