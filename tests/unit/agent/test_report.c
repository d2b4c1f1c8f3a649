#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "backup/report.h"

static const char *shown(const char *path)
{
    static char ret[64];
    report_printable(path, ret, sizeof ret);
    return ret;
}

static void a_plain_name_stays_as_it_is(void **state)
{
    (void)state;
    assert_string_equal(shown("/srv/Grüße/日本.txt"), "/srv/Grüße/日本.txt");
}

static void control_characters_and_backslashes_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(shown("a\nb\x1b[31m\\c\x7f"), "a\\012b\\033[31m\\134c\\177");
}

static void bytes_that_are_not_utf8_are_escaped_one_by_one(void **state)
{
    (void)state;
    assert_string_equal(shown("\xff\xc3x\xe2\x82"), "\\377\\303x\\342\\202");
}

static void overlong_forms_surrogates_and_c1_controls_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(shown("\xc0\xaf"), "\\300\\257");
    assert_string_equal(shown("\xed\xa0\x80"), "\\355\\240\\200");
    assert_string_equal(shown("\xc2\x9b"), "\\302\\233");
    assert_string_equal(shown("\xf4\x90\x80\x80"), "\\364\\220\\200\\200");
}

static void a_long_name_is_cut_between_characters(void **state)
{
    (void)state;
    char ret[12];
    report_printable("0123456789", ret, sizeof ret);
    assert_string_equal(ret, "01234567…");
    report_printable("012345\xff\xff", ret, sizeof ret);
    assert_string_equal(ret, "012345…");
}

static void every_problem_is_counted_but_only_the_first_are_kept(void **state)
{
    (void)state;
    struct report r;
    report_init(&r);
    for (int i = 0; i < REPORT_PROBLEMS_MAX + 50; i++)
        report_problem(&r, i == 0 ? NULL : "/x\ny", "broken %d", i);
    json_t *errors = report_errors_json(&r);
    assert_int_equal(report_problems(&r), REPORT_PROBLEMS_MAX + 50);
    assert_int_equal(json_array_size(errors), REPORT_PROBLEMS_MAX);
    assert_null(json_object_get(json_array_get(errors, 0), "path"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(errors, 1), "path")), "/x\\012y");
    assert_string_equal(json_string_value(json_object_get(json_array_get(errors, 1), "message")), "broken 1");
    json_decref(errors);
    report_done(&r);
}

static const char *kind(const json_t *errors, size_t index)
{
    return json_string_value(json_object_get(json_array_get(errors, index), "kind"));
}

static void what_is_left_out_on_purpose_is_told_and_is_no_problem(void **state)
{
    (void)state;
    struct report r;
    report_init(&r);
    for (int i = 0; i < REPORT_SKIPPED_MAX + 5; i++)
        report_outcome(&r, "/socket", REPORT_SKIPPED, "a socket");
    report_outcome(&r, "/a", REPORT_UNREADABLE, "error %d", 5);
    report_outcome(&r, "/b", REPORT_VANISHED, "vanished");
    report_outcome(&r, "/c", REPORT_CHANGED, "changed");
    report_problem(&r, "/d", "else");
    json_t *errors = report_errors_json(&r);
    assert_int_equal(report_problems(&r), 4);
    assert_int_equal(report_count(&r, REPORT_SKIPPED), REPORT_SKIPPED_MAX + 5);
    assert_int_equal(report_count(&r, REPORT_CHANGED), 1);
    assert_int_equal(atomic_load(&r.skipped), REPORT_SKIPPED_MAX + 5);
    assert_int_equal(json_array_size(errors), 4 + REPORT_SKIPPED_MAX);
    assert_string_equal(kind(errors, 0), "unreadable");
    assert_string_equal(kind(errors, 1), "vanished");
    assert_string_equal(kind(errors, 2), "changed");
    assert_string_equal(kind(errors, 3), "other");
    assert_string_equal(kind(errors, 4), "skipped");
    json_decref(errors);
    report_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_name_stays_as_it_is),
        cmocka_unit_test(control_characters_and_backslashes_are_escaped),
        cmocka_unit_test(bytes_that_are_not_utf8_are_escaped_one_by_one),
        cmocka_unit_test(overlong_forms_surrogates_and_c1_controls_are_escaped),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(every_problem_is_counted_but_only_the_first_are_kept),
        cmocka_unit_test(what_is_left_out_on_purpose_is_told_and_is_no_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
