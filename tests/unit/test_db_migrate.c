/* Migrations and copies of the database. */
#include "fixture_db.h"

#include <dirent.h>

#include "common/file.h"
#include "db/backup.h"
#include "db/driver.h"

#define ZERO                                                                                                           \
    {                                                                                                                  \
        .version = 0, .name = "zero", .least_app = "", .sha256 = "0",                                                  \
        .sql = "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL,"         \
               " min_app TEXT NOT NULL, sha256 TEXT NOT NULL, applied_ms BIGINT NOT NULL);"                            \
    }
#define ONE                                                                                                            \
    {                                                                                                                  \
        .version = 1, .name = "one", .least_app = "", .sha256 = "1", .sql = "CREATE TABLE one (id TEXT);"              \
    }
#define TWO                                                                                                            \
    {                                                                                                                  \
        .version = 2, .name = "two", .least_app = "", .sha256 = "2", .sql = "CREATE TABLE two (id TEXT);"              \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        .sql = NULL                                                                                                    \
    }

static const struct migration only_one[] = {ZERO, ONE, END};
static const struct migration one_and_two[] = {ZERO, ONE, TWO, END};
static const struct migration edited[] = {
    ZERO, {.version = 1, .name = "one", .least_app = "", .sha256 = "other", .sql = "CREATE TABLE one (id TEXT);"}, END};
static const struct migration needs_newer[] = {
    ZERO,
    {.version = 1, .name = "one", .least_app = "9.0.0", .sha256 = "1", .sql = "CREATE TABLE one (id TEXT);"},
    END};
static const struct migration broken[] = {
    ZERO,
    ONE,
    {.version = 2, .name = "bad", .least_app = "", .sha256 = "b", .sql = "CREATE TABLE half (id TEXT); NONSENSE;"},
    END};

static int migrate(struct fixture *f, const struct migration *table, struct migrate_result *ret, struct err *err)
{
    return db_migrate(&(struct migrate_options){.path = f->path,
                                                .create = true,
                                                .backup_dir = f->backups,
                                                .table = table,
                                                .app_version = "1.0.0",
                                                .now_ms = 1000},
                      ret, err);
}

/* Whether the script runs, on a connection of its own. */
static bool runs(struct fixture *f, const char *sql)
{
    struct db *db = NULL;
    struct err err = {0};
    expect_ok(db_open(&(struct db_options){.path = f->path}, &db, &err), &err);
    bool ok = db_script(db, sql, &err) == 0;
    db_close(db);
    return ok;
}

static void an_empty_database_gets_every_migration_and_no_copy(void **state)
{
    struct fixture *f = *state;
    struct migrate_result result;
    struct err err = {0};
    expect_ok(migrate(f, one_and_two, &result, &err), &err);
    assert_int_equal(result.from, 0);
    assert_int_equal(result.to, 2);
    assert_int_equal(result.applied, 2);
    assert_string_equal(result.backup, "");
    assert_true(runs(f, "INSERT INTO two VALUES ('x')"));
}

static void a_second_run_applies_nothing(void **state)
{
    struct fixture *f = *state;
    struct migrate_result result;
    struct err err = {0};
    expect_ok(migrate(f, one_and_two, &result, &err), &err);
    expect_ok(migrate(f, one_and_two, &result, &err), &err);
    assert_int_equal(result.applied, 0);
    assert_int_equal(result.from, 2);
}

static void a_database_with_data_is_copied_before(void **state)
{
    struct fixture *f = *state;
    struct migrate_result result;
    struct err err = {0};
    int64_t version = 0;
    expect_ok(migrate(f, only_one, &result, &err), &err);
    expect_ok(migrate(f, one_and_two, &result, &err), &err);
    expect_ok(db_backup_verify(result.backup, &version, &err), &err);
    assert_int_equal(version, 1);
}

static void a_migration_that_fails_leaves_the_one_before(void **state)
{
    struct fixture *f = *state;
    struct migrate_result result;
    struct err err = {0};
    assert_int_not_equal(migrate(f, broken, &result, &err), 0);
    assert_non_null(strstr(err.msg, "0002 (bad)"));
    assert_true(runs(f, "INSERT INTO one VALUES ('x')"));
    assert_false(runs(f, "INSERT INTO half VALUES ('x')"));
    expect_ok(migrate(f, one_and_two, &result, &err), &err);
}

static void a_schema_for_a_newer_program_is_refused(void **state)
{
    struct fixture *f = *state;
    struct migrate_result result;
    struct err err = {0};
    expect_ok(migrate(f, needs_newer, &result, &err), &err);
    assert_int_equal(migrate(f, needs_newer, &result, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "9.0.0"));
}

static void a_schema_of_a_newer_program_that_allows_this_one_is_fine(void **state)
{
    struct fixture *f = *state;
    struct migrate_result result;
    struct err err = {0};
    expect_ok(migrate(f, one_and_two, &result, &err), &err);
    expect_ok(migrate(f, only_one, &result, &err), &err);
    assert_int_equal(result.to, 2);
}

static void a_migration_that_was_edited_after_the_fact_is_refused(void **state)
{
    struct fixture *f = *state;
    struct migrate_result result;
    struct err err = {0};
    expect_ok(migrate(f, only_one, &result, &err), &err);
    assert_int_equal(migrate(f, edited, &result, &err), ERR_CORRUPT);
}

static void a_missing_database_is_not_made_unless_asked(void **state)
{
    struct fixture *f = *state;
    struct migrate_result result;
    struct err err = {0};
    assert_int_equal(db_migrate(&(struct migrate_options){.path = f->path}, &result, &err), ERR_NOT_FOUND);
    assert_int_not_equal(access(f->path, F_OK), 0);
}

/* --- copies --- */

static void make_full(struct fixture *f)
{
    struct migrate_result result;
    struct err err = {0};
    expect_ok(db_migrate(&(struct migrate_options){.path = f->path, .create = true, .now_ms = 1}, &result, &err), &err);
}

static void a_copy_does_not_overwrite(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char to[160];
    make_full(f);
    (void)snprintf(to, sizeof to, "%s/copy", f->dir);
    expect_ok(db_backup(f->path, to, &err), &err);
    assert_int_equal(db_backup(f->path, to, &err), ERR_CONFLICT);
}

static void a_damaged_copy_is_refused_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char to[160], old[DB_PATH_MAX], junk[8192];
    make_full(f);
    (void)snprintf(to, sizeof to, "%s/copy", f->dir);
    memset(junk, 'j', sizeof junk);
    expect_ok(file_write(to, junk, sizeof junk, 0600, &err), &err);
    assert_int_not_equal(db_restore(to, f->path, 5, old, &err), 0);
    assert_true(runs(f, "SELECT count(*) FROM users"));
}

static void a_restored_copy_brings_back_what_it_held(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char to[160], old[DB_PATH_MAX] = "";
    int64_t version;
    make_full(f);
    assert_true(runs(f, "INSERT INTO facts VALUES ('before', 'x')"));
    (void)snprintf(to, sizeof to, "%s/copy", f->dir);
    expect_ok(db_backup(f->path, to, &err), &err);
    assert_true(runs(f, "INSERT INTO facts VALUES ('after', 'x')"));
    expect_ok(db_restore(to, f->path, 5, old, &err), &err);
    /* a second row of the same name is refused: so 'before' is there and 'after' is not */
    assert_false(runs(f, "INSERT INTO facts VALUES ('before', 'y')"));
    assert_true(runs(f, "INSERT INTO facts VALUES ('after', 'y')"));
    expect_ok(db_backup_verify(old, &version, &err), &err);
}

static void the_lock_lets_many_use_and_one_replace(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int one = -1, two = -1, alone = -1;
    expect_ok(db_lock(f->path, false, &one, &err), &err);
    expect_ok(db_lock(f->path, false, &two, &err), &err);
    assert_int_equal(db_lock(f->path, true, &alone, &err), ERR_CONFLICT);
    (void)close(one);
    (void)close(two);
    expect_ok(db_lock(f->path, true, &alone, &err), &err);
    assert_int_equal(db_lock(f->path, false, &one, &err), ERR_CONFLICT);
    (void)close(alone);
}

static void pruning_keeps_the_newest_and_other_files(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char path[200];
    static const char *const names[] = {"nightly-20260101.sqlite", "nightly-20260102.sqlite", "nightly-20260103.sqlite",
                                        "before-0002-1.sqlite"};
    expect_ok(file_mkdirs(f->backups, 0700, &err), &err);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", f->backups, names[i]);
        expect_ok(file_write(path, "", 0, 0600, &err), &err);
    }
    expect_ok(db_backup_prune(f->backups, "nightly-", 2, &err), &err);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", f->backups, names[i]);
        assert_int_equal(access(path, F_OK) == 0, i != 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_empty, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_database_gets_every_migration_and_no_copy),
        TEST(a_second_run_applies_nothing),
        TEST(a_database_with_data_is_copied_before),
        TEST(a_migration_that_fails_leaves_the_one_before),
        TEST(a_schema_for_a_newer_program_is_refused),
        TEST(a_schema_of_a_newer_program_that_allows_this_one_is_fine),
        TEST(a_migration_that_was_edited_after_the_fact_is_refused),
        TEST(a_missing_database_is_not_made_unless_asked),
        TEST(a_copy_does_not_overwrite),
        TEST(a_damaged_copy_is_refused_and_changes_nothing),
        TEST(a_restored_copy_brings_back_what_it_held),
        TEST(the_lock_lets_many_use_and_one_replace),
        TEST(pruning_keeps_the_newest_and_other_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
