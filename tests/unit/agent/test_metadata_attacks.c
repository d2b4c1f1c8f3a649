#include "../unit.h"

#include "metadata_fixture.h"

static void what_is_not_signed_by_its_role_is_refused_and_the_rest_stays(void **state)
{
    struct fixture *f = *state;
    assert_refreshes(f);
    publish(f, 2, 2, 2);
    put(f, "timestamp.json", repo_timestamp(2, 2), "0");
    assert_refused(f, ERR_DENIED, "timestamp.json: 0 valid signatures");
    assert_stored(f, 0, 1, 1, 1); /* the first root is the pinned one */
    publish(f, 2, 2, 2);
    put(f, "2.snapshot.json", repo_snapshot(2, 2), "1");
    assert_refused(f, ERR_DENIED, "snapshot.json: 0 valid signatures");
    assert_stored(f, 0, 2, 1, 1);
    publish(f, 3, 2, 2);
    put(f, "2.targets.json", repo_targets(2), "2");
    assert_refused(f, ERR_DENIED, "targets.json: 0 valid signatures");
    assert_stored(f, 0, 3, 2, 1);
}

static void older_versions_are_refused(void **state)
{
    struct fixture *f = *state;
    publish(f, 2, 2, 2);
    assert_refreshes(f);
    publish(f, 1, 2, 2);
    assert_refused(f, ERR_DENIED, "timestamp.json: version 1 after 2 (rollback)");
    publish(f, 3, 1, 2);
    assert_refused(f, ERR_DENIED, "timestamp.json: snapshot 1 after 2 (rollback)");
    publish(f, 3, 3, 1);
    assert_refused(f, ERR_DENIED, "snapshot.json: targets.json 1 after 2 (rollback)");
    assert_int_equal(stored_version(f, "snapshot.json"), 2);
    assert_int_equal(stored_version(f, "targets.json"), 2);
}

static void a_role_that_is_gone_from_the_snapshot_is_a_rollback(void **state)
{
    struct fixture *f = *state;
    json_t *snapshot = repo_snapshot(1, 1);
    (void)json_object_set_new(json_object_get(snapshot, "meta"), "more.json", json_pack("{s:i}", "version", 1));
    put(f, "1.snapshot.json", snapshot, "2");
    assert_refreshes(f);
    publish(f, 2, 2, 1);
    assert_refused(f, ERR_DENIED, "snapshot.json: more.json is no longer in it");
}

static void another_timestamp_of_the_same_version_is_passed_over(void **state)
{
    struct fixture *f = *state;
    assert_refreshes(f);
    put(f, "timestamp.json", repo_timestamp(1, 100), "1");
    assert_refreshes(f);
    assert_string_equal(f->repo.asked, "2.root.json timestamp.json ");
}

static void expired_metadata_is_refused(void **state)
{
    struct fixture *f = *state;
    json_t *body = repo_timestamp(1, 1);
    (void)json_object_set_new(body, "expires", json_string(REPO_EXPIRED));
    put(f, "timestamp.json", body, "1");
    assert_refused(f, ERR_TIMEOUT, "timestamp.json: expired");
    assert_stored(f, 0, 0, 0, 0);
    put(f, "timestamp.json", repo_timestamp(1, 1), "1");
    body = repo_snapshot(1, 1);
    (void)json_object_set_new(body, "expires", json_string(REPO_EXPIRED));
    put(f, "1.snapshot.json", body, "2");
    assert_refused(f, ERR_TIMEOUT, "snapshot.json: expired");
    put(f, "1.snapshot.json", repo_snapshot(1, 1), "2");
    body = repo_targets(1);
    (void)json_object_set_new(body, "expires", json_string(REPO_EXPIRED));
    put(f, "1.targets.json", body, "3");
    assert_refused(f, ERR_TIMEOUT, "targets.json: expired");
    assert_stored(f, 0, 1, 1, 0);
}

static void a_repository_that_stands_still_is_noticed_when_the_timestamp_expires(void **state)
{
    struct fixture *f = *state;
    assert_refreshes(f);
    f->options.now_ms = INT64_C(1893456000000) - 1; /* of REPO_EXPIRES; root, snapshot and targets end then too */
    assert_refreshes(f);
    json_t *root = repo_root(&f->repo, 2);
    (void)json_object_set_new(root, "expires", json_string("2040-01-01T00:00:00Z"));
    put(f, "2.root.json", root, "0");
    f->options.now_ms++;
    assert_refused(f, ERR_TIMEOUT, "timestamp.json: expired on 2030-01-01T00:00:00.000Z");
}

static void files_of_different_times_do_not_go_together(void **state)
{
    struct fixture *f = *state;
    publish(f, 2, 2, 2);
    put(f, "2.snapshot.json", repo_snapshot(1, 1), "2");
    assert_refused(f, ERR_DENIED, "snapshot.json: version 1, not the 2 promised");
    publish(f, 2, 2, 2);
    put(f, "2.targets.json", repo_targets(1), "3");
    assert_refused(f, ERR_DENIED, "targets.json: version 1, not the 2 promised");
}

static void promised_hashes_are_held_to(void **state)
{
    struct fixture *f = *state;
    char zeros[65];
    memset(zeros, '0', 64);
    zeros[64] = '\0';
    const char *targets = repo_text(&f->repo, "1.targets.json");
    put(f, "1.snapshot.json", promise("snapshot", 1, "targets.json", 1, targets, zeros), "2");
    put(f, "timestamp.json", promise("timestamp", 1, "snapshot.json", 1, repo_text(&f->repo, "1.snapshot.json"), NULL),
        "1");
    assert_refused(f, ERR_DENIED, "targets.json: its sha256 is not the one promised");
    put(f, "2.snapshot.json", promise("snapshot", 2, "targets.json", 1, targets, NULL), "2");
    const char *snapshot = repo_text(&f->repo, "2.snapshot.json");
    put(f, "timestamp.json", promise("timestamp", 2, "snapshot.json", 2, snapshot, zeros), "1");
    assert_refused(f, ERR_DENIED, "snapshot.json: its sha256 is not the one promised");
    put(f, "timestamp.json", promise("timestamp", 3, "snapshot.json", 2, snapshot, NULL), "1");
    assert_refreshes(f);
}

static void a_file_longer_than_promised_is_cut_off(void **state)
{
    struct fixture *f = *state;
    const char *snapshot = repo_text(&f->repo, "1.snapshot.json");
    json_t *timestamp = promise("timestamp", 1, "snapshot.json", 1, snapshot, NULL);
    json_t *file = json_object_get(json_object_get(timestamp, "meta"), "snapshot.json");
    (void)json_object_set_new(file, "length", json_integer(20));
    put(f, "timestamp.json", json_deep_copy(timestamp), "1");
    assert_refused(f, ERR_TOO_BIG, "1.snapshot.json: more than 20 bytes");
    (void)json_object_set_new(file, "length", json_integer(1024 * 1024));
    (void)json_object_set_new(timestamp, "version", json_integer(2));
    put(f, "timestamp.json", timestamp, "1");
    assert_refused(f, ERR_TOO_BIG, "snapshot.json: promised with more than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_signed_by_its_role_is_refused_and_the_rest_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(older_versions_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_role_that_is_gone_from_the_snapshot_is_a_rollback, setup, teardown),
        cmocka_unit_test_setup_teardown(another_timestamp_of_the_same_version_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(expired_metadata_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_repository_that_stands_still_is_noticed_when_the_timestamp_expires, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(files_of_different_times_do_not_go_together, setup, teardown),
        cmocka_unit_test_setup_teardown(promised_hashes_are_held_to, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_longer_than_promised_is_cut_off, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
