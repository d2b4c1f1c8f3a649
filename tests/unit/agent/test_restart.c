#include "../unit.h"

#include <string.h>

#include "poll/restart.h"

static void assert_unit(const char *cgroup, const char *unit)
{
    char found[256] = "";
    assert_int_equal(restart_unit_of(cgroup, found), unit != NULL);
    assert_string_equal(found, unit != NULL ? unit : "");
}

static void the_unit_is_found_in_either_kind_of_cgroup(void **state)
{
    (void)state;
    assert_unit("0::/system.slice/muster-agent.service\n", "muster-agent.service");
    assert_unit("12:pids:/system.slice/muster-agent.service\n1:name=systemd:/system.slice/muster-agent.service\n",
                "muster-agent.service");
    assert_unit("0::/system.slice/muster-agent.service/sub\n", "muster-agent.service");
    assert_unit("0::/system.slice/system-muster.slice/muster-agent@a.service\n", "muster-agent@a.service");
}

static void what_is_no_service_is_none(void **state)
{
    (void)state;
    assert_unit("", NULL);
    assert_unit("0::/\n", NULL);
    assert_unit("0::/user.slice/user-0.slice/session-1.scope\n", NULL);
    assert_unit("0::/system.slice/muster.servicex\n", NULL);
    assert_unit("muster.service\n", NULL);
}

static void a_name_that_could_be_an_option_is_refused(void **state)
{
    (void)state;
    assert_unit("0::/system.slice/--now.service\n", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unit_is_found_in_either_kind_of_cgroup),
        cmocka_unit_test(what_is_no_service_is_none),
        cmocka_unit_test(a_name_that_could_be_an_option_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
