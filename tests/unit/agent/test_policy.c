#include "../unit.h"

#include <string.h>

#include "update/policy.h"

enum { NOW = 1000000 };

static struct policy_host host(void)
{
    return (struct policy_host){.own_version = "0.1.0", .bucket = 42, .percent = 100, .now_ms = NOW};
}

static struct policy_offer offer(const char *version)
{
    struct policy_offer o = {.not_before_ms = 0};
    (void)strcpy(o.version, version);
    return o;
}

static void assert_act(struct policy_offer o, struct policy_host h, enum policy_act act, const char *reason)
{
    struct policy_decision d = policy_decide(&o, &h);
    assert_int_equal(d.act, act);
    assert_non_null(strstr(d.reason, reason));
}

static void a_newer_version_is_installed(void **state)
{
    (void)state;
    assert_act(offer("0.2.0"), host(), POLICY_INSTALL, "");
    assert_act(offer("0.1.1-rc.1"), host(), POLICY_INSTALL, "");
}

static void nothing_offered_or_the_same_version_is_nothing(void **state)
{
    (void)state;
    assert_act(offer(""), host(), POLICY_NOTHING, "");
    assert_act(offer("0.1.0"), host(), POLICY_NOTHING, "");
    assert_act(offer("0.1.0+build.7"), host(), POLICY_NOTHING, "");
}

static void what_is_no_version_is_skipped(void **state)
{
    (void)state;
    assert_act(offer("latest"), host(), POLICY_SKIP, "no version");
    assert_act(offer("../../0.2.0"), host(), POLICY_SKIP, "no version");
}

static void an_older_version_needs_to_be_said_so(void **state)
{
    (void)state;
    struct policy_offer o = offer("0.0.9");
    assert_act(o, host(), POLICY_SKIP, "older than 0.1.0");
    o.force = true;
    assert_act(o, host(), POLICY_SKIP, "older than 0.1.0");
    o.downgrade = true;
    assert_act(o, host(), POLICY_INSTALL, "");
}

static void a_mode_that_touches_nothing_reports_or_does_not(void **state)
{
    (void)state;
    struct policy_host h = host();
    h.mode = POLICY_MODE_REPORT;
    h.mode_reason = "a container";
    assert_act(offer("0.2.0"), h, POLICY_REPORT, "a container");
    h.mode = POLICY_MODE_OFF;
    h.mode_reason = "UPDATE_MODE is disabled";
    assert_act(offer("0.2.0"), h, POLICY_SKIP, "disabled");
}

static void the_host_holds_against_an_operator_who_forces(void **state)
{
    (void)state;
    struct policy_offer o = offer("0.2.0");
    struct policy_host h = host();
    o.force = true;
    o.minimum = true;
    h.pin = "0.1.0";
    assert_act(o, h, POLICY_SKIP, "UPDATE_PIN");
    h.pin = "0.2.0";
    assert_act(o, h, POLICY_INSTALL, "");
    h.skip_reason = "crashed: signal 6";
    assert_act(o, h, POLICY_SKIP, "signal 6");
    h.skip_reason = NULL;
    h.percent = 42; /* buckets 0 to 41 */
    assert_act(o, h, POLICY_SKIP, "UPDATE_ROLLOUT_PERCENT");
    h.percent = 43;
    assert_act(o, h, POLICY_INSTALL, "");
}

static void slot_and_window_are_waited_for(void **state)
{
    (void)state;
    struct policy_offer o = offer("0.2.0");
    struct policy_host h = host();
    o.not_before_ms = NOW + 5;
    h.window_opens_ms = NOW + 9;
    struct policy_decision d = policy_decide(&o, &h);
    assert_int_equal(d.act, POLICY_WAIT);
    assert_int_equal(d.until_ms, NOW + 5);
    h.now_ms = NOW + 5;
    d = policy_decide(&o, &h);
    assert_int_equal(d.act, POLICY_WAIT);
    assert_int_equal(d.until_ms, NOW + 9);
    assert_non_null(strstr(d.reason, "UPDATE_WINDOW"));
    h.now_ms = NOW + 9;
    assert_act(o, h, POLICY_INSTALL, "");
}

static void force_opens_both_and_a_minimum_only_the_slot(void **state)
{
    (void)state;
    struct policy_offer o = offer("0.2.0");
    struct policy_host h = host();
    o.not_before_ms = NOW + 5;
    h.window_opens_ms = NOW + 9;
    o.minimum = true;
    assert_act(o, h, POLICY_WAIT, "UPDATE_WINDOW");
    o.force = true;
    assert_act(o, h, POLICY_INSTALL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newer_version_is_installed),
        cmocka_unit_test(nothing_offered_or_the_same_version_is_nothing),
        cmocka_unit_test(what_is_no_version_is_skipped),
        cmocka_unit_test(an_older_version_needs_to_be_said_so),
        cmocka_unit_test(a_mode_that_touches_nothing_reports_or_does_not),
        cmocka_unit_test(the_host_holds_against_an_operator_who_forces),
        cmocka_unit_test(slot_and_window_are_waited_for),
        cmocka_unit_test(force_opens_both_and_a_minimum_only_the_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
