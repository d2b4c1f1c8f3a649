#include "../unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "tempdir.h"
#include "update/k8s_state.h"

static void what_was_saved_is_loaded_again(void **state)
{
    const char *path = tempdir_path(*state, "k8s.json");
    const struct k8s_state saved = {.phase = K8S_ROLLING,
                                    .command_id = "c-1",
                                    .version = "0.2.0",
                                    .workload = "s/daemonset/w",
                                    .updated = 2,
                                    .total = 5,
                                    .reason = "2 of 5 pods are updated",
                                    .since_ms = 42};
    struct k8s_state loaded;
    struct err err = {0};
    assert_int_equal(k8s_state_save(path, &saved, &err), 0);
    k8s_state_load(path, &loaded);
    assert_int_equal(loaded.phase, K8S_ROLLING);
    assert_string_equal(loaded.command_id, "c-1");
    assert_string_equal(loaded.version, "0.2.0");
    assert_string_equal(loaded.workload, "s/daemonset/w");
    assert_string_equal(loaded.reason, "2 of 5 pods are updated");
    assert_true(loaded.updated == 2 && loaded.total == 5 && loaded.since_ms == 42);
    assert_true(k8s_state_under_way(&loaded));
}

static void a_missing_or_damaged_file_is_nothing_under_way(void **state)
{
    static const char *const damaged[] = {"",
                                          "{",
                                          "[]",
                                          "{\"phase\":\"dancing\"}",
                                          "{\"phase\":7}",
                                          "{\"phase\":\"rolling\",\"updated\":-1}",
                                          "{\"phase\":\"rolling\",\"version\":7}"};
    struct k8s_state loaded;
    struct err err;
    k8s_state_load(tempdir_path(*state, "absent.json"), &loaded);
    assert_int_equal(loaded.phase, K8S_NONE);
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        const char *path = tempdir_path(*state, "damaged.json");
        assert_int_equal(file_write(path, damaged[i], strlen(damaged[i]), 0600, &err), 0);
        k8s_state_load(path, &loaded);
        assert_int_equal(loaded.phase, K8S_NONE);
        assert_false(k8s_state_under_way(&loaded));
    }
}

static json_t *told(const struct k8s_state *s, const char *state, int64_t now_ms)
{
    json_t *update = json_pack("{s:s, s:s, s:s}", "state", state, "version", "0.3.0", "reason", "its own");
    assert_true(k8s_state_tell(s, now_ms, update));
    return update;
}

static void assert_told(const struct k8s_state *s, const char *state, int64_t now_ms, const char *expected)
{
    json_t *update = told(s, state, now_ms);
    char *text = json_dumps(update, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(update);
}

static void a_heartbeat_tells_how_a_roll_out_goes(void **state)
{
    (void)state;
    struct k8s_state s = {.phase = K8S_ROLLING, .version = "0.2.0", .updated = 1, .total = 3, .reason = "1 of 3"};
    static const char rolling[] =
        "{\"percent\":33,\"reason\":\"1 of 3\",\"state\":\"available\",\"version\":\"0.2.0\"}";
    assert_told(&s, "idle", 0, rolling);
    assert_told(&s, "available", INT64_MAX, rolling);
    s.total = 0;
    s.updated = 0;
    s.phase = K8S_STARTING;
    assert_told(&s, "idle", 0, "{\"percent\":0,\"reason\":\"1 of 3\",\"state\":\"available\",\"version\":\"0.2.0\"}");
    s.phase = K8S_FAILED;
    assert_told(&s, "available", 1, "{\"reason\":\"1 of 3\",\"state\":\"failed\",\"version\":\"0.2.0\"}");
}

static void what_is_over_and_what_a_host_does_itself_stays_as_it_was(void **state)
{
    (void)state;
    static const char own[] = "{\"reason\":\"its own\",\"state\":\"%s\",\"version\":\"0.3.0\"}";
    struct k8s_state s = {.phase = K8S_ROLLING, .version = "0.2.0", .updated = 1, .total = 3};
    char expected[200];
    (void)snprintf(expected, sizeof expected, own, "downloading");
    assert_told(&s, "downloading", 0, expected);
    (void)snprintf(expected, sizeof expected, own, "idle");
    s.phase = K8S_DONE;
    assert_told(&s, "idle", 0, expected);
    s.phase = K8S_NONE;
    assert_told(&s, "idle", 0, expected);
    s.phase = K8S_FAILED;
    assert_told(&s, "idle", INT64_C(25) * 60 * 60 * 1000, expected);
}

static void a_reason_that_is_no_text_stops_nothing(void **state)
{
    (void)state;
    const struct k8s_state s = {.phase = K8S_FAILED, .reason = "\xff"};
    json_t *update = told(&s, "idle", 0);
    assert_string_equal(json_string_value(json_object_get(update, "state")), "failed");
    assert_non_null(json_string_value(json_object_get(update, "reason")));
    json_decref(update);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_saved_is_loaded_again, tempdir_setup, tempdir_teardown),
        cmocka_unit_test_setup_teardown(a_missing_or_damaged_file_is_nothing_under_way, tempdir_setup,
                                        tempdir_teardown),
        cmocka_unit_test(a_heartbeat_tells_how_a_roll_out_goes),
        cmocka_unit_test(what_is_over_and_what_a_host_does_itself_stays_as_it_was),
        cmocka_unit_test(a_reason_that_is_no_text_stops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
