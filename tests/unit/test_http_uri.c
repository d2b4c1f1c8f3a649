/* The request target: what is canonical gets through, byte for byte; everything else is refused. */
#include "unit.h"

#include <string.h>

#include "http/uri.h"

static int setup(void **state)
{
    *state = arena_new(1 << 20);
    return *state == NULL;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void canonical_paths_are_decoded(void **state)
{
    static const char *const cases[][2] = {
        {"/", "/"},
        {"/api/agents", "/api/agents"},
        {"/a%20b", "/a b"},
        {"/%C3%A9", "/\xc3\xa9"},
        {"/a.b/..c/...", "/a.b/..c/..."},
        {"/a/", "/a/"},
        {"/a+b", "/a+b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = NULL;
        struct err err = {0};
        assert_int_equal(uri_path_decode(span_of(cases[i][0]), *state, &path, &err), 0);
        assert_string_equal(path, cases[i][1]);
    }
}

static void everything_else_is_refused(void **state)
{
    static const char *const cases[] = {
        "",       "a",      "//",      "/a//b",      "/./a",          "/a/..",   "/%2e%2e/a", "/a/%2E",
        "/a%2Fb", "/a%5Cb", "/a\\b",   "/%00",       "/a%",           "/a%2",    "/a%zz",     "/%0a",
        "/%7f",   "/%ff",   "/%c0%af", "/%ed%a0%80", "/%f4%90%80%80", "/%e2%82", "*",         "http://host/a",
        "/a%2",   "/\x01",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = "untouched";
        struct err err = {0};
        if (uri_path_decode(span_of(cases[i]), *state, &path, &err) != ERR_INVALID)
            fail_msg("accepted: %s", cases[i]);
        assert_string_equal(path, "untouched");
    }
}

static void a_query_gives_its_pairs_in_order(void **state)
{
    const struct uri_pair *pairs = NULL;
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(uri_query_parse(span_of("q=a+b%26c&&empty=&flag&q=2"), *state, &pairs, &count, &err), 0);
    assert_int_equal(count, 4);
    assert_string_equal(pairs[0].name, "q");
    assert_string_equal(pairs[0].value, "a b&c");
    assert_string_equal(pairs[1].value, "");
    assert_string_equal(pairs[2].name, "flag");
    assert_string_equal(pairs[2].value, "");
    assert_string_equal(pairs[3].value, "2");
}

static void a_query_with_bad_escapes_is_refused(void **state)
{
    static const char *const cases[] = {"a=%", "a=%4", "a=%00", "%zz=1", "a=%ff"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct uri_pair *pairs;
        size_t count;
        struct err err = {0};
        assert_int_equal(uri_query_parse(span_of(cases[i]), *state, &pairs, &count, &err), ERR_INVALID);
    }
}

static void too_many_pairs_are_refused(void **state)
{
    char query[URI_PAIRS_MAX * 2 + 3] = "";
    const struct uri_pair *pairs;
    size_t count;
    struct err err = {0};
    for (int i = 0; i < URI_PAIRS_MAX; i++)
        memcpy(query + (size_t)i * 2, "a&", 3);
    assert_int_equal(uri_query_parse(span_of(query), *state, &pairs, &count, &err), 0);
    assert_int_equal(count, URI_PAIRS_MAX);
    strcat(query, "a");
    assert_int_equal(uri_query_parse(span_of(query), *state, &pairs, &count, &err), ERR_TOO_BIG);
}

static void the_target_is_split_at_the_first_question_mark(void **state)
{
    struct span path, query;
    (void)state;
    uri_split("/a?b=c?d", &path, &query);
    assert_true(span_equal(path, "/a"));
    assert_true(span_equal(query, "b=c?d"));
    uri_split("/a", &path, &query);
    assert_int_equal(query.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_paths_are_decoded),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(a_query_gives_its_pairs_in_order),
        cmocka_unit_test(a_query_with_bad_escapes_is_refused),
        cmocka_unit_test(too_many_pairs_are_refused),
        cmocka_unit_test(the_target_is_split_at_the_first_question_mark),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
