#include "../unit.h"

#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "update/update.h"

static enum policy_mode mode_of(const char *mode, enum deployment deployment, bool launcher, const char **ret_reason)
{
    struct agent agent = {.deployment = deployment};
    struct err err = {0};
    assert_int_equal(setenv("UPDATE_MODE", mode, 1), 0);
    assert_int_equal(settings_load(NULL, &agent.config, &err), 0);
    enum policy_mode found = update_mode(&agent, launcher, ret_reason);
    assert_int_equal(update_in_place_possible(&agent, launcher, ret_reason), found == POLICY_MODE_INSTALL);
    assert_int_equal((*ret_reason)[0] == '\0', found == POLICY_MODE_INSTALL);
    config_free(agent.config);
    return found;
}

static void a_machine_of_its_own_is_updated_in_place(void **state)
{
    (void)state;
    const char *reason;
    assert_int_equal(mode_of("auto", DEPLOYMENT_VM, true, &reason), POLICY_MODE_INSTALL);
    assert_int_equal(mode_of("vm-only", DEPLOYMENT_VM, true, &reason), POLICY_MODE_INSTALL);
}

static void a_container_never_is(void **state)
{
    (void)state;
    const char *reason;
    assert_int_equal(mode_of("auto", DEPLOYMENT_CONTAINER, true, &reason), POLICY_MODE_REPORT);
    assert_non_null(strstr(reason, "container"));
    assert_int_equal(mode_of("signal-only", DEPLOYMENT_CONTAINER, true, &reason), POLICY_MODE_REPORT);
    assert_int_equal(mode_of("vm-only", DEPLOYMENT_CONTAINER, true, &reason), POLICY_MODE_OFF);
    assert_int_equal(mode_of("disabled", DEPLOYMENT_CONTAINER, true, &reason), POLICY_MODE_OFF);
}

static void the_host_may_want_to_be_told_only_or_not_at_all(void **state)
{
    (void)state;
    const char *reason;
    assert_int_equal(mode_of("signal-only", DEPLOYMENT_VM, true, &reason), POLICY_MODE_REPORT);
    assert_non_null(strstr(reason, "signal-only"));
    assert_int_equal(mode_of("disabled", DEPLOYMENT_VM, true, &reason), POLICY_MODE_OFF);
    assert_non_null(strstr(reason, "disabled"));
}

static void without_a_launcher_nothing_is_replaced(void **state)
{
    (void)state;
    const char *reason;
    assert_int_equal(mode_of("auto", DEPLOYMENT_VM, false, &reason), POLICY_MODE_REPORT);
    assert_non_null(strstr(reason, "muster-launcher"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_of_its_own_is_updated_in_place),
        cmocka_unit_test(a_container_never_is),
        cmocka_unit_test(the_host_may_want_to_be_told_only_or_not_at_all),
        cmocka_unit_test(without_a_launcher_nothing_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
