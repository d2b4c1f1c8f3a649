#include "../unit.h"

#include <signal.h>
#include <sys/resource.h>

#include "metadata_fixture.h"

/* --- the ordinary way --- */

static void a_refresh_brings_everything_and_keeps_it_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    assert_refreshes(f);
    assert_string_equal(f->repo.asked, "2.root.json timestamp.json 1.snapshot.json 1.targets.json ");
    assert_int_equal(file_read(path_of(f, "targets.json"), REPO_TEXT_MAX, &text, NULL, &f->err), 0);
    assert_string_equal(text, repo_text(&f->repo, "1.targets.json"));
    free(text);
}

static void with_nothing_new_two_requests_do(void **state)
{
    struct fixture *f = *state;
    assert_refreshes(f);
    assert_refreshes(f);
    assert_string_equal(f->repo.asked, "2.root.json timestamp.json ");
}

static void new_versions_are_taken(void **state)
{
    struct fixture *f = *state;
    assert_refreshes(f);
    publish(f, 5, 3, 2);
    assert_refreshes(f);
    assert_int_equal(stored_version(f, "timestamp.json"), 5);
    assert_int_equal(stored_version(f, "snapshot.json"), 3);
    assert_int_equal(stored_version(f, "targets.json"), 2);
}

static void without_consistent_snapshots_names_have_no_version(void **state)
{
    struct fixture *f = *state;
    json_t *root = repo_root(&f->repo, 2);
    (void)json_object_set_new(root, "consistent_snapshot", json_false());
    put(f, "2.root.json", root, "0");
    put(f, "snapshot.json", repo_snapshot(1, 1), "2");
    put(f, "targets.json", repo_targets(1), "3");
    assert_refreshes(f);
    assert_string_equal(f->repo.asked, "2.root.json 3.root.json timestamp.json snapshot.json targets.json ");
}

static void without_the_network_what_is_stored_serves_as_long_as_it_is_fresh(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(metadata_load(&f->options, &f->m, &f->err), ERR_NOT_FOUND);
    assert_refreshes(f);
    metadata_free(f->m);
    f->m = NULL;
    f->repo.asked[0] = '\0';
    assert_int_equal(metadata_load(&f->options, &f->m, &f->err), 0);
    assert_string_equal(f->repo.asked, "");
    metadata_free(f->m);
    f->m = NULL;
    f->options.now_ms += INT64_C(10) * 365 * 86400 * 1000;
    assert_int_equal(metadata_load(&f->options, &f->m, &f->err), ERR_TIMEOUT);
}

/* --- the root --- */

static void without_a_root_nothing_is_asked(void **state)
{
    struct fixture *f = *state;
    f->options.pinned_root = NULL;
    assert_refused(f, ERR_CORRUPT, "no trusted root");
    f->options.pinned_root = path_of(f, "missing.json");
    assert_refused(f, ERR_CORRUPT, "no trusted root");
    assert_string_equal(f->repo.asked, "");
}

static void a_damaged_root_gives_way_to_the_pinned_one(void **state)
{
    struct fixture *f = *state;
    put(f, "2.root.json", repo_root(&f->repo, 2), "0");
    assert_refreshes(f);
    assert_int_equal(file_write(path_of(f, "root.json"), "{", 1, 0600, &f->err), 0);
    assert_refreshes(f);
    assert_stored(f, 2, 1, 1, 1);
    f->options.pinned_root = NULL;
    assert_int_equal(file_write(path_of(f, "root.json"), "{", 1, 0600, &f->err), 0);
    assert_refused(f, ERR_CORRUPT, "no trusted root");
}

static void roots_are_followed_one_by_one_each_signed_by_the_one_before(void **state)
{
    struct fixture *f = *state;
    json_t *root = repo_root(&f->repo, 2);
    repo_set_role(&f->repo, root, "root", "045", 2);
    put(f, "2.root.json", root, "045");
    root = repo_root(&f->repo, 3);
    repo_set_role(&f->repo, root, "root", "45", 1);
    put(f, "3.root.json", root, "45");
    assert_refreshes(f);
    assert_stored(f, 3, 1, 1, 1);
    put(f, "4.root.json", repo_root(&f->repo, 4), "0"); /* by a key that no longer counts */
    assert_refused(f, ERR_DENIED, "root.json: 0 valid signatures of the 1");
    assert_stored(f, 3, 1, 1, 1);
}

static void a_root_signed_by_the_old_keys_alone_or_of_another_version_is_refused(void **state)
{
    struct fixture *f = *state;
    json_t *root = repo_root(&f->repo, 2);
    repo_set_role(&f->repo, root, "root", "4", 1);
    put(f, "2.root.json", root, "0");
    assert_refused(f, ERR_DENIED, "root.json: 0 valid signatures");
    put(f, "2.root.json", repo_root(&f->repo, 3), "0");
    assert_refused(f, ERR_DENIED, "version 3 where 2 was asked for");
    put(f, "2.root.json", repo_root(&f->repo, 1), "0");
    assert_refused(f, ERR_DENIED, "version 1 where 2 was asked for");
    repo_put(&f->repo, "2.root.json", NULL);
    assert_refreshes(f); /* nothing stays of it */
}

static void the_last_root_must_not_have_expired_but_those_before_may(void **state)
{
    struct fixture *f = *state;
    json_t *root = repo_root(&f->repo, 2);
    (void)json_object_set_new(root, "expires", json_string(REPO_EXPIRED));
    put(f, "2.root.json", root, "0");
    assert_refused(f, ERR_TIMEOUT, "root.json: expired on 2026-01-01T00:00:00.000Z");
    assert_stored(f, 2, 0, 0, 0);
    put(f, "3.root.json", repo_root(&f->repo, 3), "0");
    assert_refreshes(f);
}

/* The next root of whatever version is asked for, and the rest as it is. */
static int endless_roots(void *ctx, const char *name, size_t max_bytes, struct buf *ret, struct err *err)
{
    struct repo *repo = ctx;
    int version = 0;
    if (sscanf(name, "%d.root.json", &version) != 1 || strstr(name, "root") == NULL)
        return repo_fetch(ctx, name, max_bytes, ret, err);
    char *text = repo_sign(repo, repo_root(repo, version), "0");
    buf_adds(ret, text);
    free(text);
    return 0;
}

static void roots_without_end_are_left_after_256(void **state)
{
    struct fixture *f = *state;
    f->options.fetch = endless_roots;
    assert_refreshes(f);
    assert_int_equal(stored_version(f, "root.json"), 257);
}

/* --- recovery --- */

static void a_rotated_snapshot_key_lets_versions_start_anew(void **state)
{
    struct fixture *f = *state;
    publish(f, 100, 100, 100);
    assert_refreshes(f);
    json_t *root = repo_root(&f->repo, 2);
    repo_set_role(&f->repo, root, "snapshot", "4", 1);
    repo_set_role(&f->repo, root, "timestamp", "5", 1);
    put(f, "2.root.json", root, "0");
    put(f, "timestamp.json", repo_timestamp(1, 1), "5");
    put(f, "1.snapshot.json", repo_snapshot(1, 1), "4");
    assert_refreshes(f);
    assert_stored(f, 2, 1, 1, 1);
}

/* Even when another key may still sign: it is what the specification says, §5.3.11. */
static void a_key_taken_away_from_timestamp_or_snapshot_forgets_both(void **state)
{
    struct fixture *f = *state;
    static const char *const roles[] = {"timestamp", "snapshot"};
    static const char *const signers[] = {"14", "24"};
    for (int i = 0; i < 2; i++) {
        char name[32];
        json_t *root = repo_root(&f->repo, 2 + 2 * i);
        repo_set_role(&f->repo, root, roles[i], signers[i], 1);
        (void)snprintf(name, sizeof name, "%d.root.json", 2 + 2 * i);
        put(f, name, root, "0");
        publish(f, 100, 100, 100);
        assert_refreshes(f);
        (void)snprintf(name, sizeof name, "%d.root.json", 3 + 2 * i);
        put(f, name, repo_root(&f->repo, 3 + 2 * i), "0"); /* 4 is gone, the other one stays */
        repo_put(&f->repo, "timestamp.json", NULL);
        assert_refused(f, ERR_NOT_FOUND, "timestamp.json: 404");
        assert_stored(f, 3 + 2 * i, 0, 0, 100);
        publish(f, 1, 1, 1);
        assert_refreshes(f);
        assert_stored(f, 3 + 2 * i, 1, 1, 1);
    }
}

/* The limit stands for the power cut: it stops the first write, after what was removed before it. */
static void what_a_rotation_ends_is_gone_before_the_root_that_says_so_is_kept(void **state)
{
    struct fixture *f = *state;
    struct rlimit unlimited;
    publish(f, 100, 100, 100);
    assert_refreshes(f);
    json_t *root = repo_root(&f->repo, 2);
    repo_set_role(&f->repo, root, "timestamp", "4", 1);
    put(f, "2.root.json", root, "0");
    put(f, "timestamp.json", repo_timestamp(1, 1), "4");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 10, .rlim_max = unlimited.rlim_max}), 0);
    int rc = refresh(f);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    assert_int_equal(rc, ERR_IO);
    assert_stored(f, 0, 0, 0, 100);
    assert_refreshes(f);
    assert_stored(f, 2, 1, 1, 1);
}

static void a_key_that_comes_in_forgets_nothing(void **state)
{
    struct fixture *f = *state;
    publish(f, 2, 2, 2);
    assert_refreshes(f);
    json_t *root = repo_root(&f->repo, 2);
    repo_set_role(&f->repo, root, "timestamp", "14", 1);
    put(f, "2.root.json", root, "0");
    publish(f, 1, 1, 1);
    assert_refused(f, ERR_DENIED, "timestamp.json: version 1 after 2 (rollback)");
}

static void a_lost_timestamp_does_not_let_the_snapshot_go_back(void **state)
{
    struct fixture *f = *state;
    publish(f, 5, 5, 1);
    assert_refreshes(f);
    assert_int_equal(unlink(path_of(f, "timestamp.json")), 0);
    publish(f, 1, 3, 1);
    assert_refused(f, ERR_DENIED, "snapshot.json: version 3 after 5 (rollback)");
}

static void a_stored_snapshot_that_is_not_the_promised_one_is_fetched_anew(void **state)
{
    struct fixture *f = *state;
    assert_refreshes(f);
    json_t *other = repo_snapshot(1, 1);
    (void)json_object_set_new(other, "expires", json_string("2031-01-01T00:00:00Z"));
    put(f, "1.snapshot.json", other, "2");
    put(f, "timestamp.json", promise("timestamp", 2, "snapshot.json", 1, repo_text(&f->repo, "1.snapshot.json"), NULL),
        "1");
    assert_refreshes(f);
    assert_string_equal(f->repo.asked, "2.root.json timestamp.json 1.snapshot.json ");
    assert_refreshes(f);
    assert_string_equal(f->repo.asked, "2.root.json timestamp.json ");
}

static void damaged_stored_files_are_fetched_anew(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"timestamp.json", "snapshot.json", "targets.json"};
    assert_refreshes(f);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(file_write(path_of(f, names[i]), "{\"signed\":", 10, 0600, &f->err), 0);
        assert_refreshes(f);
        assert_int_equal(stored_version(f, names[i]), 1);
    }
}

static int fail_on(void *ctx, const char *name, size_t max_bytes, struct buf *ret, struct err *err)
{
    struct repo *repo = ctx;
    if (strcmp(name, repo->files[0].name) == 0)
        return err_set(err, ERR_UNAVAILABLE, "no route");
    return repo_fetch(ctx, name, max_bytes, ret, err);
}

static void a_network_that_breaks_anywhere_is_told_and_does_no_harm(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"};
    f->options.fetch = fail_on;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char message[64];
        (void)snprintf(f->repo.files[0].name, sizeof f->repo.files[0].name, "%s", names[i]);
        (void)snprintf(message, sizeof message, "%s: no route", names[i]);
        assert_refused(f, ERR_UNAVAILABLE, message);
    }
    f->options.fetch = repo_fetch;
    f->repo.files[0].name[0] = '\0';
    assert_refreshes(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refresh_brings_everything_and_keeps_it_byte_for_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(with_nothing_new_two_requests_do, setup, teardown),
        cmocka_unit_test_setup_teardown(new_versions_are_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(without_consistent_snapshots_names_have_no_version, setup, teardown),
        cmocka_unit_test_setup_teardown(without_the_network_what_is_stored_serves_as_long_as_it_is_fresh, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_root_nothing_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_root_gives_way_to_the_pinned_one, setup, teardown),
        cmocka_unit_test_setup_teardown(roots_are_followed_one_by_one_each_signed_by_the_one_before, setup, teardown),
        cmocka_unit_test_setup_teardown(a_root_signed_by_the_old_keys_alone_or_of_another_version_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_last_root_must_not_have_expired_but_those_before_may, setup, teardown),
        cmocka_unit_test_setup_teardown(roots_without_end_are_left_after_256, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rotated_snapshot_key_lets_versions_start_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_taken_away_from_timestamp_or_snapshot_forgets_both, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_rotation_ends_is_gone_before_the_root_that_says_so_is_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_key_that_comes_in_forgets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_timestamp_does_not_let_the_snapshot_go_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stored_snapshot_that_is_not_the_promised_one_is_fetched_anew, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(damaged_stored_files_are_fetched_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_network_that_breaks_anywhere_is_told_and_does_no_harm, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
