/* Whether a run may be called complete, and whether more bytes fit. */
#include "app.h"
#include "auth/secrets.h"
#include "backup/store.h"
#include "backup/upload.h"
#include "db/driver.h"
#include "fixture_db.h"

#define USER  "0193a000-0000-7000-8000-000000000001"
#define AGENT "0193a000-0000-7000-8000-000000000002"
#define RUN   "0193a000-0000-7000-8000-000000000003"
#define FULL  "8388608"
#define A     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int run_script(struct db *db, void *ctx, struct err *err)
{
    return db_script(db, ctx, err);
}

static void script(struct fixture *f, const char *sql)
{
    struct err err = {0};
    char *copy = strdup(sql);
    assert_non_null(copy);
    expect_ok(db_write(f->writer, run_script, copy, &err), &err);
    free(copy);
}

static int setup(void **state)
{
    int rc = fixture_setup(state);
    script(*state, "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
                   " VALUES ('" USER "', 'u', 'u', 'x', 'admin', 1, 1);"
                   "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
                   " VALUES ('" AGENT "', 'a', 'a', '" USER "', 'k', 1, 1);");
    return rc;
}

static void add_run(struct fixture *f, const char *part_size, const char *declared)
{
    char sql[1000];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO backup_runs (id, agent_id, user_id, config_name, agent_name, status, filename, s3_path,"
                   " upload_id, part_size, declared_size, started_ms, active_ms) VALUES ('" RUN "', '" AGENT "', '" USER
                   "', 'c', 'a', 'running', 'f', 'p', '" RUN "', %s, %s, 1, 1);",
                   part_size, declared);
    script(f, sql);
}

static void add_part(struct fixture *f, const char *values)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO backup_parts (run_id, number, size_bytes, md5, stored_ms) VALUES ('" RUN "', %s);",
                   values);
    script(f, sql);
}

static int check(struct fixture *f, const struct upload_part *parts, size_t claimed, int64_t *ret_size)
{
    struct err err = {0};
    struct upload u;
    struct arena *arena = arena_new(1 << 16);
    expect_ok(upload_by_run(f->db, RUN, AGENT, arena, &u, &err), &err);
    int rc = upload_check(f->db, &u, parts, claimed, ret_size, &err);
    arena_free(arena);
    return rc;
}

static void a_run_is_its_own_agents(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct upload u;
    struct arena *arena = arena_new(1 << 16);
    add_run(f, FULL, "NULL");
    assert_int_equal(upload_by_run(f->db, RUN, USER, arena, &u, &err), ERR_NOT_FOUND);
    expect_ok(upload_by_run(f->db, RUN, AGENT, arena, &u, &err), &err);
    assert_true(upload_running(&u) && upload_multipart(&u));
    arena_free(arena);
}

static void nothing_stored_is_not_complete(void **state)
{
    int64_t size = -1;
    add_run(*state, FULL, "NULL");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
    assert_int_equal(size, -1);
}

static void full_parts_and_a_shorter_last_one_are_complete(void **state)
{
    int64_t size = -1;
    add_run(*state, FULL, "NULL");
    add_part(*state, "1, " FULL ", '" A "', 5");
    add_part(*state, "2, 7, '" B "', 5");
    assert_int_equal(check(*state, NULL, 0, &size), 0);
    assert_int_equal(size, 8388608 + 7);
}

static void an_announced_part_that_did_not_come_is_missed(void **state)
{
    int64_t size;
    add_run(*state, FULL, "NULL");
    add_part(*state, "1, " FULL ", '" A "', 5");
    add_part(*state, "2, 7, '" B "', NULL");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
}

static void a_gap_between_parts_is_found(void **state)
{
    int64_t size;
    add_run(*state, FULL, "NULL");
    add_part(*state, "1, " FULL ", '" A "', 5");
    add_part(*state, "3, 7, '" B "', 5");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
}

static void a_short_part_in_the_middle_is_found(void **state)
{
    int64_t size;
    add_run(*state, FULL, "NULL");
    add_part(*state, "1, 7, '" A "', 5");
    add_part(*state, "2, 7, '" B "', 5");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
}

static void the_agents_list_must_be_what_is_stored(void **state)
{
    int64_t size;
    const struct upload_part right[] = {{.number = 1, .size = 8388608, .md5 = A}, {.number = 2, .size = 7, .md5 = B}};
    const struct upload_part other[] = {{.number = 1, .size = 8388608, .md5 = A}, {.number = 2, .size = 7, .md5 = A}};
    const struct upload_part more[] = {{.number = 1, .size = 8388608, .md5 = A},
                                       {.number = 2, .size = 7, .md5 = B},
                                       {.number = 3, .size = 7, .md5 = B}};
    add_run(*state, FULL, "NULL");
    add_part(*state, "1, " FULL ", '" A "', 5");
    add_part(*state, "2, 7, '" B "', 5");
    assert_int_equal(check(*state, right, 2, &size), 0);
    assert_int_equal(check(*state, right, 1, &size), ERR_CONFLICT);
    assert_int_equal(check(*state, other, 2, &size), ERR_CONFLICT);
    assert_int_equal(check(*state, more, 3, &size), ERR_CONFLICT);
}

static void a_whole_body_has_the_size_that_was_announced(void **state)
{
    int64_t size = -1;
    add_run(*state, "0", "12");
    add_part(*state, "1, 12, '" A "', 5");
    assert_int_equal(check(*state, NULL, 0, &size), 0);
    assert_int_equal(size, 12);
    script(*state, "UPDATE backup_runs SET declared_size = 13;");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
}

static void the_quota_counts_what_is_kept_and_what_is_announced(void **state)
{
    struct fixture *f = *state;
    char store_dir[128], secrets_dir[128];
    struct err err = {0};
    struct settings settings = {
        .store_dir = store_dir, .agent_url = "https://localhost:8444", .store_quota_bytes = 100};
    struct app app = {.settings = &settings};
    (void)snprintf(store_dir, sizeof store_dir, "%s/store", f->dir);
    (void)snprintf(secrets_dir, sizeof secrets_dir, "%s/secrets", f->dir);
    expect_ok(secrets_init(secrets_dir, &err), &err);
    expect_ok(secrets_load(secrets_dir, &app.secrets, &err), &err);
    expect_ok(store_open(&settings, app.secrets, &app.store, &err), &err);
    add_run(f, FULL, "NULL");
    add_part(f, "1, 60, '" A "', NULL");
    expect_ok(upload_room(&app, f->db, AGENT, 40, 40, &err), &err);
    assert_int_equal(upload_room(&app, f->db, AGENT, 41, 41, &err), ERR_TOO_BIG);
    script(f, "UPDATE backup_runs SET status = 'completed', size_bytes = 80;");
    assert_int_equal(upload_room(&app, f->db, AGENT, 21, 21, &err), ERR_TOO_BIG);
    script(f, "UPDATE backup_runs SET status = 'failed', size_bytes = NULL;");
    expect_ok(upload_room(&app, f->db, AGENT, 100, 100, &err), &err);
    assert_int_equal(upload_room(&app, f->db, AGENT, 0, INT64_MAX, &err), ERR_TOO_BIG);
    store_close(app.store);
    secrets_free(app.secrets);
}

/* Moves the reserve so that this much room is left. Others write to the same disk: a MiB is nothing here. */
static void leave_room(struct app *app, struct settings *settings, int64_t room)
{
    struct err err = {0};
    int64_t now = 0;
    store_close(app->store);
    settings->store_reserve_bytes = 0;
    expect_ok(store_open(settings, app->secrets, &app->store, &err), &err);
    expect_ok(store_room(app->store, &now, &err), &err);
    store_close(app->store);
    settings->store_reserve_bytes = now - room;
    expect_ok(store_open(settings, app->secrets, &app->store, &err), &err);
}

static void all_that_is_announced_has_room_at_once(void **state)
{
    enum { GIB = 1 << 30 };
    struct fixture *f = *state;
    char store_dir[128], secrets_dir[128];
    struct err err = {0};
    struct settings settings = {.store_dir = store_dir, .agent_url = "https://localhost:8444"};
    struct app app = {.settings = &settings};
    (void)snprintf(store_dir, sizeof store_dir, "%s/store", f->dir);
    (void)snprintf(secrets_dir, sizeof secrets_dir, "%s/secrets", f->dir);
    expect_ok(secrets_init(secrets_dir, &err), &err);
    expect_ok(secrets_load(secrets_dir, &app.secrets, &err), &err);
    leave_room(&app, &settings, INT64_C(5) * GIB);
    add_run(f, FULL, "NULL");
    add_part(f, "1, 2147483648, '" A "', NULL");
    expect_ok(upload_room(&app, f->db, AGENT, GIB, GIB, &err), &err);
    assert_int_equal(upload_room(&app, f->db, AGENT, INT64_C(4) * GIB, GIB, &err), ERR_TOO_BIG);
    add_part(f, "2, 4294967296, '" B "', NULL"); /* as if from elsewhere at the same moment */
    assert_int_equal(upload_room(&app, f->db, AGENT, 0, GIB, &err), ERR_TOO_BIG);
    script(f, "UPDATE backup_parts SET stored_ms = 1 WHERE number = 2;");
    expect_ok(upload_room(&app, f->db, AGENT, 0, GIB, &err), &err);
    expect_ok(upload_room_again(&app, f->db, GIB, &err), &err);
    assert_int_equal(upload_room_again(&app, f->db, INT64_C(4) * GIB, &err), ERR_TOO_BIG);
    script(f, "UPDATE backup_runs SET status = 'failed';");
    expect_ok(upload_room(&app, f->db, AGENT, INT64_C(4) * GIB, GIB, &err), &err);
    script(f, "DELETE FROM backup_parts; UPDATE backup_runs SET status = 'running', part_size = 0,"
              " declared_size = 4294967296;");
    expect_ok(upload_room(&app, f->db, AGENT, 0, INT64_C(4) * GIB, &err), &err);
    assert_int_equal(upload_room(&app, f->db, AGENT, INT64_C(2) * GIB, GIB, &err), ERR_TOO_BIG);
    add_part(f, "1, 4294967296, '" A "', 1");
    expect_ok(upload_room(&app, f->db, AGENT, INT64_C(4) * GIB, GIB, &err), &err);
    store_close(app.store);
    secrets_free(app.secrets);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_is_its_own_agents),
        TEST(nothing_stored_is_not_complete),
        TEST(full_parts_and_a_shorter_last_one_are_complete),
        TEST(an_announced_part_that_did_not_come_is_missed),
        TEST(a_gap_between_parts_is_found),
        TEST(a_short_part_in_the_middle_is_found),
        TEST(the_agents_list_must_be_what_is_stored),
        TEST(a_whole_body_has_the_size_that_was_announced),
        TEST(the_quota_counts_what_is_kept_and_what_is_announced),
        TEST(all_that_is_announced_has_room_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
