#include "unit.h"

#include <string.h>

#include "common/canonjson.h"

static void assert_form(const char *json, const char *canonical)
{
    struct buf out;
    struct err err = {0};
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    buf_init(&out, 1000);
    assert_int_equal(canonjson_encode(value, &out, &err), 0);
    assert_string_equal(buf_str(&out), canonical);
    buf_done(&out);
    json_decref(value);
}

static void keys_are_sorted_and_nothing_stands_between(void **state)
{
    (void)state;
    assert_form("{ \"b\": [1, -2, true, null],\n \"a\": {}, \"B\": false, \"aa\": [] }",
                "{\"B\":false,\"a\":{},\"aa\":[],\"b\":[1,-2,true,null]}");
    assert_form("{\"\xc3\xa9\": 1, \"z\": 2, \"\": 3}", "{\"\":3,\"z\":2,\"\xc3\xa9\":1}");
}

static void only_quotes_and_backslashes_are_escaped(void **state)
{
    (void)state;
    assert_form("\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\"");
    assert_form("\"line\\nline\\t\\u0001 \\/ \\u00e9\"", "\"line\nline\t\x01 / \xc3\xa9\"");
    assert_form("{\"a\\nb\\\"\": \"\"}", "{\"a\nb\\\"\":\"\"}");
}

static void the_ends_of_the_integers_come_through(void **state)
{
    (void)state;
    assert_form("[9223372036854775807, -9223372036854775808, 0]", "[9223372036854775807,-9223372036854775808,0]");
}

static void a_real_number_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    struct buf out;
    struct err err = {0};
    json_t *value = json_loads("{\"a\": [1, {\"b\": 1.0}]}", 0, NULL);
    buf_init(&out, 100);
    assert_int_equal(canonjson_encode(value, &out, &err), ERR_INVALID);
    buf_done(&out);
    json_decref(value);
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    struct buf out;
    struct err err = {0};
    json_t *value = json_array();
    for (int i = 0; i < CANONJSON_DEPTH_MAX; i++)
        value = json_pack("[o]", value);
    buf_init(&out, 1000);
    assert_int_equal(canonjson_encode(value, &out, &err), 0);
    value = json_pack("[o]", value);
    assert_int_equal(canonjson_encode(value, &out, &err), ERR_INVALID);
    buf_done(&out);
    json_decref(value);
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct buf out;
    struct err err = {0};
    json_t *value = json_string("0123456789");
    buf_init(&out, 11);
    assert_int_equal(canonjson_encode(value, &out, &err), ERR_TOO_BIG);
    buf_done(&out);
    buf_init(&out, 12);
    assert_int_equal(canonjson_encode(value, &out, &err), 0);
    buf_done(&out);
    json_decref(value);
}

static void append(void *ctx, const void *data, size_t len)
{
    struct buf *out = ctx;
    buf_addc(out, '|');
    buf_add(out, data, len);
}

static void it_can_be_had_in_pieces(void **state)
{
    (void)state;
    struct buf out;
    struct err err = {0};
    json_t *value = json_loads("{\"b\": -12, \"a\": [\"x\\\"y\"]}", 0, NULL);
    buf_init(&out, 100);
    assert_int_equal(canonjson_write(value, append, &out, &err), 0);
    assert_string_equal(buf_str(&out), "|{|\"|a|\"|:|[|\"|x|\\\"|y|\"|]|,|\"|b|\"|:|-12|}");
    json_decref(value);
    value = json_real(1);
    assert_int_equal(canonjson_write(value, append, &out, &err), ERR_INVALID);
    json_decref(value);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_sorted_and_nothing_stands_between),
        cmocka_unit_test(only_quotes_and_backslashes_are_escaped),
        cmocka_unit_test(the_ends_of_the_integers_come_through),
        cmocka_unit_test(a_real_number_is_refused_wherever_it_stands),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(it_can_be_had_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
