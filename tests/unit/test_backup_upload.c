/* Whether a run may be called complete, and whether more bytes fit. */
#include "app.h"
#include "auth/secrets.h"
#include "backup/upload.h"
#include "db/driver.h"
#include "fixture_db.h"
#include "store/store.h"

#define USER  "0193a000-0000-7000-8000-000000000001"
#define AGENT "0193a000-0000-7000-8000-000000000002"
#define RUN   "0193a000-0000-7000-8000-000000000003"
#define FULL  "8388608"
#define A     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int setup(void **state)
{
    int rc = fixture_setup(state);
    fixture_script(*state, "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
                           " VALUES ('" USER "', 'u', 'u', 'x', 'admin', 1, 1);"
                           "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
                           " VALUES ('" AGENT "', 'a', 'a', '" USER "', 'k', 1, 1);");
    return rc;
}

static void add_run(struct fixture *f, const char *part_size, const char *announced)
{
    char sql[1000];
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO backup_runs (id, chain_id, agent_id, user_id, config_name, agent_name, status, filename,"
        " s3_path, part_size, announced_bytes, started_ms, active_ms) VALUES ('" RUN "', '" RUN "', '" AGENT "', '" USER
        "', 'c', 'a', 'running', 'f', 'p', %s, %s, 1, 1);"
        "INSERT INTO backup_objects (run_id, number, s3_path, upload_id) VALUES ('" RUN "', 1, 'p', 'u');",
        part_size, announced);
    fixture_script(f, sql);
}

static void add_part(struct fixture *f, const char *values)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO backup_parts (run_id, md5, number, size_bytes, digest, stored_ms) VALUES ('" RUN
                   "', '', %s);",
                   values);
    fixture_script(f, sql);
}

static const struct upload_claim nothing_said = {.count = -1, .size = -1, .index_count = -1, .index_size = -1};

static int check_as(struct fixture *f, bool tracked, const struct upload_claim *claim, struct upload_total *ret)
{
    struct err err = {0};
    struct upload u;
    struct arena *arena = arena_new(1 << 16);
    expect_ok(upload_by_run(f->db, RUN, AGENT, arena, &u, &err), &err);
    int rc = upload_check(f->db, &u, tracked, claim, ret, &err);
    arena_free(arena);
    return rc;
}

static int check(struct fixture *f, const struct upload_part *parts, size_t claimed, int64_t *ret_size)
{
    struct upload_claim claim = nothing_said;
    struct upload_total total;
    claim.parts = parts;
    claim.part_count = claimed;
    int rc = check_as(f, true, &claim, &total);
    if (rc == 0)
        *ret_size = total.size;
    return rc;
}

static void a_run_is_its_own_agents(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct upload u;
    struct arena *arena = arena_new(1 << 16);
    add_run(f, FULL, "0");
    assert_int_equal(upload_by_run(f->db, RUN, USER, arena, &u, &err), ERR_NOT_FOUND);
    expect_ok(upload_by_run(f->db, RUN, AGENT, arena, &u, &err), &err);
    assert_true(upload_running(&u) && upload_multipart(&u));
    arena_free(arena);
}

static void nothing_stored_is_not_complete(void **state)
{
    int64_t size = -1;
    add_run(*state, FULL, "0");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
    assert_int_equal(size, -1);
}

static void full_parts_and_a_shorter_last_one_are_complete(void **state)
{
    int64_t size = -1;
    add_run(*state, FULL, "0");
    add_part(*state, "1, " FULL ", '" A "', 5");
    add_part(*state, "2, 7, '" B "', 5");
    assert_int_equal(check(*state, NULL, 0, &size), 0);
    assert_int_equal(size, 8388608 + 7);
}

static void an_announced_part_that_did_not_come_is_missed(void **state)
{
    int64_t size;
    add_run(*state, FULL, "0");
    add_part(*state, "1, " FULL ", '" A "', 5");
    add_part(*state, "2, 7, '" B "', NULL");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
}

static void a_gap_between_parts_is_found(void **state)
{
    int64_t size;
    add_run(*state, FULL, "0");
    add_part(*state, "1, " FULL ", '" A "', 5");
    add_part(*state, "3, 7, '" B "', 5");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
}

static void a_short_part_in_the_middle_is_found(void **state)
{
    int64_t size;
    add_run(*state, FULL, "0");
    add_part(*state, "1, 7, '" A "', 5");
    add_part(*state, "2, 7, '" B "', 5");
    assert_int_equal(check(*state, NULL, 0, &size), ERR_CONFLICT);
}

static void the_agents_list_must_be_what_is_stored(void **state)
{
    int64_t size;
    const struct upload_part right[] = {{.number = 1, .size = 8388608, .digest = A},
                                        {.number = 2, .size = 7, .digest = B}};
    const struct upload_part other[] = {{.number = 1, .size = 8388608, .digest = A},
                                        {.number = 2, .size = 7, .digest = A}};
    const struct upload_part more[] = {{.number = 1, .size = 8388608, .digest = A},
                                       {.number = 2, .size = 7, .digest = B},
                                       {.number = 3, .size = 7, .digest = B}};
    add_run(*state, FULL, "0");
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
    fixture_script(*state, "UPDATE backup_runs SET announced_bytes = 13;");
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
    add_run(f, FULL, "0");
    fixture_script(f, "UPDATE backup_runs SET announced_bytes = 60;");
    expect_ok(upload_room(&app, f->db, AGENT, 40, 40, &err), &err);
    assert_int_equal(upload_room(&app, f->db, AGENT, 41, 41, &err), ERR_TOO_BIG);
    fixture_script(f, "UPDATE backup_runs SET status = 'completed', size_bytes = 70;"
                      "UPDATE backup_objects SET size_bytes = 70;"
                      "INSERT INTO backup_objects (run_id, number, s3_path, upload_id, size_bytes) VALUES ('" RUN
                      "', 0, 'i', 'v', 10);");
    assert_int_equal(upload_room(&app, f->db, AGENT, 21, 21, &err), ERR_TOO_BIG);
    fixture_script(f, "UPDATE backup_runs SET status = 'failed';");
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
    add_run(f, FULL, "0");
    add_part(f, "1, 2147483648, '" A "', NULL");
    expect_ok(upload_room(&app, f->db, AGENT, GIB, GIB, &err), &err);
    assert_int_equal(upload_room(&app, f->db, AGENT, INT64_C(4) * GIB, GIB, &err), ERR_TOO_BIG);
    add_part(f, "2, 4294967296, '" B "', NULL"); /* as if from elsewhere at the same moment */
    assert_int_equal(upload_room(&app, f->db, AGENT, 0, GIB, &err), ERR_TOO_BIG);
    fixture_script(f, "UPDATE backup_parts SET stored_ms = 1 WHERE number = 2;");
    expect_ok(upload_room(&app, f->db, AGENT, 0, GIB, &err), &err);
    expect_ok(upload_room_again(&app, f->db, GIB, &err), &err);
    assert_int_equal(upload_room_again(&app, f->db, INT64_C(4) * GIB, &err), ERR_TOO_BIG);
    fixture_script(f, "UPDATE backup_runs SET status = 'failed';");
    expect_ok(upload_room(&app, f->db, AGENT, INT64_C(4) * GIB, GIB, &err), &err);
    fixture_script(f, "DELETE FROM backup_parts; UPDATE backup_runs SET status = 'running', part_size = 0,"
                      " announced_bytes = 4294967296;");
    expect_ok(upload_room(&app, f->db, AGENT, 0, INT64_C(4) * GIB, &err), &err);
    assert_int_equal(upload_room(&app, f->db, AGENT, INT64_C(2) * GIB, GIB, &err), ERR_TOO_BIG);
    add_part(f, "1, 4294967296, '" A "', 1");
    expect_ok(upload_room(&app, f->db, AGENT, INT64_C(4) * GIB, GIB, &err), &err);
    store_close(app.store);
    secrets_free(app.secrets);
}

/* --- volumes --- */

static void parts_are_counted_over_all_volumes(void **state)
{
    (void)state;
    static const struct {
        int64_t number, object, within;
    } cases[] = {{1, 1, 1},       {999, 1, 999}, {1000, 1, 1000},     {1001, 2, 1},
                 {2000, 2, 1000}, {2001, 3, 1},  {125000, 125, 1000}, {UPLOAD_PARTS_MAX, 10000, 1000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct upload_place place = upload_place_of(cases[i].number);
        assert_int_equal(place.object, cases[i].object);
        assert_int_equal(place.number, cases[i].within);
    }
}

static void objects_of_a_run_have_names_of_their_own(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 12);
    assert_string_equal(upload_object_path(arena, "d/a.tar", 1), "d/a.tar");
    assert_string_equal(upload_object_path(arena, "d/a.tar", 2), "d/a.tar.00002");
    assert_string_equal(upload_object_path(arena, "d/a.tar", 10000), "d/a.tar.10000");
    assert_string_equal(upload_object_path(arena, "d/a.tar", UPLOAD_INDEX), "d/a.tar.index");
    arena_free(arena);
}

/* An object with parts first to last, all full and stored. */
static void add_object(struct fixture *f, int number, int parts)
{
    char sql[1000];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO backup_objects (run_id, number, s3_path, upload_id) VALUES ('" RUN
                   "', %d, 'p%d', 'u%d') ON CONFLICT DO NOTHING;"
                   "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                   " INSERT INTO backup_parts (run_id, md5, object, number, size_bytes, digest, stored_ms)"
                   " SELECT '" RUN "', '', %d, i, " FULL ", '" A "', 5 FROM n WHERE %d > 0;",
                   number, number, number, parts, number, parts);
    fixture_script(f, sql);
}

static void made(struct fixture *f, int number, int64_t size)
{
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "UPDATE backup_objects SET size_bytes = %lld WHERE number = %d;"
                   "DELETE FROM backup_parts WHERE object = %d;",
                   (long long)size, number, number);
    fixture_script(f, sql);
}

#define VOLUME (UPLOAD_PARTS_PER_OBJECT * INT64_C(8388608))

static void volumes_follow_each_other_whether_made_or_not(void **state)
{
    struct fixture *f = *state;
    struct upload_total total = {-1, -1};
    struct upload_claim claim = nothing_said;
    add_run(f, FULL, "0");
    for (int i = 1; i <= 3; i++)
        add_object(f, i, i < 3 ? UPLOAD_PARTS_PER_OBJECT : 4);
    add_object(f, UPLOAD_INDEX, 2);
    assert_int_equal(check_as(f, true, &claim, &total), 0);
    assert_int_equal(total.size, 2 * VOLUME + INT64_C(4) * 8388608);
    assert_int_equal(total.index_size, 2 * 8388608);
    claim.count = 2004;
    claim.size = total.size;
    claim.index_count = 2;
    claim.index_size = total.index_size;
    assert_int_equal(check_as(f, true, &claim, &total), 0);
    made(f, 1, VOLUME);
    assert_int_equal(check_as(f, true, &claim, &total), 0);
    made(f, 2, VOLUME);
    made(f, 3, INT64_C(4) * 8388608);
    made(f, UPLOAD_INDEX, 2 * 8388608);
    assert_int_equal(check_as(f, true, &claim, &total), 0);
    assert_int_equal(total.size, 2 * VOLUME + INT64_C(4) * 8388608);
}

static void what_the_agent_counts_must_be_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct upload_total total;
    add_run(f, FULL, "0");
    add_object(f, 1, 3);
    add_object(f, UPLOAD_INDEX, 1);
    const struct upload_claim wrong[] = {{.count = 2, .size = -1, .index_count = -1, .index_size = -1},
                                         {.count = 4, .size = -1, .index_count = -1, .index_size = -1},
                                         {.count = -1, .size = 1, .index_count = -1, .index_size = -1},
                                         {.count = -1, .size = -1, .index_count = 0, .index_size = -1},
                                         {.count = -1, .size = -1, .index_count = -1, .index_size = 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(check_as(f, true, &wrong[i], &total), ERR_CONFLICT);
    assert_int_equal(check_as(f, true, &nothing_said, &total), 0);
}

static void a_volume_that_is_not_full_must_be_the_last(void **state)
{
    struct fixture *f = *state;
    struct upload_total total;
    add_run(f, FULL, "0");
    add_object(f, 1, UPLOAD_PARTS_PER_OBJECT - 1);
    add_object(f, 2, 1);
    assert_int_equal(check_as(f, true, &nothing_said, &total), ERR_CONFLICT);
    made(f, 1, VOLUME - 1);
    assert_int_equal(check_as(f, true, &nothing_said, &total), ERR_CONFLICT);
}

static void a_volume_of_which_nothing_came_is_missed(void **state)
{
    struct fixture *f = *state;
    struct upload_total total;
    add_run(f, FULL, "0");
    add_object(f, 1, UPLOAD_PARTS_PER_OBJECT);
    add_object(f, 2, 0);
    add_object(f, 3, 1);
    assert_int_equal(check_as(f, true, &nothing_said, &total), ERR_CONFLICT);
}

static void only_a_store_that_tells_is_asked_what_is_stored(void **state)
{
    struct fixture *f = *state;
    struct upload_total total;
    add_run(f, FULL, "0");
    add_part(f, "1, 7, '" A "', NULL");
    assert_int_equal(check_as(f, true, &nothing_said, &total), ERR_CONFLICT);
    assert_int_equal(check_as(f, false, &nothing_said, &total), 0);
    assert_int_equal(total.size, 7);
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
        TEST(parts_are_counted_over_all_volumes),
        TEST(objects_of_a_run_have_names_of_their_own),
        TEST(volumes_follow_each_other_whether_made_or_not),
        TEST(what_the_agent_counts_must_be_what_is_there),
        TEST(a_volume_that_is_not_full_must_be_the_last),
        TEST(a_volume_of_which_nothing_came_is_missed),
        TEST(only_a_store_that_tells_is_asked_what_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
