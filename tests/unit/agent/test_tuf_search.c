#include "../unit.h"

#include "tuf/tuf_path.h"
#include "tuf/tuf_search.h"
#include "tuf_fixture.h"

static struct repo repo;

static int setup(void **state)
{
    (void)state;
    repo_make(&repo);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    repo_done(&repo);
    return 0;
}

/* Takes body. */
static struct tuf_meta *meta_of(json_t *body)
{
    struct tuf_meta *m = NULL;
    struct err err;
    char *text = repo_sign(&repo, body, "");
    assert_int_equal(tuf_meta_parse(TUF_TARGETS, span_of(text), &m, &err), 0);
    free(text);
    return m;
}

/* A graph as "from>to pattern", terminating with ">>". The order in which a search goes through it, from "targets". */
static void assert_order(const char *path, const char *const edges[], const char *expected)
{
    struct err err;
    struct tuf_search s;
    const struct tuf_step *step;
    char order[256] = "";
    assert_int_equal(tuf_search_init(&s, path, &err), 0);
    const char *at = "targets";
    do {
        json_t *body = repo_targets(1);
        for (size_t i = 0; edges[i] != NULL; i++) {
            char from[16];
            char arrow[4];
            char to[16];
            char pattern[64];
            assert_int_equal(sscanf(edges[i], "%15[a-zA-Z]%3[>]%15s %63s", from, arrow, to, pattern), 4);
            if (strcmp(from, at) == 0)
                repo_delegate(&repo, body, to, "4", pattern, strcmp(arrow, ">>") == 0);
        }
        struct tuf_meta *m = meta_of(body);
        assert_int_equal(tuf_search_enter(&s, m, &err), 0);
        tuf_meta_free(m);
        step = tuf_search_next(&s);
        if (step != NULL) {
            size_t len = strlen(order);
            (void)snprintf(order + len, sizeof order - len, "%s ", step->name);
            at = step->name;
        }
    } while (step != NULL);
    tuf_search_done(&s);
    assert_string_equal(order, expected);
}

static void roles_are_asked_in_order_of_appearance_and_depth_first(void **state)
{
    (void)state;
    static const char *const edges[] = {"targets>A *", "targets>B *", "A>C *", "A>D *", "B>E *", NULL};
    assert_order("x", edges, "A C D B E ");
}

static void a_terminating_delegation_ends_all_that_would_come_later(void **state)
{
    (void)state;
    static const char *const edges[] = {"targets>A *", "targets>B *", "A>C *", "A>>D *", "A>E *", "D>F *", NULL};
    static const char *const no_match[] = {"targets>>A y", "targets>B *", NULL};
    assert_order("x", edges, "A C D F ");
    assert_order("x", no_match, "B ");
}

static void only_roles_that_may_have_the_path_are_asked(void **state)
{
    (void)state;
    static const char *const edges[] = {"targets>A *.doc", "targets>B releases/*/*", "B>C releases/x/*",
                                        "B>D releases/y/*.zip", NULL};
    assert_order("releases/y/1.zip", edges, "B D ");
    assert_order("releases/x/1", edges, "B C ");
    assert_order("releases/1.doc", edges, "");
    assert_order("1.doc", edges, "A ");
}

static void a_cycle_ends_and_no_role_is_asked_twice(void **state)
{
    (void)state;
    static const char *const edges[] = {"targets>A *", "A>B *", "B>A *", "B>C *", "targets>C *", NULL};
    assert_order("x", edges, "A B C ");
}

static void a_chain_without_end_is_left_after_32_roles(void **state)
{
    (void)state;
    struct err err;
    struct tuf_search s;
    size_t count = 0;
    assert_int_equal(tuf_search_init(&s, "x", &err), 0);
    for (bool more = true; more; count++) {
        char name[16];
        (void)snprintf(name, sizeof name, "r%zu", count);
        json_t *body = repo_targets(1);
        repo_delegate(&repo, body, name, "4", "*", false);
        struct tuf_meta *m = meta_of(body);
        assert_int_equal(tuf_search_enter(&s, m, &err), 0);
        tuf_meta_free(m);
        more = tuf_search_next(&s) != NULL;
    }
    tuf_search_done(&s);
    assert_int_equal(count, TUF_VISITED_MAX + 1);
}

static void more_waiting_roles_than_anybody_needs_are_refused(void **state)
{
    (void)state;
    struct err err;
    struct tuf_search s;
    json_t *body = repo_targets(1);
    for (int i = 0; i < TUF_DELEGATIONS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "r%d", i);
        repo_delegate(&repo, body, name, "4", "*", false);
    }
    struct tuf_meta *m = meta_of(body);
    assert_int_equal(tuf_search_init(&s, "x", &err), 0);
    for (int i = 0; i < TUF_STACK_MAX / TUF_DELEGATIONS_MAX; i++)
        assert_int_equal(tuf_search_enter(&s, m, &err), 0);
    assert_int_equal(tuf_search_enter(&s, m, &err), ERR_TOO_BIG);
    tuf_search_done(&s);
    tuf_meta_free(m);
}

static void hash_prefixes_choose_by_the_digest_of_the_path(void **state)
{
    (void)state;
    struct err err;
    char digest[TUF_HEX_MAX];
    assert_int_equal(tuf_digest_hex(TUF_SHA256, span_of("muster-agent"), digest, &err), 0);
    for (int right = 0; right < 2; right++) {
        struct tuf_search s;
        char prefix[8];
        json_t *body = repo_targets(1);
        repo_delegate(&repo, body, "bin", "4", "*", false);
        json_t *role = json_array_get(json_object_get(json_object_get(body, "delegations"), "roles"), 0);
        (void)snprintf(prefix, sizeof prefix, "%.2s%c", digest, right ? digest[2] : (digest[2] == '0' ? '1' : '0'));
        (void)json_object_del(role, "paths");
        (void)json_object_set_new(role, "path_hash_prefixes", json_pack("[s]", prefix));
        struct tuf_meta *m = meta_of(body);
        assert_int_equal(tuf_search_init(&s, "muster-agent", &err), 0);
        assert_int_equal(tuf_search_enter(&s, m, &err), 0);
        assert_int_equal(tuf_search_next(&s) != NULL, right);
        tuf_search_done(&s);
        tuf_meta_free(m);
    }
}

static void patterns_match_within_a_directory(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *path;
        bool match;
    } cases[] = {
        {"*", "a", true},
        {"*", "a/b", false},
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*.tgz", "foo.tgz", true},
        {"*.tgz", "t/foo.tgz", false},
        {"targets/*.tgz", "targets/foo.tgz", true},
        {"foo-?.tgz", "foo-1.tgz", true},
        {"foo-?.tgz", "foo-12.tgz", false},
        {"a?b", "a/b", false},
        {"*/*", "a/b", true},
        {"*/*", "a/b/c", false},
        {"*/b", "a/b", true},
        {"a*b*c", "axxbyyc", true},
        {"a*b*c", "axxbyycd", false},
        {"*a*a*b", "aaab", true},
        {"*b/c", "abb/c", true},
        {"a/*", "a/", true},
        {"**", "ab", true},
        {"README.md", "README.MD", false},
        {"a*", "a/b", false},
        {"*/x*y", "ab/xyxy", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (tuf_path_match(cases[i].pattern, cases[i].path) != cases[i].match)
            fail_msg("%s and %s", cases[i].pattern, cases[i].path);
}

static void a_hostile_pattern_takes_no_time(void **state)
{
    (void)state;
    char pattern[TUF_PATH_MAX + 1];
    char path[TUF_PATH_MAX + 1];
    for (size_t i = 0; i < TUF_PATH_MAX; i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    (void)strcpy(pattern + TUF_PATH_MAX - 1, "b");
    memset(path, 'a', TUF_PATH_MAX);
    path[TUF_PATH_MAX] = '\0';
    assert_false(tuf_path_match(pattern, path));
}

static void names_are_spelled_for_urls_and_files(void **state)
{
    (void)state;
    char ret[TUF_ENCODED_SIZE(32)];
    tuf_path_encode("../a b?#%\xc3\xa9~", false, ret);
    assert_string_equal(ret, "..%2Fa%20b%3F%23%25%C3%A9~");
    tuf_path_encode("0.2.0/agent-linux_amd64", true, ret);
    assert_string_equal(ret, "0.2.0/agent-linux_amd64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_are_asked_in_order_of_appearance_and_depth_first),
        cmocka_unit_test(a_terminating_delegation_ends_all_that_would_come_later),
        cmocka_unit_test(only_roles_that_may_have_the_path_are_asked),
        cmocka_unit_test(a_cycle_ends_and_no_role_is_asked_twice),
        cmocka_unit_test(a_chain_without_end_is_left_after_32_roles),
        cmocka_unit_test(more_waiting_roles_than_anybody_needs_are_refused),
        cmocka_unit_test(hash_prefixes_choose_by_the_digest_of_the_path),
        cmocka_unit_test(patterns_match_within_a_directory),
        cmocka_unit_test(a_hostile_pattern_takes_no_time),
        cmocka_unit_test(names_are_spelled_for_urls_and_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
