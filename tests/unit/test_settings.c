/* app.conf as values. */
#include "fixture_db.h"

#include "common/file.h"
#include "settings.h"

static struct settings *load(struct fixture *f, const char *text, struct err *err)
{
    char path[160];
    struct settings *s = NULL;
    (void)snprintf(path, sizeof path, "%s/app.conf", f->dir);
    expect_ok(file_write(path, text, strlen(text), 0600, err), err);
    if (settings_load(path, &s, err) != 0)
        assert_null(s);
    return s;
}

static void an_empty_file_gives_the_defaults(void **state)
{
    struct err err = {0};
    struct settings *s = load(*state, "", &err);
    assert_non_null(s);
    assert_int_equal(s->threads, 8);
    assert_int_equal(s->poll_interval_s, 30);
    assert_int_equal(s->session_max_s, 7 * 86400);
    assert_int_equal(s->log_level, LOG_INFO);
    settings_free(s);
}

static void an_error_names_file_line_and_key(void **state)
{
    static const char *const cases[][3] = {
        {"# a comment\nMUSTER_THREADS=many\n", ":2: ", "MUSTER_THREADS"},
        {"MUSTER_POLL_INTERVAL=\"0s\"\n", ":1: ", "MUSTER_POLL_INTERVAL"},
        {"\n\nMUSTER_PUBLIC_URL=\"http://a\"\n", ":3: ", "MUSTER_PUBLIC_URL"},
        {"MUSTER_AGENT_URL=\"https://a/path\"\n", ":1: ", "MUSTER_AGENT_URL"},
        {"MUSTER_AGENT_URL=\"https://a$(id)\"\n", ":1: ", "MUSTER_AGENT_URL"},
        {"MUSTER_AGENT_URL=\"https://a:99999\"\n", ":1: ", "MUSTER_AGENT_URL"},
        {"MUSTER_PUBLIC_URL=\"https://a:443\"\n", ":1: ", "MUSTER_PUBLIC_URL"},
        {"MUSTER_DB=\"\"\n", ":1: ", "MUSTER_DB"},
        {"MUSTER_ADMIN_EMAIL=\"a@b\"\n", ":1: ", "MUSTER_ADMIN_EMAIL"},
        {"MUSTER_ADMIN_PASSWORD_HASH=\"hunter2\"\n", ":1: ", "MUSTER_ADMIN_PASSWORD_HASH"},
        {"MUSTER_ADMIN_PASSWORD_HASH_FILE=\"/nonexistent/x\"\n", ":1: ", "MUSTER_ADMIN_PASSWORD_HASH_FILE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct settings *s = load(*state, cases[i][0], &err);
        if (s != NULL)
            fail_msg("accepted: %s", cases[i][0]);
        assert_non_null(strstr(err.msg, cases[i][1]));
        assert_non_null(strstr(err.msg, cases[i][2]));
        assert_null(strstr(err.msg, "hunter2"));
    }
}

#define S3 "AWS_ACCESS_KEY_ID=AK\nAWS_SECRET_ACCESS_KEY=hunter2\nAWS_REGION=eu-1\nAWS_S3_BUCKET=the-bucket\n"

static void a_store_elsewhere_is_given_whole(void **state)
{
    struct err err = {0};
    struct settings *s = load(*state, S3, &err);
    assert_non_null(s);
    assert_string_equal(s->s3.bucket, "the-bucket");
    assert_string_equal(s->s3.secret, "hunter2");
    assert_null(s->s3.endpoint);
    settings_free(s);
    s = load(*state, S3 "AWS_S3_ENDPOINT=\"http://127.0.0.1:9000\"\nMUSTER_S3_CA_FILE=\"\"\n", &err);
    assert_non_null(s);
    assert_string_equal(s->s3.endpoint, "http://127.0.0.1:9000");
    assert_null(s->s3.ca_file);
    settings_free(s);
    s = load(*state, "AWS_REGION=\"\"\n", &err);
    assert_non_null(s);
    assert_null(s->s3.bucket);
    settings_free(s);
}

static void a_store_elsewhere_that_is_not_one_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"AWS_REGION=eu-1\n", "AWS_ACCESS_KEY_ID"},
        {"AWS_S3_ENDPOINT=\"https://s3.example.org\"\n", "AWS_ACCESS_KEY_ID"},
        {"MUSTER_S3_CA_FILE=/ca.pem\n", "AWS_ACCESS_KEY_ID"},
        {"AWS_ACCESS_KEY_ID=AK\nAWS_REGION=eu-1\nAWS_S3_BUCKET=b-b\n", "AWS_SECRET_ACCESS_KEY"},
        {S3 "AWS_SECRET_ACCESS_KEY_FILE=/x\n", "AWS_SECRET_ACCESS_KEY_FILE"},
        {"AWS_SECRET_ACCESS_KEY_FILE=/nonexistent/x\n", "AWS_SECRET_ACCESS_KEY_FILE"},
        {S3 "AWS_S3_ENDPOINT=\"http://s3.example.org\"\n", "AWS_S3_ENDPOINT"},
        {S3 "AWS_S3_ENDPOINT=\"http://localhost.evil.org\"\n", "AWS_S3_ENDPOINT"},
        {S3 "AWS_S3_ENDPOINT=\"https://s3.example.org/\"\n", "AWS_S3_ENDPOINT"},
        {S3 "AWS_S3_ENDPOINT=\"https://s3.example.org:443\"\n", "AWS_S3_ENDPOINT"},
        {S3 "AWS_S3_ENDPOINT=\"https://S3.example.org\"\n", "AWS_S3_ENDPOINT"},
        {S3 "AWS_S3_ENDPOINT=\"https://a@b\"\n", "AWS_S3_ENDPOINT"},
        {S3 "AWS_S3_ENDPOINT=\"https://a:0\"\n", "AWS_S3_ENDPOINT"},
        {S3 "AWS_S3_ENDPOINT=\"https://[::1\"\n", "AWS_S3_ENDPOINT"},
        {S3 "AWS_S3_ENDPOINT=\"ftp://a\"\n", "AWS_S3_ENDPOINT"},
        {"AWS_ACCESS_KEY_ID=AK\nAWS_SECRET_ACCESS_KEY=hunter2\nAWS_REGION=eu-1\nAWS_S3_BUCKET=a.b\n", "AWS_S3_BUCKET"},
        {"AWS_ACCESS_KEY_ID=AK\nAWS_SECRET_ACCESS_KEY=hunter2\nAWS_REGION=eu-1\nAWS_S3_BUCKET=\"a/b\"\n",
         "AWS_S3_BUCKET"},
        {"AWS_ACCESS_KEY_ID=\"A/K\"\nAWS_SECRET_ACCESS_KEY=hunter2\nAWS_REGION=eu-1\nAWS_S3_BUCKET=abc\n",
         "AWS_ACCESS_KEY_ID"},
        {"AWS_ACCESS_KEY_ID=AK\nAWS_SECRET_ACCESS_KEY=\"hunter2 2\"\nAWS_REGION=eu-1\nAWS_S3_BUCKET=abc\n",
         "AWS_SECRET_ACCESS_KEY"},
        {"AWS_ACCESS_KEY_ID=AK\nAWS_SECRET_ACCESS_KEY=hunter2\nAWS_REGION=\"eu/1\"\nAWS_S3_BUCKET=abc\n", "AWS_REGION"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct settings *s = load(*state, cases[i][0], &err);
        if (s != NULL)
            fail_msg("accepted: %s", cases[i][0]);
        if (strstr(err.msg, cases[i][1]) == NULL)
            fail_msg("%s: %s", cases[i][0], err.msg);
        assert_null(strstr(err.msg, "hunter2"));
    }
}

static void origins_of_every_kind_are_taken(void **state)
{
    static const char *const urls[] = {"https://muster.example.org", "https://localhost:8443", "https://127.0.0.1:1",
                                       "https://[::1]:8443", "https://[fd00::1]"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char text[128];
        struct err err = {0};
        (void)snprintf(text, sizeof text, "MUSTER_PUBLIC_URL=\"%s\"\n", urls[i]);
        struct settings *s = load(*state, text, &err);
        if (s == NULL)
            fail_msg("%s: %s", urls[i], err.msg);
        assert_string_equal(s->public_url, urls[i]);
        settings_free(s);
    }
}

static void the_hash_may_come_from_a_file(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char path[160], text[400];
    (void)snprintf(path, sizeof path, "%s/hash", f->dir);
    expect_ok(file_write(path, "$argon2id$v=19$x\n", 17, 0600, &err), &err);
    (void)snprintf(text, sizeof text, "MUSTER_ADMIN_EMAIL=\"a@b\"\nMUSTER_ADMIN_PASSWORD_HASH_FILE=\"%s\"\n", path);
    struct settings *s = load(f, text, &err);
    assert_non_null(s);
    assert_string_equal(s->admin_password_hash, "$argon2id$v=19$x");
    settings_free(s);
}

static void the_environment_is_above_the_file(void **state)
{
    struct err err = {0};
    (void)setenv("MUSTER_THREADS", "3", 1);
    struct settings *s = load(*state, "MUSTER_THREADS=5\n", &err);
    (void)unsetenv("MUSTER_THREADS");
    assert_non_null(s);
    assert_int_equal(s->threads, 3);
    settings_free(s);
}

static void a_secret_is_never_printed(void **state)
{
    struct err err = {0};
    char scratch[32];
    struct settings *s =
        load(*state, "MUSTER_ADMIN_EMAIL=\"a@b\"\nMUSTER_ADMIN_PASSWORD_HASH=\"$argon2id$v=19$s\"\n", &err);
    assert_non_null(s);
    for (const struct config_key *key = settings_keys; key->name != NULL; key++)
        assert_null(strstr(settings_value(s, key, scratch, sizeof scratch), "argon2id"));
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(an_error_names_file_line_and_key),
        cmocka_unit_test(a_store_elsewhere_is_given_whole),
        cmocka_unit_test(a_store_elsewhere_that_is_not_one_is_refused),
        cmocka_unit_test(origins_of_every_kind_are_taken),
        cmocka_unit_test(the_hash_may_come_from_a_file),
        cmocka_unit_test(the_environment_is_above_the_file),
        cmocka_unit_test(a_secret_is_never_printed),
    };
    return cmocka_run_group_tests(tests, fixture_setup_empty, fixture_teardown);
}
