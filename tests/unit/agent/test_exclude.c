#include "../unit.h"

#include <string.h>

#include "snapshot/exclude.h"

static const char source[] = "/srv/data";

/* Whether one pattern, or a list of them with line breaks between, leaves out what lies at below. */
static bool excluded(const char *patterns, const char *below, bool directory)
{
    static char text[512];
    char path[256];
    const char *list[16];
    size_t count = 0;
    struct excludes *e = NULL;
    struct err err;
    (void)strcpy(text, patterns);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        list[count++] = line;
    assert_int_equal(excludes_new(list, count, &e, &err), 0);
    (void)strcat(strcat(strcpy(path, source), "/"), below);
    bool ret = excludes_match(e, path, strlen(source), directory);
    excludes_free(e);
    return ret;
}

static void patterns_match_as_gitignore_says(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } table[] = {
        {"foo", "foo", true},
        {"foo", "a/b/foo", true},
        {"foo", "foobar", false},
        {"/foo", "foo", true},
        {"/foo", "a/foo", false},
        {"a/foo", "a/foo", true},
        {"a/foo", "b/a/foo", false},
        {"*.o", "x/y.o", true},
        {"*.o", ".o", true},
        {"a/*", "a/b", true},
        {"a/*", "a/b/c", false}, /* though nobody looks there */
        {"/*.c", "main.c", true},
        {"/*.c", "a/main.c", false},
        {"**/foo", "foo", true},
        {"**/foo", "a/b/foo", true},
        {"**/foo/bar", "a/foo/bar", true},
        {"**/foo/bar", "a/foo/b/bar", false},
        {"abc/**", "abc/x/y", true},
        {"abc/**", "abc", false},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "ab", false},
        {"a**b", "axxb", true},
        {"a/x**y", "a/x/y", false},
        {"a?c", "abc", true},
        {"/a?c", "a/c", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[^a-c]x", "dx", true},
        {"[]x]", "]", true},
        {"[[:digit:]]", "7", true},
        {"[[:digit:]]", "a", false},
        {"[a", "[a", false},
        {"\\*", "*", true},
        {"\\*", "x", false},
        {"\\#a", "#a", true},
        {"#a", "#a", false},
        {"\\!a", "!a", true},
        {"a ", "a", true},
        {"a\\ ", "a ", true},
        {"a\\", "a\\", false},
        {"/", "a", false},
        {"", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (excluded(table[i].pattern, table[i].path, false) != table[i].matches)
            fail_msg("\"%s\" and \"%s\"", table[i].pattern, table[i].path);
}

static void a_slash_at_the_end_means_directories_only(void **state)
{
    (void)state;
    assert_true(excluded("foo/", "a/foo", true));
    assert_false(excluded("foo/", "a/foo", false));
    assert_true(excluded("a/foo/", "a/foo", true));
    assert_false(excluded("a/foo/", "b/a/foo", true));
}

static void the_last_pattern_that_matches_decides(void **state)
{
    (void)state;
    assert_false(excluded("*.log\n!keep.log", "a/keep.log", false));
    assert_true(excluded("!keep.log\n*.log", "a/keep.log", false));
    assert_true(excluded("*.log\n!keep.log\nkeep.log", "keep.log", false));
}

static void a_whole_path_that_starts_with_the_source_means_itself(void **state)
{
    (void)state;
    assert_true(excluded("/srv/data/a/*.tmp", "a/x.tmp", false));
    assert_false(excluded("/srv/data/a/*.tmp", "b/x.tmp", false));
    assert_true(excluded("/srv/data/a/*.tmp", "srv/data/a/x.tmp", false)); /* also as gitignore has it */
    assert_false(excluded("/srv/database", "base", false));
}

static void hostile_patterns_take_no_time(void **state)
{
    static char pattern[4001], text[4001];
    (void)state;
    for (size_t i = 0; i < 4000; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[3999] = 'b';
    memset(text, 'a', 4000);
    assert_false(exclude_glob(pattern, text));
    for (size_t i = 0; i < 4000; i += 5)
        memcpy(pattern + i, "**/a/", 5);
    for (size_t i = 1; i < 4000; i += 2)
        text[i] = '/';
    pattern[3999] = 'b';
    assert_false(exclude_glob(pattern, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_as_gitignore_says),
        cmocka_unit_test(a_slash_at_the_end_means_directories_only),
        cmocka_unit_test(the_last_pattern_that_matches_decides),
        cmocka_unit_test(a_whole_path_that_starts_with_the_source_means_itself),
        cmocka_unit_test(hostile_patterns_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
