/* Plans of rollouts as text: what is read comes back the same, what is wrong is named. And the states of members. */
#include "unit.h"

#include <string.h>

#include "rollout/member.h"
#include "rollout/rollout_plan.h"

static const char *wrong_at(const char *text, struct rollout_plan *plan)
{
    static struct jsonread_error wrong;
    struct jsonread r;
    json_t *body = json_loads(text, 0, NULL);
    assert_non_null(body);
    wrong = (struct jsonread_error){0};
    rollout_plan_default(plan);
    jsonread_init(&r, body, &wrong);
    rollout_plan_read(&r, plan);
    json_decref(body);
    return wrong.failed ? wrong.pointer : NULL;
}

static void what_is_left_out_keeps_its_value(void **state)
{
    struct rollout_plan plan;
    (void)state;
    assert_null(wrong_at("{}", &plan));
    assert_int_equal(plan.stage_count, 4);
    assert_int_equal(plan.stages[0].count, 5);
    assert_int_equal(plan.max_in_flight, 50);
    assert_null(
        wrong_at("{\"pace\":{\"maxPerMinute\":3},\"thresholds\":{\"failedPercent\":null,\"failedCount\":2}}", &plan));
    assert_int_equal(plan.max_in_flight, 50);
    assert_int_equal(plan.max_per_minute, 3);
    assert_int_equal(plan.fail_percent, ROLLOUT_NO_LIMIT);
    assert_int_equal(plan.fail_count, 2);
    assert_int_equal(plan.error_factor, 5);
}

static void what_is_wrong_is_named(void **state)
{
    static const char *const cases[][2] = {
        {"{\"stages\":[]}", "/stages"},
        {"{\"stages\":[{\"soakS\":1}]}", "/stages/0/count"},
        {"{\"stages\":[{\"count\":1,\"percent\":1}]}", "/stages/0/percent"},
        {"{\"stages\":[{\"percent\":0}]}", "/stages/0/percent"},
        {"{\"stages\":[{\"percent\":50},{\"percent\":49}]}", "/stages"},
        {"{\"stages\":[{\"count\":2},{\"count\":1}]}", "/stages"},
        {"{\"stages\":[{\"count\":2,\"advance\":\"soon\"}]}", "/stages/0/advance"},
        {"{\"windows\":[{\"from\":\"22:00\"}]}", "/windows/0/to"},
        {"{\"windows\":[{\"from\":\"24:00\",\"to\":\"01:00\"}]}", "/windows/0/from"},
        {"{\"windows\":[{\"from\":\"1:000\",\"to\":\"01:00\"}]}", "/windows/0/from"},
        {"{\"windows\":[{\"from\":\"12:60\",\"to\":\"01:00\"}]}", "/windows/0/from"},
        {"{\"windows\":[{\"from\":\"01:00\",\"to\":\"01:00\"}]}", "/windows/0/to"},
        {"{\"windows\":[{\"days\":[\"Mon\"],\"from\":\"01:00\",\"to\":\"02:00\"}]}", "/windows/0/days"},
        {"{\"pace\":{\"maxInFlight\":0}}", "/pace/maxInFlight"},
        {"{\"pace\":5}", "/pace"},
        {"{\"thresholds\":{\"errorFactor\":1}}", "/thresholds/errorFactor"},
        {"{\"silenceS\":9}", "/silenceS"},
    };
    struct rollout_plan plan;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *pointer = wrong_at(cases[i][0], &plan);
        if (pointer == NULL)
            fail_msg("%s was taken", cases[i][0]);
        else
            assert_string_equal(pointer, cases[i][1]);
    }
}

static void a_plan_that_is_stored_comes_back_the_same(void **state)
{
    struct rollout_plan plan, back = {0};
    struct err err = {0};
    (void)state;
    assert_null(wrong_at(
        "{\"stages\":[{\"count\":3,\"soakS\":7,\"advance\":\"manual\"},{\"percent\":40,\"k8s\":\"automatic\"}],"
        "\"windows\":[{\"days\":[\"sat\",\"sun\"],\"from\":\"22:30\",\"to\":\"04:00\"},"
        "{\"from\":\"10:00\",\"to\":\"24:00\"}]}",
        &plan));
    json_t *stages_list = rollout_stages_json(&plan), *windows_list = rollout_windows_json(&plan);
    char *stages = json_dumps(stages_list, 0), *windows = json_dumps(windows_list, 0);
    assert_int_equal(rollout_plan_load(stages, windows, &back, &err), 0);
    assert_int_equal(back.stage_count, 2);
    assert_memory_equal(back.stages, plan.stages, 2 * sizeof plan.stages[0]);
    assert_int_equal(back.window_count, 2);
    assert_memory_equal(back.windows, plan.windows, 2 * sizeof plan.windows[0]);
    assert_int_equal(rollout_plan_load("[]", windows, &back, &err), ERR_CORRUPT);
    assert_int_equal(rollout_plan_load(stages, "{", &back, &err), ERR_CORRUPT);
    assert_int_equal(rollout_plan_load(NULL, NULL, &back, &err), ERR_CORRUPT);
    free(stages);
    free(windows);
    json_decref(stages_list);
    json_decref(windows_list);
}

static void short_forms_of_stages_are_numbers_and_percentages(void **state)
{
    static const char *const wrong[] = {"", "0", "0%", "101%", "%", "5 %", "5%%", "-1", "1.5", "five", "01", "5%5"};
    struct rollout_stage stage = {0};
    struct err err = {0};
    (void)state;
    assert_int_equal(rollout_stage_parse("12", &stage, &err), 0);
    assert_int_equal(stage.count, 12);
    assert_int_equal(rollout_stage_parse("100%", &stage, &err), 0);
    assert_int_equal(stage.percent, 100);
    assert_int_equal(stage.count, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(rollout_stage_parse(wrong[i], &stage, &err), ERR_INVALID);
}

static void short_forms_of_windows_take_days_ranges_and_none(void **state)
{
    static const struct {
        const char *text;
        unsigned days;
        int from, to;
    } right[] = {{"22:00-04:00", 0x7f, 1320, 240},        {"mon 00:00-24:00", 1, 0, 1440},
                 {"mon-fri 08:00-09:00", 0x1f, 480, 540}, {"fri-mon 08:00-09:00", 0x71, 480, 540},
                 {"sat,sun 08:00-09:00", 0x60, 480, 540}, {"mon,wed-thu 08:00-09:00", 0x0d, 480, 540}};
    static const char *const wrong[] = {"",
                                        "mon",
                                        "mon-",
                                        "08:00",
                                        "08:00-08:00",
                                        "8:00-9:00",
                                        "mon08:00-09:00",
                                        "mon,,tue 08:00-09:00",
                                        "08:00-09:00 ",
                                        "25:00-26:00"};
    struct rollout_window w;
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_int_equal(rollout_window_parse(right[i].text, &w, &err), 0);
        assert_int_equal(w.days, right[i].days);
        assert_int_equal(w.from_min, right[i].from);
        assert_int_equal(w.to_min, right[i].to);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (rollout_window_parse(wrong[i], &w, &err) != ERR_INVALID)
            fail_msg("%s was taken", wrong[i]);
}

static enum member_state after(enum member_state member, enum update_state report)
{
    enum member_state to = member;
    (void)member_after_report(member, report, &to);
    return to;
}

static void a_member_follows_what_its_agent_says(void **state)
{
    (void)state;
    assert_int_equal(after(MEMBER_OFFERED, UPDATE_DOWNLOADING), MEMBER_DOWNLOADING);
    assert_int_equal(after(MEMBER_OFFERED, UPDATE_COMMITTED), MEMBER_COMMITTED);
    assert_int_equal(after(MEMBER_TRIAL, UPDATE_RESTORED), MEMBER_RESTORED);
    assert_int_equal(after(MEMBER_TRIAL, UPDATE_IDLE), MEMBER_TRIAL);
    assert_int_equal(after(MEMBER_WAITING, UPDATE_SKIPPED), MEMBER_SKIPPED);
}

static void what_has_ended_by_the_agents_word_stays_ended(void **state)
{
    (void)state;
    assert_int_equal(after(MEMBER_COMMITTED, UPDATE_DOWNLOADING), MEMBER_COMMITTED);
    assert_int_equal(after(MEMBER_COMMITTED, UPDATE_FAILED), MEMBER_COMMITTED);
    assert_int_equal(after(MEMBER_RESTORED, UPDATE_COMMITTED), MEMBER_RESTORED);
    assert_int_equal(after(MEMBER_UNHEALTHY, UPDATE_COMMITTED), MEMBER_UNHEALTHY);
    assert_int_equal(after(MEMBER_SKIPPED, UPDATE_TRIAL), MEMBER_SKIPPED);
}

static void one_that_was_only_late_is_believed(void **state)
{
    (void)state;
    assert_int_equal(after(MEMBER_SILENT, UPDATE_TRIAL), MEMBER_TRIAL);
    assert_int_equal(after(MEMBER_SILENT, UPDATE_COMMITTED), MEMBER_COMMITTED);
    assert_int_equal(after(MEMBER_FAILED, UPDATE_COMMITTED), MEMBER_COMMITTED);
    assert_int_equal(after(MEMBER_FAILED, UPDATE_DOWNLOADING), MEMBER_FAILED);
}

static void one_without_an_offer_counts_only_when_it_cannot_be_stopped(void **state)
{
    (void)state;
    assert_int_equal(after(MEMBER_PENDING, UPDATE_DOWNLOADING), MEMBER_PENDING);
    assert_int_equal(after(MEMBER_PENDING, UPDATE_FAILED), MEMBER_PENDING);
    assert_int_equal(after(MEMBER_PENDING, UPDATE_TRIAL), MEMBER_TRIAL);
    assert_int_equal(after(MEMBER_CANCELLED, UPDATE_COMMITTED), MEMBER_COMMITTED);
    assert_int_equal(after(MEMBER_CANCELLED, UPDATE_WAITING), MEMBER_CANCELLED);
}

static void where_a_member_begins_depends_on_what_it_runs(void **state)
{
    const char *why = NULL;
    struct member_facts facts = {.version = "0.1.0", .target = "0.2.0", .can_update = true};
    (void)state;
    assert_int_equal(member_first_state(&facts, true, &why), MEMBER_PENDING);
    facts.version = "0.2.0";
    assert_int_equal(member_first_state(&facts, true, &why), MEMBER_CURRENT);
    facts.version = "0.3.0";
    assert_int_equal(member_first_state(&facts, true, &why), MEMBER_SKIPPED);
    facts.downgrade = true;
    assert_int_equal(member_first_state(&facts, true, &why), MEMBER_PENDING);
    facts = (struct member_facts){.version = "", .target = "0.2.0"};
    assert_int_equal(member_first_state(&facts, false, &why), MEMBER_PENDING);
    facts.version = "0.1.0";
    assert_int_equal(member_first_state(&facts, false, &why), MEMBER_PENDING);
    assert_int_equal(member_first_state(&facts, true, &why), MEMBER_SKIPPED);
    facts.container = true;
    assert_int_equal(member_first_state(&facts, true, &why), MEMBER_AVAILABLE);
}

static void the_end_of_a_deadline_depends_on_who_is_still_heard(void **state)
{
    struct member_overdue o = {.state = MEMBER_DOWNLOADING, .version = "0.1.0", .target = "0.2.0"};
    (void)state;
    assert_int_equal(member_after_deadline(&o), MEMBER_SILENT);
    o.heard = true;
    assert_int_equal(member_after_deadline(&o), MEMBER_FAILED);
    o.state = MEMBER_WAITING;
    assert_int_equal(member_after_deadline(&o), MEMBER_AWAY);
    o.version = "0.2.0";
    assert_int_equal(member_after_deadline(&o), MEMBER_COMMITTED);
    o.state = MEMBER_TRIAL;
    assert_int_equal(member_after_deadline(&o), MEMBER_FAILED);
}

static void capabilities_are_whole_words_of_a_list(void **state)
{
    (void)state;
    assert_true(member_capable("[\"backup\",\"update\"]", "update"));
    assert_false(member_capable("[\"updates\",5,null]", "update"));
    assert_false(member_capable("\"update\"", "update"));
    assert_false(member_capable("[", "update"));
    assert_false(member_capable(NULL, "update"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_keeps_its_value),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_plan_that_is_stored_comes_back_the_same),
        cmocka_unit_test(short_forms_of_stages_are_numbers_and_percentages),
        cmocka_unit_test(short_forms_of_windows_take_days_ranges_and_none),
        cmocka_unit_test(a_member_follows_what_its_agent_says),
        cmocka_unit_test(what_has_ended_by_the_agents_word_stays_ended),
        cmocka_unit_test(one_that_was_only_late_is_believed),
        cmocka_unit_test(one_without_an_offer_counts_only_when_it_cannot_be_stopped),
        cmocka_unit_test(where_a_member_begins_depends_on_what_it_runs),
        cmocka_unit_test(the_end_of_a_deadline_depends_on_who_is_still_heard),
        cmocka_unit_test(capabilities_are_whole_words_of_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
