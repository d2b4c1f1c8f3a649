/* Group commit: what is acknowledged is there, what failed is not, and neither touches its neighbours. */
#include "fixture_db.h"

#include <pthread.h>
#include <semaphore.h>

struct fact {
    const char *name;
    int rc;          /* what the closure returns after it has written */
    bool leave_open; /* a query */
};

static int set_fact(struct db *db, void *ctx, struct err *err)
{
    const struct fact *f = ctx;
    struct db_rows rows;
    int rc = db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", f->name), DB_TEXT("value", "x")), NULL, err);
    if (rc == 0 && f->leave_open)
        rc = db_query(db, DB_CHANGE_LIST, DB_NO_ARGS, &rows, err);
    return rc != 0 ? rc : f->rc != 0 ? err_set(err, f->rc, "as asked") : 0;
}

static bool has_fact(struct fixture *f, const char *name)
{
    struct db_rows rows;
    struct err err = {0};
    int rc = db_query_one(f->db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", name)), &rows, &err);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return rc == DB_ROW;
}

static void a_write_that_returned_is_seen_by_others(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    expect_ok(db_write(f->writer, set_fact, &(struct fact){.name = "seen"}, &err), &err);
    assert_true(has_fact(f, "seen"));
}

static void a_closure_that_fails_leaves_nothing_and_tells_why(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(db_write(f->writer, set_fact, &(struct fact){.name = "failed", .rc = ERR_CONFLICT}, &err),
                     ERR_CONFLICT);
    assert_string_equal(err.msg, "as asked");
    assert_false(has_fact(f, "failed"));
}

static void a_closure_that_leaves_a_query_open_fails(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(db_write(f->writer, set_fact, &(struct fact){.name = "open", .leave_open = true}, &err),
                     ERR_INTERNAL);
    assert_false(has_fact(f, "open"));
    expect_ok(db_write(f->writer, set_fact, &(struct fact){.name = "after-open"}, &err), &err);
}

/* Holds the writer inside a closure until the others have queued up. */
struct gate {
    sem_t entered, go;
};

static int wait_at_gate(struct db *db, void *ctx, struct err *err)
{
    struct gate *g = ctx;
    (void)db;
    (void)err;
    (void)sem_post(&g->entered);
    (void)sem_wait(&g->go);
    return 0;
}

struct caller {
    struct fixture *f;
    struct gate *gate; /* instead of a fact */
    struct fact fact;
    char name[32];
    int rc;
    struct err err;
    pthread_t thread;
};

static void *call(void *arg)
{
    struct caller *c = arg;
    c->rc = c->gate != NULL ? db_write(c->f->writer, wait_at_gate, c->gate, &c->err)
                            : db_write(c->f->writer, set_fact, &c->fact, &c->err);
    return NULL;
}

enum { CALLERS = 20 };

/* Each closure in one batch: every third fails. */
static void one_failure_in_a_batch_spares_the_others(void **state)
{
    struct fixture *f = *state;
    struct gate gate;
    struct caller holder = {.f = f, .gate = &gate}, callers[CALLERS];
    (void)sem_init(&gate.entered, 0, 0);
    (void)sem_init(&gate.go, 0, 0);
    assert_int_equal(pthread_create(&holder.thread, NULL, call, &holder), 0);
    (void)sem_wait(&gate.entered);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.f = f};
        (void)snprintf(callers[i].name, sizeof callers[i].name, "batch-%d", i);
        callers[i].fact = (struct fact){.name = callers[i].name, .rc = i % 3 == 0 ? ERR_INVALID : 0};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    (void)sem_post(&gate.go);
    (void)pthread_join(holder.thread, NULL);
    for (int i = 0; i < CALLERS; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].rc, i % 3 == 0 ? ERR_INVALID : 0);
        assert_int_equal(has_fact(f, callers[i].name), i % 3 != 0);
    }
    (void)sem_destroy(&gate.entered);
    (void)sem_destroy(&gate.go);
}

static int count_commits(struct db_writer *w)
{
    struct db_writer_stats stats;
    db_writer_stats(w, &stats);
    return (int)stats.commits;
}

static void every_write_is_counted(void **state)
{
    struct fixture *f = *state;
    struct db_writer_stats before, after;
    struct err err = {0};
    db_writer_stats(f->writer, &before);
    expect_ok(db_write(f->writer, set_fact, &(struct fact){.name = "c1"}, &err), &err);
    expect_ok(db_write(f->writer, set_fact, &(struct fact){.name = "c2"}, &err), &err);
    db_writer_stats(f->writer, &after);
    assert_int_equal(after.writes - before.writes, 2);
    assert_int_equal(count_commits(f->writer) - (int)before.commits, 2);
}

/* Wipes the transaction out from under the batch, as a full disk does. */
static int roll_everything_back(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    db_read_end(db);
    return 0;
}

static void a_lost_transaction_is_reported_as_unavailable(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(db_write(f->writer, roll_everything_back, NULL, &err), ERR_UNAVAILABLE);
    expect_ok(db_write(f->writer, set_fact, &(struct fact){.name = "next"}, &err), &err);
    assert_true(has_fact(f, "next"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_that_returned_is_seen_by_others),
        cmocka_unit_test(a_closure_that_fails_leaves_nothing_and_tells_why),
        cmocka_unit_test(a_closure_that_leaves_a_query_open_fails),
        cmocka_unit_test(one_failure_in_a_batch_spares_the_others),
        cmocka_unit_test(every_write_is_counted),
        cmocka_unit_test(a_lost_transaction_is_reported_as_unavailable),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
