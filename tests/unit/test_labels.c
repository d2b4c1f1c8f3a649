/* Labels, and how they are looked for. */
#include "unit.h"

#include <string.h>

#include "fleet/labels.h"

static void a_label_becomes_what_stands_in_the_stored_object(void **state)
{
    static const char *const cases[][3] = {
        {"", "", ""},
        {"Env", "{\"env\":%", "%,\"env\":%"},
        {"env=Prod", "{\"env\":\"prod\"%", "%,\"env\":\"prod\"%"},
        {"env=", "{\"env\":\"\"%", "%,\"env\":\"\"%"},
        {"a=b=c", "{\"a\":\"b=c\"%", "%,\"a\":\"b=c\"%"},
        {"50%_\\", "{\"50\\%\\_\\\\\\\\\":%", "%,\"50\\%\\_\\\\\\\\\":%"},
        {"q=\"", "{\"q\":\"\\\\\"\"%", "%,\"q\":\"\\\\\"\"%"},
    };
    struct label_patterns p;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(label_patterns(cases[i][0], &p));
        assert_string_equal(p.first, cases[i][1]);
        assert_string_equal(p.next, cases[i][2]);
    }
}

static void what_is_no_label_is_refused(void **state)
{
    struct label_patterns p;
    char text[LABEL_NAME_MAX + LABEL_VALUE_MAX + 3];
    (void)state;
    assert_false(label_patterns("=x", &p));
    assert_false(label_patterns("\xff", &p));
    assert_false(label_patterns("a=\xff", &p));
    memset(text, 'n', sizeof text);
    text[LABEL_NAME_MAX] = '\0';
    assert_true(label_patterns(text, &p));
    text[LABEL_NAME_MAX] = 'n';
    text[LABEL_NAME_MAX + 1] = '\0';
    assert_false(label_patterns(text, &p));
    memset(text, '%', sizeof text);
    text[1] = '=';
    text[LABEL_VALUE_MAX + 2] = '\0';
    assert_true(label_patterns(text, &p));
    memset(text, 'v', sizeof text);
    text[1] = '=';
    text[sizeof text - 1] = '\0';
    assert_false(label_patterns(text, &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_becomes_what_stands_in_the_stored_object),
        cmocka_unit_test(what_is_no_label_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
