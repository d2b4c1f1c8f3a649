/* CSV out of rows, and the queries of lists. */
#include "unit.h"

#include <string.h>

#include "http/csv.h"
#include "http/list.h"

static const char *cell(struct buf *out, const char *text)
{
    buf_clear(out);
    csv_text(out, true, text);
    return buf_str(out);
}

static void what_a_spreadsheet_would_run_is_made_plain(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"=1+1", "'=1+1"},
        {"+1", "'+1"},
        {"-1", "'-1"},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"\tx", "' x"},
        {"\rx", "' x"},
        {"\n=1", "' =1"},
        {"a\x7f\x1b[2J", "a  [2J"},
        {"=\"a\",b", "\"'=\"\"a\"\",b\""},
        {"a=1", "a=1"},
        {" =1", "\"' =1\""},
        {"\"=1", "\"'\"\"=1\""},
        {"a;=1+1", "a;'=1+1"},
        {"a; \"@x", "\"a;' \"\"@x\""},
        {"a;;-1", "a;;'-1"},
        {"a;\t+1", "a;' +1"},
        {"a;b", "a;b"},
        {"a,b", "\"a,b\""},
        {"a\"b", "\"a\"\"b\""},
        {"a\r\nb", "a  b"},
        {" a", "\" a\""},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
    };
    struct buf out;
    (void)state;
    buf_init(&out, 1024);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(cell(&out, cases[i][0]), cases[i][1]);
    buf_done(&out);
}

static void a_row_has_a_cell_for_each_column(void **state)
{
    static const struct csv_column columns[] = {
        {"name", "name", CSV_PLAIN},         {"count", "count", CSV_PLAIN}, {"when", "when_ms", CSV_TIME},
        {"how", "last.status", CSV_PLAIN},   {"gone", "gone", CSV_PLAIN},   {"null", "null", CSV_PLAIN},
        {"never", "never_ms", CSV_TIME},     {"yes", "yes", CSV_PLAIN},     {"list", "list", CSV_PLAIN},
        {"deep", "name.further", CSV_PLAIN}, {NULL, NULL, CSV_PLAIN},
    };
    struct buf out;
    (void)state;
    buf_init(&out, 1024);
    json_t *row =
        json_pack("{s:s,s:i,s:I,s:{s:s},s:n,s:n,s:b,s:[s]}", "name", "-n", "count", -5, "when_ms",
                  (json_int_t)1771185600000, "last", "status", "failed", "null", "never_ms", "yes", 1, "list", "a");
    csv_head(&out, columns);
    csv_row(&out, columns, row);
    assert_string_equal(buf_str(&out), "name,count,when,how,gone,null,never,yes,list,deep\r\n"
                                       "'-n,-5,2026-02-15T20:00:00.000Z,failed,,,,true,\"[\"\"a\"\"]\",\r\n");
    json_decref(row);
    buf_done(&out);
}

static void a_search_takes_every_character_as_it_is(void **state)
{
    char pattern[LIST_PATTERN_SIZE], longest[2 * LIST_Q_MAX];
    (void)state;
    list_pattern(NULL, pattern);
    assert_string_equal(pattern, "");
    list_pattern("", pattern);
    assert_string_equal(pattern, "");
    list_pattern("Web_1%\\", pattern);
    assert_string_equal(pattern, "%web\\_1\\%\\\\%");
    memset(longest, '%', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    list_pattern(longest, pattern);
    assert_int_equal(strlen(pattern), 2 * LIST_Q_MAX + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_spreadsheet_would_run_is_made_plain),
        cmocka_unit_test(a_row_has_a_cell_for_each_column),
        cmocka_unit_test(a_search_takes_every_character_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
