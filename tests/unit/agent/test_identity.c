#include "../unit.h"

#include "common/file.h"
#include "common/token.h"
#include "identity.h"
#include "tempdir.h"

static struct identity sample(void)
{
    struct identity identity = {.id = "01a20599-2080-7857-b337-98f766bc32c6",
                                .server_url = "https://localhost:8444",
                                .enrolled_ms = 1700000000000};
    char key[TOKEN_SIZE];
    assert_true(token_new(TOKEN_API_KEY, token_random, key));
    (void)snprintf(identity.api_key, sizeof identity.api_key, "%s", key);
    return identity;
}

static void an_identity_comes_back_as_it_was_saved(void **state)
{
    const char *path = tempdir_path(*state, "identity.json");
    struct identity saved = sample();
    struct identity loaded;
    struct err err;
    assert_int_equal(identity_save(path, &saved, &err), 0);
    assert_int_equal(identity_load(path, &loaded, &err), 0);
    assert_string_equal(loaded.id, saved.id);
    assert_string_equal(loaded.api_key, saved.api_key);
    assert_string_equal(loaded.server_url, saved.server_url);
    assert_true(loaded.enrolled_ms == saved.enrolled_ms);
}

static void the_file_is_for_its_owner_alone(void **state)
{
    const char *path = tempdir_path(*state, "identity.json");
    struct identity identity = sample();
    struct stat st;
    struct err err;
    assert_int_equal(identity_save(path, &identity, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(identity_load(path, &identity, &err), ERR_DENIED);
}

static void a_missing_identity_is_told_from_a_damaged_one(void **state)
{
    const char *path = tempdir_path(*state, "identity.json");
    struct identity identity = {.id = "untouched"};
    struct err err;
    assert_int_equal(identity_load(path, &identity, &err), ERR_NOT_FOUND);
    static const char *const texts[] = {"", "{}", "{\"id\":\"x\"}", "{\"id\":\"x\",\"apiKey\":\"msk_mistyped\"}",
                                        "\"x\""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(file_write(path, texts[i], strlen(texts[i]), 0600, &err), 0);
        assert_int_equal(identity_load(path, &identity, &err), ERR_CORRUPT);
        assert_string_equal(identity.id, "untouched");
    }
}

static void a_damaged_identity_is_reported_without_its_secret(void **state)
{
    const char *path = tempdir_path(*state, "identity.json");
    struct identity identity;
    struct err err = {0};
    static const char text[] = "{\"id\":\"x\",\"apiKey\":\"msk_verysecret\"}";
    assert_int_equal(file_write(path, text, strlen(text), 0600, &err), 0);
    assert_int_equal(identity_load(path, &identity, &err), ERR_CORRUPT);
    assert_null(strstr(err.msg, "verysecret"));
}

static void the_revision_of_the_ca_bundle_travels_with_it(void **state)
{
    const char *path = tempdir_path(*state, "ca.pem");
    char *text = NULL;
    struct err err;
    assert_true(identity_ca_rev(path) == 0);
    assert_int_equal(identity_save_ca(path, "-----BEGIN CERTIFICATE-----\n", 7, &err), 0);
    assert_true(identity_ca_rev(path) == 7);
    assert_int_equal(file_read(path, 1000, &text, NULL, &err), 0);
    assert_non_null(strstr(text, "\n-----BEGIN CERTIFICATE-----\n"));
    free(text);
    assert_int_equal(file_write(path, "no revision\n", 12, 0644, &err), 0);
    assert_true(identity_ca_rev(path) == 0);
}

static void done_leaves_no_key_in_memory(void **state)
{
    (void)state;
    struct identity identity = sample();
    identity_done(&identity);
    for (size_t i = 0; i < sizeof identity.api_key; i++)
        assert_int_equal(identity.api_key[i], 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_setup, tempdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_identity_comes_back_as_it_was_saved),        TEST(the_file_is_for_its_owner_alone),
        TEST(a_missing_identity_is_told_from_a_damaged_one), TEST(a_damaged_identity_is_reported_without_its_secret),
        TEST(the_revision_of_the_ca_bundle_travels_with_it), TEST(done_leaves_no_key_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
