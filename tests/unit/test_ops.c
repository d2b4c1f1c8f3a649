/* Hearing of changes, and raising alerts. */
#include "fixture_db.h"

#include "ops/alert.h"
#include "ops/changes.h"

struct heard {
    int calls;
    int rc;
};

static int hear(struct db *db, void *ctx)
{
    struct heard *h = ctx;
    (void)db;
    h->calls++;
    return h->rc;
}

static int bump(struct db *db, void *ctx, struct err *err)
{
    return db_changed(db, ctx, err);
}

static void write_ok(struct fixture *f, db_write_fn *fn, void *ctx)
{
    struct err err = {0};
    expect_ok(db_write(f->writer, fn, ctx, &err), &err);
}

static void poll_ok(struct changes *c, struct fixture *f)
{
    struct err err = {0};
    expect_ok(changes_poll(c, f->db, &err), &err);
}

static void a_watcher_hears_once_at_first_and_then_only_of_its_topic(void **state)
{
    struct fixture *f = *state;
    struct changes *c = changes_new();
    struct heard agents = {0};
    struct err err = {0};
    char topic_agents[] = "agents", topic_configs[] = "configs";
    expect_ok(changes_watch(c, "agents", hear, &agents, &err), &err);
    poll_ok(c, f);
    assert_int_equal(agents.calls, 1);
    poll_ok(c, f);
    assert_int_equal(agents.calls, 1);
    write_ok(f, bump, topic_configs);
    poll_ok(c, f);
    assert_int_equal(agents.calls, 1);
    write_ok(f, bump, topic_agents);
    write_ok(f, bump, topic_agents);
    poll_ok(c, f);
    assert_int_equal(agents.calls, 2);
    changes_free(c);
}

static void a_watcher_that_failed_is_called_again(void **state)
{
    struct fixture *f = *state;
    struct changes *c = changes_new();
    struct heard agents = {.rc = ERR_UNAVAILABLE};
    struct err err = {0};
    expect_ok(changes_watch(c, "agents", hear, &agents, &err), &err);
    poll_ok(c, f);
    poll_ok(c, f);
    assert_int_equal(agents.calls, 2);
    agents.rc = 0;
    poll_ok(c, f);
    poll_ok(c, f);
    assert_int_equal(agents.calls, 3);
    changes_free(c);
}

static void the_poller_starts_and_stops(void **state)
{
    struct fixture *f = *state;
    struct changes *c = changes_new();
    struct heard late = {0};
    struct err err = {0};
    expect_ok(changes_start(c, f->path, &err), &err);
    assert_int_equal(changes_watch(c, "agents", hear, &late, &err), ERR_TOO_BIG);
    changes_free(c);
}

static int raise_alert(struct db *db, void *ctx, struct err *err)
{
    return alert_raise(db, ctx, err);
}

static int64_t open_alerts(struct fixture *f)
{
    struct db_rows rows;
    struct err err = {0};
    assert_int_equal(db_query_one(f->db, DB_ALERT_OPEN_COUNT, DB_ARGS(DB_TEXT("viewer", NULL)), &rows, &err), DB_ROW);
    int64_t count = db_rows_int(&rows, 0, -1);
    db_rows_done(&rows);
    return count;
}

static int acknowledge_all(struct db *db, void *ctx, struct err *err)
{
    char ids[8][40];
    int count = 0;
    struct db_rows rows;
    (void)ctx;
    int rc = db_query(db, DB_ALERT_LIST, DB_ARGS(DB_TEXT("viewer", NULL), DB_INT("limit", 8)), &rows, err);
    while (rc == 0 && db_rows_next(&rows, err) == DB_ROW)
        (void)snprintf(ids[count++], sizeof ids[0], "%s", db_rows_text(&rows, 0));
    db_rows_done(&rows);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = db_exec(db, DB_ALERT_ACKNOWLEDGE, DB_ARGS(DB_TEXT("id", ids[i]), DB_TEXT("by", "me"), DB_INT("now", 9)),
                     NULL, err);
    return rc;
}

static void an_open_alert_is_not_doubled_and_an_acknowledged_one_may_come_again(void **state)
{
    struct fixture *f = *state;
    struct alert disk = {.kind = "disk", .message = "The disk is full.", .time_ms = 1000};
    struct alert other = {.kind = "other", .message = "Something else.", .time_ms = 1000};
    write_ok(f, raise_alert, &disk);
    write_ok(f, raise_alert, &disk);
    assert_int_equal(open_alerts(f), 1);
    write_ok(f, raise_alert, &other);
    assert_int_equal(open_alerts(f), 2);
    write_ok(f, acknowledge_all, NULL);
    assert_int_equal(open_alerts(f), 0);
    write_ok(f, raise_alert, &disk);
    assert_int_equal(open_alerts(f), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watcher_hears_once_at_first_and_then_only_of_its_topic),
        cmocka_unit_test(a_watcher_that_failed_is_called_again),
        cmocka_unit_test(the_poller_starts_and_stops),
        cmocka_unit_test(an_open_alert_is_not_doubled_and_an_acknowledged_one_may_come_again),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
