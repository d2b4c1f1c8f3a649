#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/jsonread.h"

/* One document and what reading it said. */
struct doc {
    json_t *json;
    struct jsonread r;
    struct jsonread_error wrong;
};

static struct doc open_doc(const char *text)
{
    struct doc d = {.json = jsonread_parse(span_of(text), NULL)};
    assert_non_null(d.json);
    return d;
}

/* The reader points into the doc, so it is started where the doc stays. */
#define OPEN(d, text)                                                                                                  \
    struct doc d = open_doc(text);                                                                                     \
    jsonread_init(&(d).r, (d).json, &(d).wrong)

static void close_ok(struct doc *d)
{
    if (d->wrong.failed)
        fail_msg("%s %s", d->wrong.pointer, d->wrong.reason);
    json_decref(d->json);
}

static void close_wrong(struct doc *d, const char *pointer, const char *reason)
{
    assert_true(d->wrong.failed);
    assert_string_equal(d->wrong.pointer, pointer);
    assert_string_equal(d->wrong.reason, reason);
    json_decref(d->json);
}

static void fields_of_every_type_are_read(void **state)
{
    (void)state;
    static const char *const colours[] = {"red", "green", NULL};
    OPEN(
        d,
        "{\"s\":\"\xc3\xa4\",\"t\":\"a\\nb\",\"i\":-3,\"b\":true,\"e\":\"green\",\"o\":{\"x\":1},\"a\":[\"p\",\"q\"]}");
    assert_string_equal(jsonread_str(&d.r, "s", 2, 2), "\xc3\xa4");
    assert_string_equal(jsonread_text(&d.r, "t", 0, 10), "a\nb");
    assert_int_equal(jsonread_int(&d.r, "i", -3, 3), -3);
    assert_true(jsonread_bool(&d.r, "b"));
    assert_int_equal(jsonread_enum(&d.r, "e", colours), 1);
    struct jsonread o;
    jsonread_object(&d.r, "o", &o);
    assert_int_equal(jsonread_int(&o, "x", 0, 9), 1);
    const json_t *a = NULL;
    assert_int_equal(jsonread_array(&d.r, "a", 1, 2, &a), 2);
    assert_string_equal(jsonread_item_str(&d.r, "a", a, 1, 1, 5), "q");
    close_ok(&d);
}

static void missing_and_null_fields_take_their_fallback(void **state)
{
    (void)state;
    static const char *const colours[] = {"red", "green", NULL};
    OPEN(d, "{\"s\":null,\"ignored\":[1,{}]}");
    assert_string_equal(jsonread_str_or(&d.r, "s", 5, 9, "x"), "x");
    assert_null(jsonread_text_or(&d.r, "t", 5, 9, NULL));
    assert_int_equal(jsonread_int_or(&d.r, "i", 0, 5, -1), -1);
    assert_true(jsonread_bool_or(&d.r, "b", true));
    assert_int_equal(jsonread_enum_or(&d.r, "e", colours, -1), -1);
    struct jsonread o;
    jsonread_object_or_none(&d.r, "o", &o);
    assert_int_equal(jsonread_int_or(&o, "x", 0, 9, 4), 4);
    assert_null(jsonread_str(&o, "required inside what is not there", 1, 2));
    const json_t *a = NULL;
    assert_int_equal(jsonread_array_or_none(&d.r, "a", 5, &a), 0);
    assert_null(a);
    assert_false(jsonread_has(&d.r, "s"));
    assert_true(jsonread_has(&d.r, "ignored"));
    close_ok(&d);
}

static void a_missing_required_field_is_named(void **state)
{
    (void)state;
    OPEN(d, "{\"b\":null}");
    assert_null(jsonread_str(&d.r, "a", 0, 9));
    assert_int_equal(jsonread_int(&d.r, "b", 5, 9), 0);
    close_wrong(&d, "/a", "is missing");
    OPEN(n, "{\"b\":null}");
    assert_int_equal(jsonread_int(&n.r, "b", 5, 9), 0);
    close_wrong(&n, "/b", "is missing");
}

static void only_the_first_mistake_counts_and_the_rest_reads_as_nothing(void **state)
{
    (void)state;
    OPEN(d, "{\"a\":1,\"b\":\"x\",\"c\":{\"d\":5},\"e\":[\"f\"]}");
    assert_null(jsonread_str(&d.r, "a", 0, 9));
    assert_null(jsonread_str(&d.r, "b", 0, 9));
    assert_int_equal(jsonread_int(&d.r, "zzz", 0, 9), 0);
    struct jsonread c;
    jsonread_object(&d.r, "c", &c);
    assert_int_equal(jsonread_int_or(&c, "d", 0, 9, 0), 0);
    const json_t *e = NULL;
    assert_int_equal(jsonread_array(&d.r, "e", 0, 9, &e), 0);
    jsonread_fail(&d.r, "later", "is ignored");
    close_wrong(&d, "/a", "must be a string of 0 to 9 bytes");
}

static void strings_keep_to_their_limits(void **state)
{
    (void)state;
    OPEN(empty, "{\"s\":\"\"}");
    (void)jsonread_str(&empty.r, "s", 1, 3);
    close_wrong(&empty, "/s", "must be a string of 1 to 3 bytes");
    OPEN(full, "{\"s\":\"abc\"}");
    assert_string_equal(jsonread_str(&full.r, "s", 3, 3), "abc");
    close_ok(&full);
    OPEN(more, "{\"s\":\"ab\xc3\xa4\"}"); /* three characters, four bytes */
    (void)jsonread_str(&more.r, "s", 1, 3);
    close_wrong(&more, "/s", "must be a string of 1 to 3 bytes");
}

static void control_characters_are_for_texts_only(void **state)
{
    (void)state;
    static const char *const docs[] = {"{\"s\":\"a\\nb\"}",      "{\"s\":\"\\u0001\"}",   "{\"s\":\"\x7f\"}",
                                       "{\"s\":\"\\u001b[2J\"}", "{\"s\":\"\\u009b2J\"}", "{\"s\":\"a\\u202eb\"}",
                                       "{\"s\":\"\\u2067\"}",    "{\"s\":\"\\u2028\"}"};
    for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++) {
        OPEN(d, docs[i]);
        assert_null(jsonread_str(&d.r, "s", 0, 9));
        close_wrong(&d, "/s", "must not contain control characters");
        OPEN(t, docs[i]);
        assert_non_null(jsonread_text(&t.r, "s", 0, 9));
        close_ok(&t);
    }
    OPEN(near, "{\"s\":\"\\u00a0\\u2027\\u202f\\u2065\"}"); /* their neighbours */
    assert_non_null(jsonread_str(&near.r, "s", 0, 20));
    close_ok(&near);
}

static void numbers_keep_to_their_limits_and_are_whole(void **state)
{
    (void)state;
    static const char *const docs[] = {"{\"i\":0}",     "{\"i\":11}",   "{\"i\":5.0}",
                                       "{\"i\":\"5\"}", "{\"i\":true}", "{\"i\":[5]}"};
    for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++) {
        OPEN(d, docs[i]);
        assert_int_equal(jsonread_int(&d.r, "i", 1, 10), 0);
        close_wrong(&d, "/i", "must be a whole number from 1 to 10");
    }
    OPEN(big, "{\"i\":9223372036854775807,\"j\":-9223372036854775808}");
    assert_true(jsonread_int(&big.r, "i", 0, INT64_MAX) == INT64_MAX);
    assert_true(jsonread_int(&big.r, "j", INT64_MIN, 0) == INT64_MIN);
    close_ok(&big);
}

static void other_types_are_refused(void **state)
{
    (void)state;
    static const char *const colours[] = {"red", "green", NULL};
    OPEN(b, "{\"x\":1}");
    assert_false(jsonread_bool(&b.r, "x"));
    close_wrong(&b, "/x", "must be true or false");
    OPEN(e, "{\"x\":\"blue\"}");
    assert_int_equal(jsonread_enum(&e.r, "x", colours), 0);
    close_wrong(&e, "/x", "must be one of red, green");
    OPEN(f, "{\"x\":3}");
    assert_int_equal(jsonread_enum(&f.r, "x", colours), 0);
    close_wrong(&f, "/x", "must be one of red, green");
    OPEN(o, "{\"x\":[]}");
    struct jsonread inner;
    jsonread_object(&o.r, "x", &inner);
    close_wrong(&o, "/x", "must be an object");
    OPEN(p, "{\"x\":\"s\"}");
    jsonread_object_or_none(&p.r, "x", &inner);
    close_wrong(&p, "/x", "must be an object");
    OPEN(a, "{\"x\":{}}");
    const json_t *list = NULL;
    assert_int_equal(jsonread_array_or_none(&a.r, "x", 5, &list), 0);
    assert_null(list);
    close_wrong(&a, "/x", "must be a list of 0 to 5 items");
}

static void lists_keep_to_their_limits(void **state)
{
    (void)state;
    const json_t *list = NULL;
    OPEN(few, "{\"x\":[]}");
    assert_int_equal(jsonread_array(&few.r, "x", 1, 2, &list), 0);
    close_wrong(&few, "/x", "must be a list of 1 to 2 items");
    OPEN(many, "{\"x\":[1,2,3]}");
    assert_int_equal(jsonread_array(&many.r, "x", 1, 2, &list), 0);
    close_wrong(&many, "/x", "must be a list of 1 to 2 items");
}

static void pointers_lead_into_lists_and_objects(void **state)
{
    (void)state;
    OPEN(d, "{\"sources\":[{\"path\":\"/a\"},{\"path\":7}]}");
    const json_t *list = NULL;
    assert_int_equal(jsonread_array(&d.r, "sources", 1, 9, &list), 2);
    struct jsonread item;
    jsonread_item(&d.r, "sources", list, 0, &item);
    assert_string_equal(jsonread_str(&item, "path", 1, 9), "/a");
    jsonread_item(&d.r, "sources", list, 1, &item);
    (void)jsonread_str(&item, "path", 1, 9);
    close_wrong(&d, "/sources/1/path", "must be a string of 1 to 9 bytes");

    OPEN(s, "{\"a\":[\"x\",null]}");
    assert_int_equal(jsonread_array(&s.r, "a", 1, 9, &list), 2);
    assert_null(jsonread_item_str(&s.r, "a", list, 1, 0, 9));
    close_wrong(&s, "/a/1", "must be a string of 0 to 9 bytes");

    OPEN(o, "{\"a\":[3]}");
    assert_int_equal(jsonread_array(&o.r, "a", 1, 9, &list), 1);
    jsonread_item(&o.r, "a", list, 0, &item);
    close_wrong(&o, "/a/0", "must be an object");

    OPEN(n, "{\"o\":{\"p\":{}}}");
    struct jsonread outer;
    jsonread_object(&n.r, "o", &outer);
    jsonread_object(&outer, "p", &item);
    jsonread_fail(&item, "q", "is %s", "not liked");
    close_wrong(&n, "/o/p/q", "is not liked");
}

static void the_document_must_be_an_object(void **state)
{
    (void)state;
    OPEN(d, "[1]");
    assert_null(jsonread_str_or(&d.r, "x", 0, 1, NULL));
    close_wrong(&d, "", "must be an object");
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{",
        "nonsense",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1,}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc3\"}",
        "{\"a\":\"\n\"}",
        "\xef\xbb\xbf{}",
        "{\"a\":99999999999999999999}",
        "{\"a\":\"\\u0000\"}",
        "{\"\\u0000\":1}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\ud800\"}",
    };
    struct err e = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        e = (struct err){0};
        json_t *value = jsonread_parse(span_of(wrong[i]), &e);
        if (value != NULL)
            fail_msg("%s was accepted", wrong[i]);
        assert_int_equal(e.code, ERR_INVALID);
    }
    assert_null(jsonread_parse((struct span){.ptr = NULL, .len = 0}, &e));
    assert_null(jsonread_parse(span_of("{\n\"a\":x}"), &e));
    assert_non_null(strstr(e.msg, "line 2"));
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[80];
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    json_t *value = jsonread_parse((struct span){.ptr = text, .len = 64}, NULL);
    assert_non_null(value);
    json_decref(value);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    struct err e = {0};
    assert_null(jsonread_parse((struct span){.ptr = text, .len = 66}, &e));
    assert_string_equal(e.msg, "JSON nested more than 32 deep");
    /* Brackets inside strings do not count. */
    value = jsonread_parse(span_of("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[\"}"), NULL);
    assert_non_null(value);
    json_decref(value);
}

static void the_number_of_values_is_bounded(void **state)
{
    (void)state;
    enum { PAIRS = 64 * 1024 }; /* each an opening and a comma */
    size_t len = 3 * PAIRS + 1;
    char *text = malloc(len);
    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 0; i < PAIRS; i++)
        memcpy(text + 1 + 3 * i, i + 1 < PAIRS ? "{}," : "{}]", 3);
    json_t *value = jsonread_parse((struct span){.ptr = text, .len = len}, NULL);
    assert_non_null(value);
    json_decref(value);
    memcpy(text + len - 3, "[,]", 3); /* one more; it is never looked at as JSON */
    struct err e = {0};
    assert_null(jsonread_parse((struct span){.ptr = text, .len = len}, &e));
    assert_string_equal(e.msg, "JSON of more than 131072 values");
    free(text);
}

static void whoever_has_little_memory_takes_fewer_values(void **state)
{
    (void)state;
    struct err e = {0};
    json_t *value = jsonread_parse_max(span_of("[1,2,3]"), 3, &e); /* an opening and two commas */
    assert_non_null(value);
    json_decref(value);
    assert_null(jsonread_parse_max(span_of("[1,2,3,4]"), 3, &e));
    assert_string_equal(e.msg, "JSON of more than 3 values");
}

static void long_names_do_not_overflow_the_pointer(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    OPEN(d, "{}");
    (void)jsonread_str(&d.r, name, 0, 9);
    assert_true(d.wrong.failed);
    assert_true(strlen(d.wrong.pointer) < JSONREAD_POINTER_MAX);
    json_decref(d.json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_type_are_read),
        cmocka_unit_test(missing_and_null_fields_take_their_fallback),
        cmocka_unit_test(a_missing_required_field_is_named),
        cmocka_unit_test(only_the_first_mistake_counts_and_the_rest_reads_as_nothing),
        cmocka_unit_test(strings_keep_to_their_limits),
        cmocka_unit_test(control_characters_are_for_texts_only),
        cmocka_unit_test(numbers_keep_to_their_limits_and_are_whole),
        cmocka_unit_test(other_types_are_refused),
        cmocka_unit_test(lists_keep_to_their_limits),
        cmocka_unit_test(pointers_lead_into_lists_and_objects),
        cmocka_unit_test(the_document_must_be_an_object),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(the_number_of_values_is_bounded),
        cmocka_unit_test(whoever_has_little_memory_takes_fewer_values),
        cmocka_unit_test(long_names_do_not_overflow_the_pointer),
    };
    return cmocka_run_group_tests_name("jsonread", tests, NULL, NULL);
}
