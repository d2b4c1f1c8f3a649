#include "../unit.h"

#include "common/file.h"
#include "common/token.h"
#include "deployment.h"
#include "settings.h"
#include "tempdir.h"

static int load(void **state, const char *text, mode_t mode, struct config **ret, struct err *err)
{
    const char *path = tempdir_path(*state, "agent.conf");
    assert_int_equal(file_write(path, text, strlen(text), mode, err), 0);
    return settings_load(path, ret, err);
}

static void assert_refused(void **state, const char *text, int code, const char *named)
{
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(load(state, text, 0600, &c, &err), code);
    assert_null(c);
    assert_non_null(strstr(err.msg, named));
    assert_non_null(strstr(err.msg, "agent.conf"));
}

static void an_empty_file_gives_the_documented_defaults(void **state)
{
    struct config *c = NULL;
    struct err err;
    assert_int_equal(load(state, "", 0644, &c, &err), 0);
    assert_string_equal(config_text(c, "STATE_DIR"), "/var/lib/muster-agent");
    assert_null(config_text(c, "SERVER_URL"));
    assert_int_equal(config_seconds(c, "POLL_INTERVAL"), 0);
    assert_int_equal(config_seconds(c, "UPDATE_INTERVAL"), 3600);
    assert_string_equal(config_text(c, "UPDATE_MODE"), "auto");
    assert_string_equal(config_text(c, "UPDATE_RESTART_METHOD"), "exec");
    assert_int_equal(config_int(c, "UPDATE_ROLLOUT_PERCENT"), 100);
    assert_string_equal(config_text(c, "UPDATE_CHANNEL"), "stable");
    assert_int_equal(config_int(c, "UPDATE_TRIAL_S"), 120);
    assert_int_equal(config_int(c, "UPDATE_RATE_KBPS"), 0);
    assert_int_equal(config_int(c, "UPDATE_RESERVE_MB"), 16);
    assert_null(config_text(c, "UPDATE_WINDOW"));
    const char *at = NULL;
    assert_null(config_word(c, "BACKUP_ROOTS", &at)); /* nothing may be read until the host says so */
    config_free(c);
}

static void what_is_wrong_is_named_with_the_file(void **state)
{
    assert_refused(state, "POLL_INTERVAL=\"soon\"\n", ERR_INVALID, "POLL_INTERVAL");
    assert_refused(state, "SERVER_URL=\"http://host\"\n", ERR_INVALID, "SERVER_URL");
    assert_refused(state, "UPDATE_MODE=\"always\"\n", ERR_INVALID, "UPDATE_MODE");
    assert_refused(state, "STATE_DIR=\"\"\n", ERR_INVALID, "STATE_DIR");
    assert_refused(state, "UPDATE_SERVER=\"http://host\"\n", ERR_INVALID, "UPDATE_SERVER");
    assert_refused(state, "UPDATE_PIN=\"latest\"\n", ERR_INVALID, "UPDATE_PIN");
    assert_refused(state, "UPDATE_CHANNEL=\"\"\n", ERR_INVALID, "UPDATE_CHANNEL");
    assert_refused(state, "UPDATE_CHANNEL=\"../beta\"\n", ERR_INVALID, "UPDATE_CHANNEL");
    assert_refused(state, "UPDATE_WINDOW=\"at night\"\n", ERR_INVALID, "UPDATE_WINDOW");
    assert_refused(state, "UPDATE_TRIAL_S=\"9\"\n", ERR_INVALID, "UPDATE_TRIAL_S");
    assert_refused(state, "UPDATE_RATE_KBPS=\"-1\"\n", ERR_INVALID, "UPDATE_RATE_KBPS");
    assert_refused(state, "API_KEY=\"msk_mistyped\"\nAGENT_ID=\"a\"\n", ERR_INVALID, "API_KEY");
}

static void a_workload_is_namespace_kind_and_name(void **state)
{
    static const char *const wrong[] = {"muster",        "a/b/c",          "a/daemonset/",
                                        "/daemonset/c",  "a/pod/c",        "a/daemonset/c/d",
                                        "a/daemonset/C", "a/daemonset/-c", "a/../daemonset/c"};
    struct config *c = NULL;
    struct err err = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "UPDATE_K8S_WORKLOAD=\"%s\"\n", wrong[i]);
        assert_refused(state, text, ERR_INVALID, "UPDATE_K8S_WORKLOAD");
    }
    assert_int_equal(load(state, "UPDATE_K8S_WORKLOAD=\"monitoring/daemonset/muster-agent\"\n", 0600, &c, &err), 0);
    config_free(c);
}

static void what_is_given_for_updates_is_taken(void **state)
{
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(
        load(state,
             "UPDATE_SERVER=\"https://mirror:8444/agents\"\nUPDATE_PIN=\"1.2.3-rc.1\"\nUPDATE_CHANNEL=beta\n"
             "UPDATE_WINDOW=\"mon-fri 02:00-05:00, sat,sun 00:00-24:00\"\nUPDATE_TRIAL_S=10\n",
             0600, &c, &err),
        0);
    assert_int_equal(config_int(c, "UPDATE_TRIAL_S"), 10);
    config_free(c);
}

static void id_and_key_go_together(void **state)
{
    char key[TOKEN_SIZE];
    char text[200];
    struct config *c = NULL;
    struct err err;
    assert_true(token_new(TOKEN_API_KEY, token_random, key));
    assert_refused(state, "AGENT_ID=\"01a2-b\"\n", ERR_INVALID, "API_KEY");
    (void)snprintf(text, sizeof text, "API_KEY=\"%s\"\n", key);
    assert_refused(state, text, ERR_INVALID, "AGENT_ID");
    (void)snprintf(text, sizeof text, "AGENT_ID=\"01a2-b\"\nAPI_KEY=\"%s\"\n", key);
    assert_int_equal(load(state, text, 0600, &c, &err), 0);
    config_free(c);
}

static void a_file_with_a_key_that_others_can_read_is_refused(void **state)
{
    char key[TOKEN_SIZE];
    char text[200];
    struct config *c = NULL;
    struct err err = {0};
    assert_true(token_new(TOKEN_API_KEY, token_random, key));
    (void)snprintf(text, sizeof text, "AGENT_ID=\"01a2-b\"\nAPI_KEY=\"%s\"\n", key);
    assert_int_equal(load(state, text, 0644, &c, &err), ERR_DENIED);
    assert_null(c);
    assert_null(strstr(err.msg, key));
}

static void the_environment_may_carry_the_key_instead(void **state)
{
    char key[TOKEN_SIZE];
    struct config *c = NULL;
    struct err err;
    assert_true(token_new(TOKEN_API_KEY, token_random, key));
    assert_int_equal(setenv("API_KEY", key, 1), 0);
    assert_int_equal(load(state, "AGENT_ID=\"01a2-b\"\n", 0644, &c, &err), 0);
    assert_int_equal(unsetenv("API_KEY"), 0);
    config_free(c);
}

static void containers_are_recognised(void **state)
{
    struct err err;
    struct tempdir *dir = *state;
    assert_int_equal(deployment_detect(NULL, NULL, dir->path), DEPLOYMENT_VM);
    assert_int_equal(deployment_detect(NULL, "10.0.0.1", dir->path), DEPLOYMENT_CONTAINER);
    assert_int_equal(file_write(tempdir_path(dir, ".dockerenv"), "", 0, 0644, &err), 0);
    assert_int_equal(deployment_detect(NULL, NULL, dir->path), DEPLOYMENT_CONTAINER);
    assert_int_equal(unlink(tempdir_path(dir, ".dockerenv")), 0);
    assert_int_equal(mkdir(tempdir_path(dir, "run"), 0755), 0);
    assert_int_equal(file_write(tempdir_path(dir, "run/.containerenv"), "", 0, 0644, &err), 0);
    assert_int_equal(deployment_detect(NULL, NULL, dir->path), DEPLOYMENT_CONTAINER);
}

static void the_configuration_overrides_what_was_detected(void **state)
{
    struct tempdir *dir = *state;
    assert_int_equal(deployment_detect("vm", "10.0.0.1", dir->path), DEPLOYMENT_VM);
    assert_int_equal(deployment_detect("container", NULL, dir->path), DEPLOYMENT_CONTAINER);
    assert_int_equal(deployment_detect("", "10.0.0.1", dir->path), DEPLOYMENT_CONTAINER);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_setup, tempdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_file_gives_the_documented_defaults),
        TEST(what_is_wrong_is_named_with_the_file),
        TEST(a_workload_is_namespace_kind_and_name),
        TEST(what_is_given_for_updates_is_taken),
        TEST(id_and_key_go_together),
        TEST(a_file_with_a_key_that_others_can_read_is_refused),
        TEST(the_environment_may_carry_the_key_instead),
        TEST(containers_are_recognised),
        TEST(the_configuration_overrides_what_was_detected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
