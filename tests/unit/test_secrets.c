/* Key files and sealing. */
#include "fixture_db.h"

#include <sys/stat.h>

#include "auth/digest.h"
#include "auth/secrets.h"
#include "common/encode.h"
#include "common/file.h"

static struct secrets *load(const struct fixture *f)
{
    struct secrets *s = NULL;
    struct err err = {0};
    expect_ok(secrets_init(f->dir, &err), &err);
    expect_ok(secrets_load(f->dir, &s, &err), &err);
    return s;
}

static void put(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
    char path[200];
    struct err err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    expect_ok(file_write(path, text, strlen(text), mode, &err), &err);
}

static void expect_no_load(const struct fixture *f, int code)
{
    struct secrets *s = NULL;
    struct err err = {0};
    assert_int_equal(secrets_load(f->dir, &s, &err), code);
    assert_null(s);
}

static void init_makes_private_files_and_leaves_those_there_alone(void **state)
{
    struct fixture *f = *state;
    struct secrets *first = load(f);
    struct secrets *second = load(f);
    static const char *const names[] = {"master.key", "audit.key", "store.key"};
    for (size_t i = 0; i < 3; i++) {
        char path[200];
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_memory_equal(secrets_audit_key(first), secrets_audit_key(second), sizeof(struct audit_key));
    assert_string_equal(secrets_store_secret(first), secrets_store_secret(second));
    assert_int_equal(strlen(secrets_store_key_id(first)), 20);
    secrets_free(first);
    secrets_free(second);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[200];
    secrets_free(load(f));
    (void)snprintf(path, sizeof path, "%s/audit.key", f->dir);
    assert_int_equal(chmod(path, 0644), 0);
    expect_no_load(f, ERR_DENIED);
}

static void a_damaged_or_missing_key_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[200];
    secrets_free(load(f));
    put(f, "audit.key", "12345\n", 0600);
    expect_no_load(f, ERR_INVALID);
    put(f, "audit.key", "", 0600);
    expect_no_load(f, ERR_INVALID);
    (void)snprintf(path, sizeof path, "%s/audit.key", f->dir);
    assert_int_equal(unlink(path), 0);
    expect_no_load(f, ERR_NOT_FOUND);
}

static void what_was_sealed_opens_at_its_place_only(void **state)
{
    struct secrets *s = load(*state);
    struct buf sealed, plain;
    struct err err = {0};
    buf_init(&sealed, 4096);
    buf_init(&plain, 4096);
    expect_ok(secrets_seal(s, "users:totp:1", "secret", 6, &sealed, &err), &err);
    assert_null(strstr(buf_str(&sealed), "secret"));
    assert_int_equal(secrets_open(s, "users:totp:2", buf_str(&sealed), &plain, &err), ERR_CORRUPT);
    assert_int_equal(plain.len, 0);
    expect_ok(secrets_open(s, "users:totp:1", buf_str(&sealed), &plain, &err), &err);
    assert_string_equal(buf_str(&plain), "secret");
    buf_done(&sealed);
    buf_done_secret(&plain);
    secrets_free(s);
}

static void every_changed_character_is_noticed(void **state)
{
    struct secrets *s = load(*state);
    struct buf sealed, plain;
    struct err err = {0};
    buf_init(&sealed, 4096);
    buf_init(&plain, 4096);
    expect_ok(secrets_seal(s, "a:b:c", "x", 1, &sealed, &err), &err);
    for (size_t i = 0; i < sealed.len; i++) {
        char kept = sealed.data[i];
        sealed.data[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(secrets_open(s, "a:b:c", buf_str(&sealed), &plain, &err), ERR_CORRUPT);
        sealed.data[i] = kept;
    }
    static const char *const none[] = {"", ".", "x", "00000000.", "00000000.AAAA"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(secrets_open(s, "a:b:c", none[i], &plain, &err), ERR_CORRUPT);
    buf_done(&sealed);
    buf_done(&plain);
    secrets_free(s);
}

static const char one[] = "11111111 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
static const char both[] = "11111111 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
                           "22222222 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n";

static void an_older_master_key_still_opens_and_the_newest_seals(void **state)
{
    struct fixture *f = *state;
    struct buf sealed, plain;
    struct err err = {0};
    buf_init(&sealed, 4096);
    buf_init(&plain, 4096);
    put(f, "master.key", one, 0600);
    struct secrets *old = load(f);
    expect_ok(secrets_seal(old, "a:b:c", "kept", 4, &sealed, &err), &err);
    secrets_free(old);
    put(f, "master.key", both, 0600);
    struct secrets *fresh = load(f);
    expect_ok(secrets_open(fresh, "a:b:c", buf_str(&sealed), &plain, &err), &err);
    assert_string_equal(buf_str(&plain), "kept");
    buf_clear(&sealed);
    expect_ok(secrets_seal(fresh, "a:b:c", "kept", 4, &sealed, &err), &err);
    assert_memory_equal(buf_str(&sealed), "22222222.", 9);
    buf_done(&sealed);
    buf_done(&plain);
    secrets_free(fresh);
}

/* One key per use, and one per master key: what a rotation leaves behind is still found. */
static void a_mac_depends_on_its_use_and_on_the_age_of_the_key(void **state)
{
    struct fixture *f = *state;
    put(f, "master.key", one, 0600);
    struct secrets *s = load(f);
    char first[SECRETS_MAC_SIZE], other[SECRETS_MAC_SIZE], again[SECRETS_MAC_SIZE];
    struct err err = {0};
    expect_ok(secrets_mac(s, 0, "codes", "x", 1, first, &err), &err);
    expect_ok(secrets_mac(s, 0, "other", "x", 1, other, &err), &err);
    assert_string_not_equal(first, other);
    assert_int_equal(secrets_mac(s, 1, "codes", "x", 1, other, &err), ERR_NOT_FOUND);
    secrets_free(s);
    put(f, "master.key", both, 0600);
    s = load(f);
    expect_ok(secrets_mac(s, 0, "codes", "x", 1, other, &err), &err);
    assert_string_not_equal(first, other);
    expect_ok(secrets_mac(s, 1, "codes", "x", 1, again, &err), &err);
    assert_string_equal(first, again);
    assert_int_equal(secrets_mac(s, 2, "codes", "x", 1, other, &err), ERR_NOT_FOUND);
    secrets_free(s);
}

/* RFC 4231 test case 2; RFC 5869 test case 3 (no salt, no info). */
static void digests_are_those_of_the_standards(void **state)
{
    (void)state;
    unsigned char out[42], ikm[22];
    char hex[HEX_SIZE(42)];
    assert_true(digest_hmac("Jefe", 4, "what do ya want for nothing?", 28, out));
    hex_encode(out, 32, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(ikm, 0x0b, sizeof ikm);
    assert_true(digest_hkdf(ikm, sizeof ikm, "", out, 42));
    hex_encode(out, 42, hex);
    assert_string_equal(hex, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    digest_token("abc", hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(init_makes_private_files_and_leaves_those_there_alone, fixture_setup_empty,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_key_that_others_can_read_is_refused, fixture_setup_empty, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_or_missing_key_is_refused, fixture_setup_empty, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_sealed_opens_at_its_place_only, fixture_setup_empty, fixture_teardown),
        cmocka_unit_test_setup_teardown(every_changed_character_is_noticed, fixture_setup_empty, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_older_master_key_still_opens_and_the_newest_seals, fixture_setup_empty,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_mac_depends_on_its_use_and_on_the_age_of_the_key, fixture_setup_empty,
                                        fixture_teardown),
        cmocka_unit_test(digests_are_those_of_the_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
