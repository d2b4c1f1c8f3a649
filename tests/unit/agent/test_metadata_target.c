#include "../unit.h"

#include "common/file.h"
#include "tempdir.h"
#include "tuf_fixture.h"

/* Targets: "top" in the top-level role, which delegates "a/<anything>" to role a and "b/<anything>" to role b, both of
 * which delegate the same on to role shared. */
struct fixture {
    struct tempdir dir;
    struct repo repo;
    struct metadata_options options;
    struct metadata *m;
    struct metadata_target found;
    struct err err;
};

static void put(struct fixture *f, const char *name, json_t *body, const char *signers)
{
    repo_put(&f->repo, name, repo_sign(&f->repo, body, signers));
}

static json_t *parent(struct fixture *f, const char *pattern, const char *child_signers)
{
    json_t *body = repo_targets(1);
    repo_delegate(&f->repo, body, "shared", child_signers, pattern, false);
    return body;
}

static void publish(struct fixture *f)
{
    json_t *top = repo_targets(1);
    repo_add_target(top, "top", 10);
    (void)json_object_set_new(top, "x_muster", json_pack("{s:[]}", "withdrawn"));
    repo_delegate(&f->repo, top, "a", "4", "a/*", false);
    repo_delegate(&f->repo, top, "b", "4", "b/*", false);
    json_t *shared = repo_targets(1);
    repo_add_target(shared, "a/file", 20);
    repo_add_target(shared, "b/file", 30);
    json_t *snapshot = repo_snapshot(1, 1);
    json_t *meta = json_object_get(snapshot, "meta");
    static const char *const names[] = {"a.json", "b.json", "shared.json"};
    for (size_t i = 0; i < 3; i++)
        (void)json_object_set_new(meta, names[i], json_pack("{s:i}", "version", 1));
    put(f, "1.root.json", repo_root(&f->repo, 1), "0");
    put(f, "timestamp.json", repo_timestamp(1, 1), "1");
    put(f, "1.snapshot.json", snapshot, "2");
    put(f, "1.targets.json", top, "3");
    put(f, "1.a.json", parent(f, "a/*", "4"), "4");
    put(f, "1.b.json", parent(f, "b/*", "5"), "4");
    put(f, "1.shared.json", shared, "4"); /* as a wants it, not as b does */
}

static void refresh(struct fixture *f)
{
    metadata_free(f->m);
    f->m = NULL;
    if (metadata_refresh(&f->options, &f->m, &f->err) != 0)
        fail_msg("%s", f->err.msg);
    f->repo.asked[0] = '\0';
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.m = NULL};
    tempdir_make(&f.dir);
    repo_make(&f.repo);
    publish(&f);
    const char *root = repo_text(&f.repo, "1.root.json");
    assert_int_equal(file_write(tempdir_path(&f.dir, "root.json"), root, strlen(root), 0600, &f.err), 0);
    f.options =
        (struct metadata_options){.dir = f.dir.path, .now_ms = REPO_NOW, .fetch = repo_fetch, .fetch_ctx = &f.repo};
    refresh(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    metadata_free(f->m);
    repo_done(&f->repo);
    tempdir_remove(&f->dir);
    return 0;
}

static int find(struct fixture *f, const char *path)
{
    return metadata_target(f->m, path, &f->found, &f->err);
}

static void a_target_comes_with_length_hash_and_custom(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "top"), 0);
    assert_string_equal(f->found.path, "top");
    assert_int_equal(f->found.length, 10);
    assert_int_equal(strlen(f->found.sha256), 64);
    assert_string_equal(f->found.sha512, "");
    assert_string_equal(json_string_value(json_object_get(f->found.custom, "product")), "muster-agent");
    assert_string_equal(f->repo.asked, "");
}

static void delegated_roles_are_asked_and_then_known(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "a/file"), 0);
    assert_int_equal(f->found.length, 20);
    assert_string_equal(f->repo.asked, "1.a.json 1.shared.json ");
    refresh(f);
    assert_int_equal(find(f, "a/file"), 0);
    assert_string_equal(f->repo.asked, "");
}

static void a_role_is_judged_by_who_delegates_to_it_however_it_was_judged_before(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "a/file"), 0);
    assert_int_equal(find(f, "b/file"), ERR_DENIED);
    assert_non_null(strstr(f->err.msg, "shared.json: 0 valid signatures"));
    assert_int_equal(find(f, "a/file"), 0);
}

static void what_nobody_has_is_not_found(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "a/other"), ERR_NOT_FOUND);
    assert_string_equal(f->err.msg, "no target a/other");
    assert_int_equal(find(f, "c/file"), ERR_NOT_FOUND);
    assert_int_equal(find(f, ""), ERR_NOT_FOUND);
}

static void a_role_that_is_missing_ends_the_search(void **state)
{
    struct fixture *f = *state;
    repo_put(&f->repo, "1.shared.json", NULL);
    assert_int_equal(find(f, "a/file"), ERR_NOT_FOUND);
    assert_string_equal(f->err.msg, "1.shared.json: 404");
    f->found.length = -1;
    put(f, "1.shared.json", repo_targets(2), "4");
    assert_int_equal(find(f, "a/file"), ERR_DENIED);
    assert_int_equal(f->found.length, -1);
}

static void a_role_that_the_snapshot_does_not_list_is_not_even_asked_for(void **state)
{
    struct fixture *f = *state;
    json_t *top = repo_targets(2);
    repo_delegate(&f->repo, top, "../c", "4", "c/*", false);
    json_t *snapshot = repo_snapshot(2, 2);
    json_t *meta = json_object_get(snapshot, "meta");
    static const char *const names[] = {"a.json", "b.json", "shared.json"};
    for (size_t i = 0; i < 3; i++)
        (void)json_object_set_new(meta, names[i], json_pack("{s:i}", "version", 1));
    put(f, "timestamp.json", repo_timestamp(2, 2), "1");
    put(f, "2.snapshot.json", json_deep_copy(snapshot), "2");
    put(f, "2.targets.json", top, "3");
    refresh(f);
    assert_int_equal(find(f, "c/file"), ERR_NOT_FOUND);
    assert_string_equal(f->repo.asked, "");

    (void)json_object_set_new(meta, "../c.json", json_pack("{s:i}", "version", 1));
    (void)json_object_set_new(snapshot, "version", json_integer(3));
    put(f, "timestamp.json", repo_timestamp(3, 3), "1");
    put(f, "3.snapshot.json", snapshot, "2");
    put(f, "1...%2Fc.json", repo_targets(1), "4");
    refresh(f);
    assert_int_equal(find(f, "c/file"), ERR_NOT_FOUND);
    assert_string_equal(f->repo.asked, "1...%2Fc.json ");
    assert_int_equal(access(tempdir_path(&f->dir, "..%2Fc.json"), F_OK), 0);
}

static void without_the_network_only_stored_roles_are_looked_into(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "a/file"), 0);
    metadata_free(f->m);
    f->m = NULL;
    assert_int_equal(metadata_load(&f->options, &f->m, &f->err), 0);
    f->repo.asked[0] = '\0';
    assert_int_equal(find(f, "a/file"), 0);
    assert_int_equal(find(f, "b/file"), ERR_NOT_FOUND);
    assert_string_equal(f->repo.asked, "");
}

static int count(void *ctx, const struct metadata_target *target)
{
    *(int64_t *)ctx += target->length;
    return target->length == 11 ? 7 : 0;
}

static void the_top_level_can_be_walked_through(void **state)
{
    struct fixture *f = *state;
    int64_t sum = 0;
    assert_int_equal(metadata_each(f->m, count, &sum), 0);
    assert_int_equal(sum, 10);
    json_t *top = repo_targets(2);
    repo_add_target(top, "one", 11);
    repo_add_target(top, "two", 11);
    json_t *strange = json_pack("{s:i, s:{s:s}}", "length", 5, "hashes", "md5", "00");
    (void)json_object_set_new(json_object_get(top, "targets"), "0", strange);
    json_t *snapshot = json_loads(repo_text(&f->repo, "1.snapshot.json"), 0, NULL);
    json_t *body = json_incref(json_object_get(snapshot, "signed"));
    json_decref(snapshot);
    (void)json_object_set_new(body, "version", json_integer(2));
    (void)json_object_set_new(json_object_get(body, "meta"), "targets.json", json_pack("{s:i}", "version", 2));
    put(f, "timestamp.json", repo_timestamp(2, 2), "1");
    put(f, "2.snapshot.json", body, "2");
    put(f, "2.targets.json", top, "3");
    refresh(f);
    sum = 0;
    assert_int_equal(metadata_each(f->m, count, &sum), 7);
    assert_int_equal(sum, 11);
    assert_int_equal(find(f, "0"), ERR_INVALID);
}

static void fields_of_our_own_are_given_out(void **state)
{
    struct fixture *f = *state;
    assert_true(json_is_array(json_object_get(metadata_extra(f->m, "x_muster"), "withdrawn")));
    assert_null(metadata_extra(f->m, "x_other"));
}

static void the_hash_stands_before_the_last_part_of_the_name(void **state)
{
    struct fixture *f = *state;
    struct buf name;
    struct metadata_target target = {.path = "0.2.0/agent linux", .sha256 = "abc"};
    buf_init(&name, 2000);
    assert_int_equal(metadata_target_name(f->m, &target, &name, &f->err), 0);
    assert_string_equal(buf_str(&name), "0.2.0/abc.agent%20linux");
    buf_clear(&name);
    target = (struct metadata_target){.path = "agent", .sha512 = "def"};
    assert_int_equal(metadata_target_name(f->m, &target, &name, &f->err), 0);
    assert_string_equal(buf_str(&name), "def.agent");
    buf_done(&name);
}

static void a_root_can_be_checked_before_it_is_pinned(void **state)
{
    struct fixture *f = *state;
    char fingerprint[METADATA_SHA256_SIZE];
    char digest[TUF_HEX_MAX];
    struct span root = repo_span(&f->repo, "1.root.json");
    assert_int_equal(metadata_root_check(root.ptr, root.len, fingerprint, &f->err), 0);
    assert_int_equal(tuf_digest_hex(TUF_SHA256, root, digest, &f->err), 0);
    assert_string_equal(fingerprint, digest);
    put(f, "2.root.json", repo_root(&f->repo, 2), "1");
    root = repo_span(&f->repo, "2.root.json");
    assert_int_equal(metadata_root_check(root.ptr, root.len, fingerprint, &f->err), ERR_DENIED);
    assert_int_equal(metadata_root_check("{}", 2, fingerprint, &f->err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_target_comes_with_length_hash_and_custom, setup, teardown),
        cmocka_unit_test_setup_teardown(delegated_roles_are_asked_and_then_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_role_is_judged_by_who_delegates_to_it_however_it_was_judged_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_nobody_has_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_role_that_is_missing_ends_the_search, setup, teardown),
        cmocka_unit_test_setup_teardown(a_role_that_the_snapshot_does_not_list_is_not_even_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(without_the_network_only_stored_roles_are_looked_into, setup, teardown),
        cmocka_unit_test_setup_teardown(the_top_level_can_be_walked_through, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_of_our_own_are_given_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_hash_stands_before_the_last_part_of_the_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_root_can_be_checked_before_it_is_pinned, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
