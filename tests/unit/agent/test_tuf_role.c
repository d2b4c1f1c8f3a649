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

/* The role of the timestamp in a root whose keys and key ids the test gives (both taken), as a role in memory. */
static struct tuf_role role_of(json_t *keys, json_t *keyids, int threshold)
{
    return (struct tuf_role){.keys = keys, .keyids = keyids, .threshold = threshold};
}

/* Whether a timestamp that these signed is good for the role. Takes the role. */
static int verify(struct tuf_role role, const char *signers, struct err *err)
{
    struct tuf_meta *m = NULL;
    char *text = repo_sign(&repo, repo_timestamp(1, 1), signers);
    assert_int_equal(tuf_meta_parse(TUF_TIMESTAMP, span_of(text), &m, err), 0);
    free(text);
    int rc = tuf_role_verify(&role, m, err);
    tuf_meta_free(m);
    tuf_role_done(&role);
    return rc;
}

static int verify_plain(const char *may, int threshold, const char *signers)
{
    struct err err;
    return verify(role_of(repo_keys(&repo), repo_keyids(&repo, may), threshold), signers, &err);
}

static void a_threshold_of_different_keys_must_have_signed(void **state)
{
    (void)state;
    assert_int_equal(verify_plain("1", 1, "1"), 0);
    assert_int_equal(verify_plain("123", 2, "13"), 0);
    assert_int_equal(verify_plain("123", 2, "0453"), ERR_DENIED);
    assert_int_equal(verify_plain("123", 2, "2"), ERR_DENIED);
    assert_int_equal(verify_plain("123", 1, ""), ERR_DENIED);
    assert_int_equal(verify_plain("1", 1, "0"), ERR_DENIED);
    assert_int_equal(verify_plain("12", 3, "12"), ERR_DENIED);
}

static void a_key_that_is_listed_twice_counts_once(void **state)
{
    (void)state;
    assert_int_equal(verify_plain("111", 2, "1"), ERR_DENIED);
    assert_int_equal(verify_plain("112", 2, "12"), 0);
}

static void a_signature_that_does_not_fit_is_passed_over(void **state)
{
    (void)state;
    struct err err;
    struct tuf_meta *m = NULL;
    json_t *body = repo_timestamp(1, 1);
    json_t *other = repo_timestamp(2, 1);
    json_t *signatures = json_array();
    (void)json_array_append_new(signatures, repo_signature(&repo.signers[1], other)); /* good, of another text */
    (void)json_array_append_new(signatures, repo_signature(&repo.signers[2], body));
    (void)json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", repo.signers[3].keyid, "sig", ""));
    (void)json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", repo.signers[4].keyid, "sig", "zz"));
    json_t *whole = json_pack("{s:o, s:o}", "signatures", signatures, "signed", body);
    char *text = json_dumps(whole, 0);
    assert_int_equal(tuf_meta_parse(TUF_TIMESTAMP, span_of(text), &m, &err), 0);
    struct tuf_role role = role_of(repo_keys(&repo), repo_keyids(&repo, "1234"), 1);
    assert_int_equal(tuf_role_verify(&role, m, &err), 0);
    role.threshold = 2;
    assert_int_equal(tuf_role_verify(&role, m, &err), ERR_DENIED);
    assert_string_equal(err.msg, "1 valid signatures of the 2 that are asked for");
    tuf_role_done(&role);
    tuf_meta_free(m);
    json_decref(whole);
    json_decref(other);
    free(text);
}

static void a_key_whose_id_is_not_its_hash_does_not_count(void **state)
{
    (void)state;
    struct err err;
    json_t *keys = repo_keys(&repo);
    (void)json_object_set(keys, repo.signers[1].keyid, repo.signers[0].key);
    assert_int_equal(verify(role_of(keys, repo_keyids(&repo, "1"), 1), "1", &err), ERR_DENIED);
    keys = repo_keys(&repo);
    json_t *changed = json_deep_copy(repo.signers[1].key);
    (void)json_object_set_new(changed, "x-owner", json_string("somebody"));
    (void)json_object_set_new(keys, repo.signers[1].keyid, changed);
    assert_int_equal(verify(role_of(keys, repo_keyids(&repo, "1"), 1), "1", &err), ERR_DENIED);
}

/* With another field beside, the same key has another id; its owner must not sign for two. */
static void one_key_under_two_ids_counts_once(void **state)
{
    (void)state;
    struct err err;
    uint8_t digest[32];
    struct repo_signer twin = repo.signers[1]; /* borrows its private key */
    twin.key = json_deep_copy(repo.signers[1].key);
    (void)json_object_set_new(twin.key, "x-owner", json_string("somebody"));
    repo_hash_canonical(twin.key, digest);
    hex_encode(digest, sizeof digest, twin.keyid);

    json_t *keys = repo_keys(&repo);
    (void)json_object_set_new(keys, twin.keyid, twin.key);
    json_t *keyids = repo_keyids(&repo, "1");
    (void)json_array_append_new(keyids, json_string(twin.keyid));
    json_t *body = repo_timestamp(1, 1);
    json_t *whole = json_pack("{s:[o,o], s:o}", "signatures", repo_signature(&repo.signers[1], body),
                              repo_signature(&twin, body), "signed", body);
    char *text = json_dumps(whole, 0);
    struct tuf_meta *m = NULL;
    assert_int_equal(tuf_meta_parse(TUF_TIMESTAMP, span_of(text), &m, &err), 0);
    struct tuf_role role = role_of(keys, keyids, 2);
    assert_int_equal(tuf_role_verify(&role, m, &err), ERR_DENIED);
    role.threshold = 1;
    assert_int_equal(tuf_role_verify(&role, m, &err), 0);
    tuf_role_done(&role);
    tuf_meta_free(m);
    json_decref(whole);
    free(text);
}

static void keys_of_unknown_kinds_are_passed_over(void **state)
{
    (void)state;
    struct err err;
    json_t *keys = repo_keys(&repo);
    (void)json_object_set_new(keys, "strange",
                              json_pack("{s:s, s:s, s:{}}", "keytype", "ed25519", "scheme", "ed25519", "keyval"));
    json_t *keyids = repo_keyids(&repo, "1");
    (void)json_array_append_new(keyids, json_string("strange"));
    assert_int_equal(verify(role_of(keys, keyids, 1), "1", &err), 0);
}

static void a_role_has_rotated_when_a_key_is_gone_not_when_one_came(void **state)
{
    (void)state;
    struct tuf_role one = role_of(json_object(), repo_keyids(&repo, "1"), 1);
    struct tuf_role both = role_of(json_object(), repo_keyids(&repo, "21"), 1);
    struct tuf_role other = role_of(json_object(), repo_keyids(&repo, "2"), 1);
    assert_false(tuf_role_rotated(&one, &one));
    assert_false(tuf_role_rotated(&one, &both));
    assert_true(tuf_role_rotated(&both, &one));
    assert_true(tuf_role_rotated(&one, &other));
    tuf_role_done(&one);
    tuf_role_done(&both);
    tuf_role_done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_threshold_of_different_keys_must_have_signed),
        cmocka_unit_test(a_key_that_is_listed_twice_counts_once),
        cmocka_unit_test(a_signature_that_does_not_fit_is_passed_over),
        cmocka_unit_test(a_key_whose_id_is_not_its_hash_does_not_count),
        cmocka_unit_test(one_key_under_two_ids_counts_once),
        cmocka_unit_test(keys_of_unknown_kinds_are_passed_over),
        cmocka_unit_test(a_role_has_rotated_when_a_key_is_gone_not_when_one_came),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
