#include "../unit.h"

#include "tuf/tuf_role.h"
#include "tuf_fixture.h"

static struct repo repo;

static int setup(void **state)
{
    (void)state;
    repo_make(&repo);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    repo_done(&repo);
    return 0;
}

static int parse(enum tuf_kind kind, const char *text, struct tuf_meta **ret, struct err *err)
{
    return tuf_meta_parse(kind, span_of(text), ret, err);
}

/* Takes body. */
static void assert_refused(enum tuf_kind kind, json_t *body, const char *why)
{
    struct tuf_meta *m = NULL;
    struct err err = {0};
    char *text = repo_sign(&repo, body, "0");
    assert_int_equal(parse(kind, text, &m, &err), ERR_INVALID);
    if (strstr(err.msg, why) == NULL)
        fail_msg("%s does not say %s", err.msg, why);
    assert_null(m);
    free(text);
}

static struct tuf_meta *assert_taken(enum tuf_kind kind, json_t *body, const char *signers)
{
    struct tuf_meta *m = NULL;
    struct err err = {0};
    char *text = repo_sign(&repo, body, signers);
    if (parse(kind, text, &m, &err) != 0)
        fail_msg("%s", err.msg);
    free(text);
    return m;
}

static json_t *with(json_t *body, const char *key, json_t *value)
{
    (void)json_object_set_new(body, key, value);
    return body;
}

static json_t *without(json_t *body, const char *key)
{
    assert_int_equal(json_object_del(body, key), 0);
    return body;
}

static json_t *targets_with(const char *path, json_t *target)
{
    json_t *body = repo_targets(1);
    (void)json_object_set_new(json_object_get(body, "targets"), path, target);
    return body;
}

static json_t *delegating(json_t *(*change)(json_t *role))
{
    json_t *body = repo_targets(1);
    repo_delegate(&repo, body, "first", "4", "*", false);
    repo_delegate(&repo, body, "second", "4", "*", false);
    json_t *roles = json_object_get(json_object_get(body, "delegations"), "roles");
    (void)change(json_array_get(roles, 1));
    return body;
}

static void the_four_kinds_are_read(void **state)
{
    (void)state;
    struct tuf_file file;
    struct tuf_meta *m = assert_taken(TUF_ROOT, repo_root(&repo, 7), "0");
    assert_int_equal(m->version, 7);
    assert_int_equal(m->expires_ms, INT64_C(1893456000000));
    assert_true(m->consistent_snapshot);
    tuf_meta_free(m);
    m = assert_taken(TUF_TIMESTAMP, repo_timestamp(3, 12), "1");
    assert_true(tuf_meta_file(m, "snapshot.json", &file));
    assert_int_equal(file.version, 12);
    assert_int_equal(file.length, -1);
    assert_null(file.hashes);
    tuf_meta_free(m);
    m = assert_taken(TUF_SNAPSHOT, repo_snapshot(3, 12), "1");
    assert_false(tuf_meta_file(m, "other.json", &file));
    tuf_meta_free(m);
    tuf_meta_free(assert_taken(TUF_TARGETS, repo_targets(1), ""));
}

static void what_all_kinds_have_must_be_there_and_right(void **state)
{
    (void)state;
    assert_refused(TUF_TIMESTAMP, without(repo_timestamp(1, 1), "_type"), "/signed/_type is missing");
    assert_refused(TUF_TIMESTAMP, repo_snapshot(1, 1), "/signed/_type must be \"timestamp\"");
    assert_refused(TUF_TIMESTAMP, without(repo_timestamp(1, 1), "spec_version"), "/signed/spec_version is missing");
    assert_refused(TUF_TIMESTAMP, with(repo_timestamp(1, 1), "spec_version", json_string("2.0.0")), "must be 1.x");
    assert_refused(TUF_TIMESTAMP, with(repo_timestamp(1, 1), "version", json_integer(0)), "/signed/version must be");
    assert_refused(TUF_TIMESTAMP, with(repo_timestamp(1, 1), "version", json_string("1")), "/signed/version must be");
    assert_refused(TUF_TIMESTAMP, with(repo_timestamp(1, 1), "version", json_integer(INT64_MAX)), "/signed/version");
    assert_refused(TUF_TIMESTAMP, with(repo_timestamp(1, 1), "expires", json_string("soon")), "/signed/expires");
    assert_refused(TUF_TIMESTAMP, without(repo_timestamp(1, 1), "meta"), "/signed/meta is missing");
}

static void text_that_is_no_metadata_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "null",
                                        "{\"signed\":{}}",
                                        "{\"signatures\":[],\"signed\":[]}",
                                        "{\"signatures\":[],\"signatures\":[],\"signed\":{}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tuf_meta *m = NULL;
        struct err err;
        assert_int_equal(parse(TUF_TIMESTAMP, texts[i], &m, &err), ERR_INVALID);
    }
}

static void a_key_id_that_signs_twice_is_refused(void **state)
{
    (void)state;
    struct tuf_meta *m = NULL;
    struct err err;
    char *text = repo_sign(&repo, repo_timestamp(1, 1), "101");
    assert_int_equal(parse(TUF_TIMESTAMP, text, &m, &err), ERR_INVALID);
    free(text);
}

static void a_root_names_the_keys_of_all_four_roles(void **state)
{
    (void)state;
    json_t *root = repo_root(&repo, 1);
    (void)json_object_del(json_object_get(root, "roles"), "snapshot");
    assert_refused(TUF_ROOT, root, "/signed/roles/snapshot is missing");
    root = repo_root(&repo, 1);
    repo_set_role(&repo, root, "targets", "3", 0);
    assert_refused(TUF_ROOT, root, "/signed/roles/targets/threshold");
    root = repo_root(&repo, 1);
    (void)json_object_set_new(json_object_get(root, "keys"), "x", json_pack("{s:s}", "keytype", "rsa"));
    assert_refused(TUF_ROOT, root, "/signed/keys/x/scheme is missing");
    assert_refused(TUF_ROOT, without(repo_root(&repo, 1), "keys"), "/signed/keys is missing");
    root = repo_root(&repo, 1);
    repo_set_role(&repo, root, "targets", "3", 9); /* can never be met, but that is for the signatures to say */
    tuf_meta_free(assert_taken(TUF_ROOT, root, "0"));
}

static void a_snapshot_lists_the_targets(void **state)
{
    (void)state;
    assert_refused(TUF_SNAPSHOT, with(repo_snapshot(1, 1), "meta", json_object()), "targets.json is missing");
    json_t *body = repo_snapshot(1, 1);
    (void)json_object_set_new(json_object_get(body, "meta"), "a.json", json_pack("{s:i}", "version", -1));
    assert_refused(TUF_SNAPSHOT, body, "a.json/version");
}

static void a_target_has_a_length_and_hashes(void **state)
{
    (void)state;
    assert_refused(TUF_TARGETS, targets_with("a", json_pack("{s:{s:s}}", "hashes", "sha256", "00")), "/a/length");
    assert_refused(TUF_TARGETS, targets_with("a", json_pack("{s:i}", "length", 1)), "/a/hashes");
    assert_refused(TUF_TARGETS, targets_with("a", json_pack("{s:i, s:{}}", "length", 1, "hashes")), "/a/hashes");
    assert_refused(TUF_TARGETS, targets_with("a", json_pack("{s:i, s:{s:s}}", "length", 1, "hashes", "sha256", "0g")),
                   "/hashes/sha256");
    assert_refused(TUF_TARGETS, targets_with("", json_pack("{s:i, s:{s:s}}", "length", 1, "hashes", "md5", "00")),
                   "is not a path");
    tuf_meta_free(assert_taken(
        TUF_TARGETS, targets_with("a", json_pack("{s:i, s:{s:s}}", "length", 1, "hashes", "md5", "00")), "3"));
}

static json_t *same_name(json_t *role)
{
    return with(role, "name", json_string("first"));
}

static json_t *top_level_name(json_t *role)
{
    return with(role, "name", json_string("root"));
}

static json_t *brackets(json_t *role)
{
    return with(role, "paths", json_pack("[s]", "[ab]*"));
}

static json_t *both_ways(json_t *role)
{
    return with(role, "path_hash_prefixes", json_pack("[s]", "0a"));
}

static json_t *unclear_end(json_t *role)
{
    return without(role, "terminating");
}

static void a_delegation_is_clear_about_what_it_gives(void **state)
{
    (void)state;
    assert_refused(TUF_TARGETS, delegating(same_name), "/roles/1/name is taken");
    assert_refused(TUF_TARGETS, delegating(top_level_name), "/roles/1/name is taken");
    assert_refused(TUF_TARGETS, delegating(brackets), "no brackets");
    assert_refused(TUF_TARGETS, delegating(both_ways), "must not stand beside");
    assert_refused(TUF_TARGETS, delegating(unclear_end), "terminating is missing");
    json_t *body = repo_targets(1);
    repo_delegate(&repo, body, "first", "4", "*", false);
    (void)json_object_set_new(json_object_get(body, "delegations"), "succinct_roles", json_object());
    assert_refused(TUF_TARGETS, body, "succinct_roles is not supported");
}

static void more_values_than_memory_allows_are_refused(void **state)
{
    (void)state;
    struct tuf_meta *m = NULL;
    struct err err;
    enum { COUNT = 100 * 1000 };
    char *text = malloc(3 * COUNT + 3);
    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + 1 + 3 * i, "{},", 3);
    (void)strcpy(text + 3 * COUNT, "]");
    assert_int_equal(parse(TUF_TARGETS, text, &m, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "values"));
    free(text);
}

static void a_promise_is_held_to_in_length_and_every_hash_we_know(void **state)
{
    (void)state;
    struct err err;
    struct span bytes = span_of("muster");
    char sha256[TUF_HEX_MAX];
    char sha512[TUF_HEX_MAX];
    assert_int_equal(tuf_digest_hex(TUF_SHA256, bytes, sha256, &err), 0);
    assert_int_equal(tuf_digest_hex(TUF_SHA512, bytes, sha512, &err), 0);
    json_t *hashes = json_pack("{s:s, s:s}", "sha256", sha256, "unknown", "x");
    struct tuf_file file = {.version = 1, .length = -1, .hashes = NULL};
    assert_int_equal(tuf_file_check(&file, bytes, &err), 0);
    file.length = 7;
    assert_int_equal(tuf_file_check(&file, bytes, &err), ERR_DENIED);
    file = (struct tuf_file){.version = 1, .length = 6, .hashes = hashes};
    assert_int_equal(tuf_file_check(&file, bytes, &err), 0);
    assert_int_equal(tuf_file_check(&file, span_of("Muster"), &err), ERR_DENIED);
    (void)json_object_set_new(hashes, "sha512", json_string(sha512));
    assert_int_equal(tuf_file_check(&file, bytes, &err), 0);
    (void)json_object_set_new(hashes, "sha512", json_string(sha256));
    assert_int_equal(tuf_file_check(&file, bytes, &err), ERR_DENIED);
    (void)json_object_del(hashes, "sha512");
    (void)json_object_del(hashes, "sha256");
    assert_int_equal(tuf_file_check(&file, bytes, &err), ERR_DENIED); /* only one that we do not know */
    json_decref(hashes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_kinds_are_read),
        cmocka_unit_test(what_all_kinds_have_must_be_there_and_right),
        cmocka_unit_test(text_that_is_no_metadata_is_refused),
        cmocka_unit_test(a_key_id_that_signs_twice_is_refused),
        cmocka_unit_test(a_root_names_the_keys_of_all_four_roles),
        cmocka_unit_test(a_snapshot_lists_the_targets),
        cmocka_unit_test(a_target_has_a_length_and_hashes),
        cmocka_unit_test(a_delegation_is_clear_about_what_it_gives),
        cmocka_unit_test(more_values_than_memory_allows_are_refused),
        cmocka_unit_test(a_promise_is_held_to_in_length_and_every_hash_we_know),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
