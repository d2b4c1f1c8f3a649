#include "../unit.h"

#include "common/file.h"
#include "tempdir.h"
#include "update/update_state.h"

static void every_state_survives_the_disk(void **state)
{
    const char *path = tempdir_path(*state, "state.json");
    for (int i = UPDATE_IDLE; i <= UPDATE_AVAILABLE; i++) {
        struct update_state r = {.step = (enum update_step)i, .version = "0.2.0", .rollout_id = "r-1", .since_ms = 5};
        struct update_state back;
        struct err err = {0};
        (void)snprintf(r.reason, sizeof r.reason, "because of %d", i);
        assert_int_equal(update_state_save(path, &r, &err), 0);
        update_state_load(path, &back);
        assert_int_equal(back.step, i);
        assert_string_equal(back.version, "0.2.0");
        assert_string_equal(back.rollout_id, "r-1");
        assert_string_equal(back.reason, r.reason);
        assert_int_equal(back.since_ms, 5);
    }
}

static void a_heartbeat_says_only_what_there_is(void **state)
{
    (void)state;
    struct update_state r = {.step = UPDATE_IDLE};
    json_t *o = update_state_json(&r);
    assert_int_equal(json_object_size(o), 1);
    assert_string_equal(json_string_value(json_object_get(o, "state")), "idle");
    json_decref(o);
    r = (struct update_state){.step = UPDATE_DOWNLOADING, .version = "0.2.0", .percent = 42};
    o = update_state_json(&r);
    assert_int_equal(json_object_size(o), 3);
    assert_int_equal(json_integer_value(json_object_get(o, "percent")), 42);
    json_decref(o);
}

static void a_reason_that_is_no_utf8_costs_the_reason_alone(void **state)
{
    (void)state;
    struct update_state r = {.step = UPDATE_FAILED, .version = "0.2.0", .reason = "a path: \xff\xfe"};
    json_t *o = update_state_json(&r);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "version")), "0.2.0");
    assert_non_null(json_object_get(o, "reason"));
    json_decref(o);
}

static void a_damaged_file_is_idle(void **state)
{
    static const char *const damaged[] = {"", "{\"state\":\"dancing\"}", "{\"state\":\"trial\",\"percent\":101}", "[]"};
    const char *path = tempdir_path(*state, "state.json");
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        struct update_state r = {.step = UPDATE_TRIAL};
        struct err err = {0};
        assert_int_equal(file_write(path, damaged[i], strlen(damaged[i]), 0600, &err), 0);
        update_state_load(path, &r);
        assert_int_equal(r.step, UPDATE_IDLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_survives_the_disk),
        cmocka_unit_test(a_heartbeat_says_only_what_there_is),
        cmocka_unit_test(a_reason_that_is_no_utf8_costs_the_reason_alone),
        cmocka_unit_test(a_damaged_file_is_idle),
    };
    return cmocka_run_group_tests(tests, tempdir_setup, tempdir_teardown);
}
