/* fixture_db.h: a directory of the test's own with a migrated database in it, and its writer. */
#ifndef MUSTER_TESTS_FIXTURE_DB_H
#define MUSTER_TESTS_FIXTURE_DB_H

#include "unit.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/driver.h"
#include "db/migrate.h"
#include "db/writer.h"

struct fixture {
    char dir[64];
    char path[128];
    char backups[128];
    struct db *db;
    struct db_writer *writer;
};

/* Fails the test with the story. */
static inline void expect_ok(int rc, const struct err *err)
{
    if (rc != 0)
        fail_msg("%d: %s", rc, err->msg);
}

static inline int fixture_remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline struct fixture *fixture_dir(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/muster-unit-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/muster.db", f->dir);
    (void)snprintf(f->backups, sizeof f->backups, "%s/backups", f->dir);
    return f;
}

static inline int fixture_setup_empty(void **state)
{
    *state = fixture_dir();
    return 0;
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = fixture_dir();
    struct err err = {0};
    struct migrate_result result;
    expect_ok(db_migrate(&(struct migrate_options){.path = f->path, .create = true, .now_ms = 1000}, &result, &err),
              &err);
    expect_ok(db_open(&(struct db_options){.path = f->path, .read_only = true}, &f->db, &err), &err);
    expect_ok(db_writer_start(f->path, &f->writer, &err), &err);
    *state = f;
    return 0;
}

static inline int fixture_run_script(struct db *db, void *ctx, struct err *err)
{
    return db_script(db, ctx, err);
}

/* Statements that set the stage, in one transaction of the writer. */
static inline void fixture_script(struct fixture *f, const char *sql)
{
    struct err err = {0};
    char *copy = strdup(sql);
    assert_non_null(copy);
    expect_ok(db_write(f->writer, fixture_run_script, copy, &err), &err);
    free(copy);
}

/* Behind the server's back: what somebody with the database's file can do, and see. */
static inline void fixture_sql(struct fixture *f, const char *text)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline int64_t fixture_number(struct fixture *f, const char *text)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    db_writer_stop(f->writer);
    (void)nftw(f->dir, fixture_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

#endif
