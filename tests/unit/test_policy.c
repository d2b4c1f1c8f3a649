/* The table of rules: every default is a good value, and every bound is where it says. */
#include "fixture_db.h"

#include <inttypes.h>

#include "policy/rules.h"

static void every_rule_is_set_by_its_default_and_comes_back_as_it_was(void **state)
{
    (void)state;
    for (const struct rule *rule = policy_rules; rule->name != NULL; rule++) {
        struct policy policy = {0};
        char text[RULE_TEXT_SIZE];
        assert_true(rule_parse(rule, rule->fallback, &policy));
        rule_format(rule, &policy, text);
        assert_string_equal(text, rule->fallback);
        assert_ptr_equal(rule_find(rule->name), rule);
    }
    assert_null(rule_find("no.such.rule"));
    assert_null(rule_find(""));
}

static bool takes(const struct rule *rule, int64_t number)
{
    char text[32];
    struct policy policy = {0};
    (void)snprintf(text, sizeof text, "%" PRId64, number);
    return rule_parse(rule, text, &policy);
}

static void numbers_are_good_up_to_their_bounds_and_no_further(void **state)
{
    (void)state;
    for (const struct rule *rule = policy_rules; rule->name != NULL; rule++) {
        if (rule->type != RULE_INT)
            continue;
        assert_true(takes(rule, rule->min));
        assert_true(takes(rule, rule->max));
        assert_false(takes(rule, rule->max + 1));
        assert_false(takes(rule, rule->min - 1));
        if (rule->least > 0) {
            assert_true(takes(rule, 0));
            assert_true(takes(rule, rule->least));
            assert_false(takes(rule, rule->least - 1));
        }
    }
}

static void what_is_no_number_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", " 5", "5 ", "+5", "-1", "5x", "0x5", "1e2", "99999999999999999999", "five"};
    const struct rule *rule = rule_find("logs.days");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct policy policy = {.log_days = 77};
        assert_false(rule_parse(rule, wrong[i], &policy));
        assert_int_equal(policy.log_days, 77);
    }
}

static void switches_are_true_or_false(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "1", "True", "yes", "true "};
    struct policy policy = {0};
    const struct rule *rule = rule_find("auth.mfa.required");
    assert_true(rule_parse(rule, "true", &policy));
    assert_true(policy.mfa_required);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(rule_parse(rule, wrong[i], &policy));
    assert_true(policy.mfa_required);
}

static void the_issuer_is_text_that_people_can_read(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "a:b", "a\nb", "a\x1b", "a\x7f", "a\xe2\x80\xaez", "a\xe2\x80\x8f",
                                        "a\xff"};
    struct policy policy = {0};
    const struct rule *rule = rule_find("auth.mfa.issuer");
    char longest[POLICY_ISSUER_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[POLICY_ISSUER_MAX] = '\0';
    assert_true(rule_parse(rule, longest, &policy));
    longest[POLICY_ISSUER_MAX] = 'x';
    longest[POLICY_ISSUER_MAX + 1] = '\0';
    assert_false(rule_parse(rule, longest, &policy));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(rule_parse(rule, wrong[i], &policy));
    assert_true(rule_parse(rule,
                           "B\xc3\xbc"
                           "cher \xf0\x9f\x94\x92",
                           &policy));
}

static void what_is_not_in_the_database_or_out_of_bounds_has_its_default(void **state)
{
    struct fixture *f = *state;
    struct policy policy;
    struct err err = {0};
    fixture_script(
        f, "INSERT INTO policy (name, value, updated_ms) VALUES ('logs.rows', '500', 0), ('audit.days', '1', 0), "
           "('of.tomorrow', '1', 0)");
    expect_ok(policy_load(f->db, &policy, &err), &err);
    assert_int_equal(policy.log_rows, 500);
    assert_int_equal(policy.audit_days, 0);
    assert_true(policy.mfa_enabled);
    assert_string_equal(policy.mfa_issuer, "Muster");
    assert_int_equal(policy.backup_codes, 10);
    assert_int_equal(policy.trusted_device_days, 30);
}

static void a_factor_that_nobody_may_set_up_is_required_of_nobody(void **state)
{
    (void)state;
    struct policy policy;
    policy_defaults(&policy);
    assert_null(rules_conflict(&policy));
    policy.mfa_required = true;
    assert_null(rules_conflict(&policy));
    policy.mfa_enabled = false;
    assert_non_null(rules_conflict(&policy));
    policy.mfa_required = false;
    assert_null(rules_conflict(&policy));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_set_by_its_default_and_comes_back_as_it_was),
        cmocka_unit_test(numbers_are_good_up_to_their_bounds_and_no_further),
        cmocka_unit_test(what_is_no_number_is_refused_and_changes_nothing),
        cmocka_unit_test(switches_are_true_or_false),
        cmocka_unit_test(the_issuer_is_text_that_people_can_read),
        cmocka_unit_test_setup_teardown(what_is_not_in_the_database_or_out_of_bounds_has_its_default, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(a_factor_that_nobody_may_set_up_is_required_of_nobody),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
