/* Jobs, and a store that has archived what they need: asked for, waited for, handed out. */
#include "app.h"
#include "db/driver.h"
#include "fixture_db.h"
#include "restore/jobs.h"
#include "restore/thaw.h"
#include "store/store_driver.h"

#define USER   "0193a000-0000-7000-8000-000000000001"
#define AGENT  "0193a000-0000-7000-8000-000000000002"
#define FULL   "0193a000-0000-7000-8000-000000000003"
#define SECOND "0193a000-0000-7000-8000-000000000004"
#define IN     "users/u/agents/a/configs/c/"
#define NOW    INT64_C(1750000000000)

/* What the store says of the objects of the full run ("a…") and of the second one ("b…"). */
struct archive {
    struct store store;
    enum store_thaw of_full;
    enum store_thaw of_second;
    int head_rc;
    int thaw_rc;
    unsigned asked;
};

static bool in_full(const char *path)
{
    return path[strlen(IN)] == 'a';
}

static int fake_head(struct store *s, const char *path, struct store_object *ret, struct err *err)
{
    const struct archive *a = (const struct archive *)s;
    *ret = (struct store_object){.size = 10, .thaw = in_full(path) ? a->of_full : a->of_second};
    return a->head_rc == 0 ? 0 : err_set(err, a->head_rc, "the store says no");
}

static int fake_thaw(struct store *s, const char *path, int days, struct err *err)
{
    struct archive *a = (struct archive *)s;
    assert_true(in_full(path) && days > 0);
    a->asked++;
    return a->thaw_rc == 0 ? 0 : err_set(err, a->thaw_rc, "the store says no");
}

static const struct store_driver driver = {.object_head = fake_head, .object_thaw = fake_thaw};

struct jobs {
    struct fixture *f;
    struct archive archive;
    struct clock_fake clock;
    struct settings settings;
    struct app app;
    char job[UUID_SIZE];
};

static int run_script(struct db *db, void *ctx, struct err *err)
{
    return db_script(db, ctx, err);
}

static void script(struct jobs *j, const char *sql)
{
    struct err err = {0};
    char *copy = strdup(sql);
    assert_non_null(copy);
    expect_ok(db_write(j->f->writer, run_script, copy, &err), &err);
    free(copy);
}

static int setup(void **state)
{
    struct jobs *j = calloc(1, sizeof *j);
    void *base = NULL;
    assert_non_null(j);
    (void)fixture_setup(&base);
    j->f = base;
    clock_fake_init(&j->clock, NOW);
    j->settings.run_timeout_s = 900;
    j->archive.store.driver = &driver;
    j->app.settings = &j->settings;
    j->app.clock = &j->clock.clock;
    j->app.writer = j->f->writer;
    j->app.store = &j->archive.store;
    script(j, "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
              " VALUES ('" USER "', 'u', 'u', 'x', 'admin', 1, 1);"
              "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
              " VALUES ('" AGENT "', 'a', 'a', '" USER "', 'k', 1, 1);"
              "INSERT INTO backup_runs (id, agent_id, user_id, config_name, agent_name, status, type, chain_id,"
              " chain_seq, base_id, filename, size_bytes, started_ms, active_ms, finished_ms) VALUES"
              " ('" FULL "', '" AGENT "', '" USER "', 'c', 'a', 'completed', 'full', '" FULL
              "', 0, NULL, 'f', 20, 1, 1, 1),"
              " ('" SECOND "', '" AGENT "', '" USER "', 'c', 'a', 'completed', 'incremental', '" FULL "', 1, '" FULL
              "', 'g', 10, 2, 2, 2);"
              "INSERT INTO backup_objects (run_id, number, s3_path, upload_id, size_bytes, completed_ms) VALUES"
              " ('" FULL "', 1, '" IN "a1', 'x', 10, 1), ('" FULL "', 2, '" IN "a2', 'x', 10, 1),"
              " ('" SECOND "', 0, '" IN "b0', 'x', 10, 1), ('" SECOND "', 1, '" IN "b1', 'x', 10, 1);");
    *state = j;
    return 0;
}

static int teardown(void **state)
{
    struct jobs *j = *state;
    void *base = j->f;
    (void)fixture_teardown(&base);
    free(j);
    return 0;
}

static int write_job(struct db *db, void *ctx, struct err *err)
{
    struct jobs *j = ctx;
    const struct job_new new = {.kind = "verify",
                                .run_id = SECOND,
                                .agent_id = AGENT,
                                .user_id = USER,
                                .created_by = "system",
                                .now_ms = clock_now_ms(j->app.clock)};
    return job_create(db, &new, j->job, err);
}

static void make(struct jobs *j)
{
    struct err err = {0};
    expect_ok(db_write(j->f->writer, write_job, j, &err), &err);
}

static void tick(struct jobs *j, int64_t later_ms)
{
    struct err err = {0};
    clock_fake_advance(&j->clock, later_ms);
    expect_ok(jobs_tick(&j->app, j->f->db, clock_now_ms(j->app.clock), &err), &err);
}

/* "status detail", whether it has a command, and the notes of the four objects. */
static void expect(struct jobs *j, const char *status, bool handed_out, const char *notes)
{
    struct db_rows rows;
    struct err err = {0};
    char seen[100] = "";
    assert_int_equal(db_query_one(j->f->db, DB_JOB_OF_AGENT, DB_ARGS(DB_TEXT("id", j->job), DB_TEXT("agent_id", AGENT)),
                                  &rows, &err),
                     DB_ROW);
    assert_string_equal(db_rows_text(&rows, 0), status);
    db_rows_done(&rows);
    expect_ok(db_query(j->f->db, DB_COMMAND_PENDING, DB_ARGS(DB_TEXT("agent", AGENT), DB_INT("now", NOW)), &rows, &err),
              &err);
    assert_int_equal(db_rows_next(&rows, &err), handed_out ? DB_ROW : DB_DONE);
    db_rows_done(&rows);
    for (int i = 0; i < 2; i++) {
        expect_ok(
            db_query(j->f->db, DB_RESTORE_OBJECTS, DB_ARGS(DB_TEXT("run_id", i == 0 ? FULL : SECOND)), &rows, &err),
            &err);
        while (db_rows_next(&rows, &err) == DB_ROW)
            (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "[%s]", db_rows_text(&rows, 3));
        db_rows_done(&rows);
    }
    assert_string_equal(seen, notes);
}

static void what_is_online_is_handed_out_at_the_next_tick(void **state)
{
    struct jobs *j = *state;
    make(j);
    expect(j, "queued", false, "[][][][]");
    tick(j, 0);
    expect(j, "queued", true, "[][][][]");
    assert_int_equal(j->archive.asked, 0);
}

static void what_is_archived_is_asked_for_and_waited_for(void **state)
{
    enum { LOOK_MS = 5 * 60 * 1000 };
    struct jobs *j = *state;
    j->archive.of_full = STORE_ARCHIVED;
    make(j);
    tick(j, 0);
    expect(j, "thawing", false, "[asked][asked][][]");
    assert_int_equal(j->archive.asked, 2);
    j->archive.of_full = STORE_THAWED;
    tick(j, LOOK_MS - 1); /* not looked at again yet */
    expect(j, "thawing", false, "[asked][asked][][]");
    j->archive.of_full = STORE_THAWING;
    tick(j, 1);
    expect(j, "thawing", false, "[asked][asked][][]");
    assert_int_equal(j->archive.asked, 2);
    j->archive.of_full = STORE_THAWED;
    tick(j, LOOK_MS);
    expect(j, "queued", true, "[ready][ready][][]");
    j->archive.of_full = STORE_ONLINE;
    tick(j, LOOK_MS);
    expect(j, "queued", true, "[ready][ready][][]"); /* handed out: nobody looks any more */
    tick(j, INT64_C(7) * 24 * 3600 * 1000);
    expect(j, "queued", true, "[archived][archived][][]");
}

static void a_waiting_job_does_not_grow_old(void **state)
{
    struct jobs *j = *state;
    j->archive.of_full = STORE_THAWING;
    make(j);
    tick(j, 0);
    tick(j, INT64_C(48) * 3600 * 1000);
    expect(j, "thawing", false, "[asked][asked][][]");
}

static void a_store_that_does_not_answer_is_asked_again(void **state)
{
    struct jobs *j = *state;
    j->archive.head_rc = ERR_UNAVAILABLE;
    make(j);
    tick(j, 0);
    expect(j, "queued", false, "[][][][]");
    j->archive.head_rc = 0;
    j->archive.of_full = STORE_ARCHIVED;
    j->archive.thaw_rc = ERR_UNAVAILABLE;
    tick(j, 0);
    expect(j, "queued", false, "[][][][]");
    j->archive.thaw_rc = 0;
    tick(j, 0);
    expect(j, "thawing", false, "[asked][asked][][]");
}

static void what_is_gone_ends_the_job(void **state)
{
    struct jobs *j = *state;
    j->archive.head_rc = ERR_NOT_FOUND;
    make(j);
    tick(j, 0);
    expect(j, "failed", false, "[][][][]");
}

static void a_run_that_was_deleted_meanwhile_ends_the_job(void **state)
{
    struct jobs *j = *state;
    j->archive.of_full = STORE_THAWING;
    make(j);
    tick(j, 0);
    script(j, "UPDATE backup_runs SET deleted_ms = 5 WHERE id = '" FULL "';");
    tick(j, 10 * 60 * 1000);
    expect(j, "failed", false, "[asked][asked][][]");
}

/* Alerts that were raised for the agent. */
static int64_t alerts(struct jobs *j)
{
    struct db_rows rows;
    struct err err = {0};
    assert_int_equal(db_query_one(j->f->db, DB_ALERT_OPEN_COUNT, DB_ARGS(DB_NULL("viewer")), &rows, &err), DB_ROW);
    int64_t count = db_rows_int(&rows, 0, -1);
    db_rows_done(&rows);
    return count;
}

static void a_proof_that_comes_to_nothing_is_an_alert(void **state)
{
    struct jobs *j = *state;
    make(j);
    tick(j, 0);
    assert_int_equal(alerts(j), 0);
    script(j, "UPDATE backup_jobs SET status = 'running';");
    tick(j, 899 * 1000);
    expect(j, "running", true, "[][][][]");
    tick(j, 2 * 1000);
    expect(j, "lost", false, "[][][][]");
    assert_int_equal(alerts(j), 1);
}

static void an_ended_job_is_forgotten_after_ninety_days(void **state)
{
    const int64_t days_ms = INT64_C(90) * 24 * 3600 * 1000;
    struct jobs *j = *state;
    struct db_rows rows;
    struct err err = {0};
    j->archive.head_rc = ERR_NOT_FOUND;
    make(j);
    tick(j, 0);
    tick(j, days_ms);
    expect(j, "failed", false, "[][][][]");
    tick(j, 1);
    assert_int_equal(db_query_one(j->f->db, DB_JOB_FACTS, DB_ARGS(DB_TEXT("id", j->job)), &rows, &err), DB_DONE);
}

static void a_proof_is_not_made_twice(void **state)
{
    struct jobs *j = *state;
    struct err err = {0};
    make(j);
    assert_int_equal(db_write(j->f->writer, write_job, j, &err), ERR_CONFLICT);
    script(j, "UPDATE backup_jobs SET status = 'completed';");
    make(j);
}

static void a_job_of_nobody_is_not_made(void **state)
{
    struct jobs *j = *state;
    struct err err = {0};
    script(j, "DELETE FROM agents;");
    assert_int_equal(db_write(j->f->writer, write_job, j, &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_online_is_handed_out_at_the_next_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_archived_is_asked_for_and_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_waiting_job_does_not_grow_old, setup, teardown),
        cmocka_unit_test_setup_teardown(a_store_that_does_not_answer_is_asked_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_gone_ends_the_job, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_that_was_deleted_meanwhile_ends_the_job, setup, teardown),
        cmocka_unit_test_setup_teardown(a_proof_that_comes_to_nothing_is_an_alert, setup, teardown),
        cmocka_unit_test_setup_teardown(an_ended_job_is_forgotten_after_ninety_days, setup, teardown),
        cmocka_unit_test_setup_teardown(a_proof_is_not_made_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_of_nobody_is_not_made, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
