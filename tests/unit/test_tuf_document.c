/* Keys, documents and thresholds of the update repository. */
#include "fixture_db.h"

#include <jansson.h>
#include <sys/stat.h>

#include "common/canonjson.h"
#include "common/file.h"
#include "update/tuf_document.h"

#define NOW INT64_C(1750000000000)

static struct tuf_key *new_key(void)
{
    struct tuf_key *key = NULL;
    struct err err = {0};
    expect_ok(tuf_key_generate(&key, &err), &err);
    return key;
}

static void give_role(json_t *root_signed, enum tuf_role role, struct tuf_keyring *ring, int64_t threshold)
{
    json_t *keys = json_object();
    struct err err = {0};
    for (size_t i = 0; i < ring->count; i++)
        assert_int_equal(json_object_set_new(keys, tuf_key_id(ring->keys[i]), tuf_key_json(ring->keys[i])), 0);
    expect_ok(tuf_root_set_role(root_signed, role, keys, threshold, &err), &err);
    json_decref(keys);
}

static void fill_ring(struct tuf_keyring *ring, int count)
{
    struct err err = {0};
    for (int i = 0; i < count; i++)
        expect_ok(tuf_keyring_take(ring, new_key(), &err), &err);
}

/* A root whose every role has the ring's keys. */
static json_t *new_root(struct tuf_keyring *ring, int64_t threshold)
{
    json_t *signed_part = tuf_signed_new(TUF_ROOT, 1, NOW);
    assert_int_equal(json_object_set_new(signed_part, "consistent_snapshot", json_true()), 0);
    for (int i = 0; i < TUF_ROLES; i++)
        give_role(signed_part, (enum tuf_role)i, ring, threshold);
    return tuf_document_new(signed_part);
}

static json_t *new_targets(void)
{
    json_t *signed_part = tuf_signed_new(TUF_TARGETS, 1, NOW);
    assert_int_equal(json_object_set_new(signed_part, "targets", json_object()), 0);
    return tuf_document_new(signed_part);
}

/* --- keys --- */

static void a_key_in_a_file_is_the_key_it_was(void **state)
{
    struct fixture *f = *state;
    struct tuf_key *key = new_key(), *again = NULL, *public_half = NULL;
    struct err err = {0};
    struct stat st;
    char path[200], public_path[200], signature[TUF_SIGNATURE_SIZE];
    expect_ok(tuf_key_write(key, f->dir, "root", true, path, sizeof path, &err), &err);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    expect_ok(tuf_key_read(path, &again, &err), &err);
    (void)snprintf(public_path, sizeof public_path, "%.*s.pub", (int)(strlen(path) - 4), path);
    expect_ok(tuf_key_read_public(public_path, &public_half, &err), &err);
    assert_string_equal(tuf_key_id(again), tuf_key_id(key));
    assert_string_equal(tuf_key_id(public_half), tuf_key_id(key));
    assert_string_equal(tuf_key_path(again), path);
    expect_ok(tuf_key_sign(again, "text", 4, signature, &err), &err);
    assert_true(tuf_key_verify(public_half, "text", 4, signature));
    assert_false(tuf_key_verify(public_half, "texT", 4, signature));
    assert_int_equal(tuf_key_sign(public_half, "text", 4, signature, &err), ERR_INTERNAL);
    tuf_key_free(key);
    tuf_key_free(again);
    tuf_key_free(public_half);
}

static void the_id_is_the_hash_of_the_canonical_key(void **state)
{
    (void)state;
    struct tuf_key *key = new_key();
    json_t *json = tuf_key_json(key);
    struct buf text;
    struct err err = {0};
    char id[DIGEST_HEX_SIZE];
    buf_init(&text, 4096);
    expect_ok(canonjson_encode(json, &text, &err), &err);
    digest_sha256_hex(text.data, text.len, id);
    assert_string_equal(id, tuf_key_id(key));
    buf_done(&text);
    json_decref(json);
    tuf_key_free(key);
}

static void a_private_key_that_others_can_read_is_not_used(void **state)
{
    struct fixture *f = *state;
    struct tuf_key *key = new_key(), *again = NULL;
    struct tuf_keyring ring = {0};
    struct err err = {0};
    char path[200];
    expect_ok(tuf_key_write(key, f->dir, "root", false, path, sizeof path, &err), &err);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(tuf_key_read(path, &again, &err), ERR_DENIED);
    assert_int_equal(tuf_keyring_load(f->dir, "root-", &ring, &err), ERR_DENIED);
    tuf_keyring_done(&ring);
    expect_ok(tuf_keyring_load(f->dir, "targets-", &ring, &err), &err);
    expect_ok(tuf_keyring_load("/nowhere/at/all", "", &ring, &err), &err);
    assert_int_equal(ring.count, 0);
    tuf_key_free(key);
}

static void keys_of_another_kind_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{}", "[]", "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"aa\"}}",
        "{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp256\",\"keyval\":{\"public\":\"aa\"}}",
        "{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp256\",\"keyval\":{}}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *json = json_loads(wrong[i], 0, NULL);
        struct tuf_key *key = NULL;
        struct err err = {0};
        assert_int_equal(tuf_key_from_json(json, &key, &err), ERR_INVALID);
        json_decref(json);
    }
}

/* --- thresholds --- */

static void as_many_as_the_threshold_says_must_have_signed(void **state)
{
    (void)state;
    struct tuf_keyring ring = {0};
    struct err err = {0};
    struct tuf_verdict verdict;
    fill_ring(&ring, 3);
    json_t *root = new_root(&ring, 2), *targets = new_targets();
    for (int64_t i = 0; i < 3; i++) {
        expect_ok(tuf_document_judge(targets, root, &verdict, &err), &err);
        assert_int_equal(verdict.valid, i);
        assert_int_equal(verdict.threshold, 2);
        assert_int_equal(tuf_document_verify(targets, root, &err), i < 2 ? ERR_DENIED : 0);
        expect_ok(tuf_document_sign(targets, ring.keys[i], &err), &err);
    }
    json_decref(root);
    json_decref(targets);
    tuf_keyring_done(&ring);
}

static void one_key_counts_once_however_often_it_signed(void **state)
{
    (void)state;
    struct tuf_keyring ring = {0};
    struct err err = {0};
    fill_ring(&ring, 2);
    json_t *root = new_root(&ring, 2), *targets = new_targets();
    expect_ok(tuf_document_sign(targets, ring.keys[0], &err), &err);
    expect_ok(tuf_document_sign(targets, ring.keys[0], &err), &err);
    json_t *signatures = json_object_get(targets, "signatures");
    assert_int_equal(json_array_size(signatures), 1);
    assert_int_equal(json_array_append_new(signatures, json_deep_copy(json_array_get(signatures, 0))), 0);
    /* Nor when the root lists it twice. */
    json_t *ids =
        json_object_get(json_object_get(json_object_get(tuf_document_signed(root), "roles"), "targets"), "keyids");
    assert_int_equal(json_array_append(ids, json_array_get(ids, 0)), 0);
    assert_int_equal(tuf_document_verify(targets, root, &err), ERR_DENIED);
    json_decref(root);
    json_decref(targets);
    tuf_keyring_done(&ring);
}

static void signatures_of_other_roles_and_of_other_text_count_for_nothing(void **state)
{
    (void)state;
    struct tuf_keyring mine = {0}, others = {0};
    struct err err = {0};
    fill_ring(&mine, 1);
    fill_ring(&others, 1);
    json_t *root = new_root(&others, 1), *targets = new_targets();
    give_role(tuf_document_signed(root), TUF_TARGETS, &mine, 1);
    expect_ok(tuf_document_sign(targets, others.keys[0], &err), &err);
    assert_int_equal(tuf_document_verify(targets, root, &err), ERR_DENIED);
    expect_ok(tuf_document_sign_all(targets, root, &mine, &err), &err);
    expect_ok(tuf_document_verify(targets, root, &err), &err);
    assert_int_equal(json_object_set_new(tuf_document_signed(targets), "version", json_integer(2)), 0);
    assert_int_equal(tuf_document_verify(targets, root, &err), ERR_DENIED);
    json_decref(root);
    json_decref(targets);
    tuf_keyring_done(&mine);
    tuf_keyring_done(&others);
}

static void a_threshold_that_cannot_be_reached_is_refused(void **state)
{
    (void)state;
    struct tuf_keyring ring = {0};
    struct err err = {0};
    fill_ring(&ring, 2);
    json_t *root = new_root(&ring, 1);
    json_t *keys = tuf_root_keys(root, TUF_ROOT);
    for (int64_t threshold = 0; threshold <= 3; threshold++)
        assert_int_equal(tuf_root_set_role(tuf_document_signed(root), TUF_ROOT, keys, threshold, &err),
                         threshold == 0 || threshold == 3 ? ERR_INVALID : 0);
    json_decref(keys);
    json_decref(root);
    tuf_keyring_done(&ring);
}

static void keys_that_no_role_has_leave_the_root(void **state)
{
    (void)state;
    struct tuf_keyring old = {0}, fresh = {0};
    fill_ring(&old, 1);
    fill_ring(&fresh, 1);
    json_t *root = new_root(&old, 1);
    const json_t *keys = json_object_get(tuf_document_signed(root), "keys");
    for (int i = 0; i < TUF_ROLES; i++) {
        assert_non_null(json_object_get(keys, tuf_key_id(old.keys[0])));
        give_role(tuf_document_signed(root), (enum tuf_role)i, &fresh, 1);
    }
    assert_null(json_object_get(keys, tuf_key_id(old.keys[0])));
    assert_int_equal(json_object_size(keys), 1);
    json_decref(root);
    tuf_keyring_done(&old);
    tuf_keyring_done(&fresh);
}

/* --- form --- */

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct tuf_keyring ring = {0};
    struct err err = {0};
    struct buf first, second;
    json_t *again = NULL;
    fill_ring(&ring, 1);
    json_t *root = new_root(&ring, 1);
    expect_ok(tuf_document_sign(root, ring.keys[0], &err), &err);
    buf_init(&first, TUF_DOCUMENT_MAX);
    buf_init(&second, TUF_DOCUMENT_MAX);
    expect_ok(tuf_document_encode(root, &first, &err), &err);
    expect_ok(tuf_document_parse((struct span){first.data, first.len}, &again, &err), &err);
    expect_ok(tuf_document_encode(again, &second, &err), &err);
    assert_string_equal(buf_str(&first), buf_str(&second));
    expect_ok(tuf_document_verify(again, again, &err), &err);
    assert_int_equal(tuf_document_role(again), TUF_ROOT);
    assert_int_equal(tuf_document_version(again), 1);
    assert_int_equal(tuf_document_expires_ms(again), NOW);
    buf_done(&first);
    buf_done(&second);
    json_decref(again);
    json_decref(root);
    tuf_keyring_done(&ring);
}

static void documents_of_the_wrong_form_are_refused(void **state)
{
    (void)state;
#define HEAD "\"spec_version\":\"1.0.31\",\"version\":1,\"expires\":\"2030-01-01T00:00:00Z\""
    static const char *const wrong[] = {
        "",
        "1",
        "{\"signatures\":[],\"signed\":{}}",
        "{\"signatures\":[],\"signed\":{\"_type\":\"mirrors\"," HEAD "}}",
        "{\"signatures\":[],\"signed\":{\"_type\":\"targets\"," HEAD "}}",
        "{\"signatures\":{},\"signed\":{\"_type\":\"targets\"," HEAD ",\"targets\":{}}}",
        "{\"signatures\":[{\"keyid\":\"a\"}],\"signed\":{\"_type\":\"targets\"," HEAD ",\"targets\":{}}}",
        "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"spec_version\":\"2.0\",\"version\":1,"
        "\"expires\":\"2030-01-01T00:00:00Z\",\"targets\":{}}}",
        "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"spec_version\":\"1.0\",\"version\":0,"
        "\"expires\":\"2030-01-01T00:00:00Z\",\"targets\":{}}}",
        "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"spec_version\":\"1.0\",\"version\":1,"
        "\"expires\":\"soon\",\"targets\":{}}}",
        "{\"signatures\":[],\"signed\":{\"_type\":\"root\"," HEAD ",\"consistent_snapshot\":true,\"keys\":{},"
        "\"roles\":{}}}",
        "{\"signatures\":[],\"signed\":{\"_type\":\"root\"," HEAD ",\"consistent_snapshot\":true,\"keys\":{},"
        "\"roles\":{\"root\":{\"keyids\":[\"a\"],\"threshold\":1}}}}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *document = NULL;
        struct err err = {0};
        if (tuf_document_parse(span_of(wrong[i]), &document, &err) == 0)
            fail_msg("taken: %s", wrong[i]);
        assert_null(document);
    }
}

static void meta_binds_version_length_and_hash(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf bytes;
    json_t *targets = new_targets();
    json_t *signed_part = tuf_signed_new(TUF_SNAPSHOT, 1, NOW);
    buf_init(&bytes, TUF_DOCUMENT_MAX);
    expect_ok(tuf_document_encode(targets, &bytes, &err), &err);
    expect_ok(tuf_meta_set(signed_part, "targets.json", targets, &bytes, &err), &err);
    json_t *snapshot = tuf_document_new(signed_part);
    struct span all = {bytes.data, bytes.len};
    expect_ok(tuf_meta_check(snapshot, "targets.json", all, 1, &err), &err);
    assert_int_equal(tuf_meta_check(snapshot, "targets.json", all, 2, &err), ERR_CORRUPT);
    assert_int_equal(tuf_meta_check(snapshot, "other.json", all, 1, &err), ERR_CORRUPT);
    all.len--;
    assert_int_equal(tuf_meta_check(snapshot, "targets.json", all, 1, &err), ERR_CORRUPT);
    all.len++;
    bytes.data[0] ^= 1;
    assert_int_equal(tuf_meta_check(snapshot, "targets.json", all, 1, &err), ERR_CORRUPT);
    buf_done(&bytes);
    json_decref(snapshot);
    json_decref(targets);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, fixture_setup_empty, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(a_key_in_a_file_is_the_key_it_was),
        cmocka_unit_test(the_id_is_the_hash_of_the_canonical_key),
        WITH_DIR(a_private_key_that_others_can_read_is_not_used),
        cmocka_unit_test(keys_of_another_kind_are_refused),
        cmocka_unit_test(as_many_as_the_threshold_says_must_have_signed),
        cmocka_unit_test(one_key_counts_once_however_often_it_signed),
        cmocka_unit_test(signatures_of_other_roles_and_of_other_text_count_for_nothing),
        cmocka_unit_test(a_threshold_that_cannot_be_reached_is_refused),
        cmocka_unit_test(keys_that_no_role_has_leave_the_root),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(documents_of_the_wrong_form_are_refused),
        cmocka_unit_test(meta_binds_version_length_and_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
