/* What becomes of runs that were there before archives went over volumes. */
#include "backup/upload.h"
#include "db/driver.h"
#include "fixture_db.h"

enum { BEFORE = 5, VERSIONS_MAX = 32 };

#define AGENT "0193a000-0000-7000-8000-000000000002"

/* A database as version BEFORE left it, with these rows, brought up to date. */
static struct db *migrated(struct fixture *f, const char *rows)
{
    struct migration old[VERSIONS_MAX] = {0};
    struct migrate_options options = {.path = f->path, .create = true, .table = old, .now_ms = 1000};
    struct migrate_result result;
    struct db *db = NULL;
    struct err err = {0};
    for (size_t i = 0; migrations[i].sql != NULL && migrations[i].version <= BEFORE; i++)
        old[i] = migrations[i];
    expect_ok(db_migrate(&options, &result, &err), &err);
    assert_int_equal(result.to, BEFORE);
    expect_ok(db_open(&(struct db_options){.path = f->path}, &db, &err), &err);
    expect_ok(db_script(db,
                        "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
                        " VALUES ('u', 'u', 'u', 'x', 'admin', 1, 1);"
                        "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
                        " VALUES ('" AGENT "', 'a', 'a', 'u', 'k', 1, 1);",
                        &err),
              &err);
    expect_ok(db_script(db, rows, &err), &err);
    db_close(db);
    options.table = NULL;
    expect_ok(db_migrate(&options, &result, &err), &err);
    expect_ok(db_open(&(struct db_options){.path = f->path}, &db, &err), &err);
    return db;
}

#define RUN(id, status, part_size, declared, size)                                                                     \
    "INSERT INTO backup_runs (id, agent_id, user_id, config_name, agent_name, status, filename, s3_path, upload_id,"   \
    " part_size, declared_size, size_bytes, started_ms, active_ms) VALUES ('" id "', '" AGENT                          \
    "', 'u', 'c', 'a', '" status "', 'f', 'p" id "', '" id "', " part_size ", " declared ", " size ", 1, 9);"
#define PARTS(id, count)                                                                                               \
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " count ")"                             \
    " INSERT INTO backup_parts (run_id, number, size_bytes, md5, stored_ms) SELECT '" id "', i, 8, 'm', 1 FROM n;"

static struct upload find(struct db *db, const char *run_id, struct arena *arena)
{
    struct upload u;
    struct err err = {0};
    expect_ok(upload_by_run(db, run_id, AGENT, arena, &u, &err), &err);
    return u;
}

static void a_run_keeps_its_object_and_one_under_way_its_parts(void **state)
{
    struct arena *arena = arena_new(1 << 16);
    struct upload_object object;
    struct upload_part part;
    struct err err = {0};
    struct db *db = migrated(*state, RUN("done", "completed", "8", "NULL", "16") PARTS("done", "2")
                                         RUN("parts", "running", "8", "NULL", "NULL") PARTS("parts", "3")
                                             RUN("whole", "running", "0", "77", "NULL"));
    struct upload u = find(db, "done", arena);
    assert_int_equal(u.size, 16);
    expect_ok(upload_object_find(db, "done", 1, arena, &object, &err), &err);
    assert_string_equal(object.path, "pdone");
    assert_int_equal(object.size, 16);
    assert_int_equal(upload_part_find(db, "done", 1, 1, &part, &err), ERR_NOT_FOUND);
    u = find(db, "parts", arena);
    assert_true(upload_running(&u));
    assert_int_equal(u.announced, 24);
    expect_ok(upload_part_find(db, "parts", 1, 3, &part, &err), &err);
    assert_string_equal(part.digest, "m");
    expect_ok(upload_object_find(db, "parts", 1, arena, &object, &err), &err);
    assert_int_equal(object.size, -1);
    u = find(db, "whole", arena);
    assert_false(upload_multipart(&u));
    assert_int_equal(u.announced, 77);
    db_close(db);
    arena_free(arena);
}

static void a_run_under_way_that_is_longer_than_a_volume_is_lost(void **state)
{
    struct arena *arena = arena_new(1 << 16);
    struct upload_part part;
    struct err err = {0};
    struct db *db = migrated(*state, RUN("long", "running", "8", "NULL", "NULL") PARTS("long", "1001")
                                         RUN("just", "running", "8", "NULL", "NULL") PARTS("just", "1000"));
    struct upload u = find(db, "long", arena);
    assert_true(upload_ended_badly(&u));
    assert_int_equal(upload_part_find(db, "long", 1, 1, &part, &err), ERR_NOT_FOUND);
    u = find(db, "just", arena);
    assert_true(upload_running(&u));
    db_close(db);
    arena_free(arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_empty, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_keeps_its_object_and_one_under_way_its_parts),
        TEST(a_run_under_way_that_is_longer_than_a_volume_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
