#include "../unit.h"

#include "restore/choice.h"

static bool has(const char *path, const char *only, const char *pattern)
{
    const struct choice choice = {
        .paths = &only, .path_count = only != NULL, .patterns = &pattern, .pattern_count = pattern != NULL};
    return choice_has(&choice, path);
}

static void without_a_wish_everything_is_wanted(void **state)
{
    (void)state;
    assert_true(choice_has(NULL, "a/b"));
    assert_true(has("a/b", NULL, NULL));
}

static void a_path_stands_for_itself_and_what_is_below(void **state)
{
    (void)state;
    static const char *const spellings[] = {"a/b", "/a/b", "/a/b/", "//a/b//", "./a/b"};
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        assert_true(has("a/b", spellings[i], NULL));
        assert_true(has("a/b/", spellings[i], NULL));
        assert_true(has("./a/b/c", spellings[i], NULL));
        assert_false(has("a/bc", spellings[i], NULL));
        assert_false(has("a", spellings[i], NULL));
    }
    assert_true(has("a/b", "/", NULL));
    assert_true(has("a/b", ".", NULL));
}

static void a_pattern_without_a_slash_is_of_any_name_on_the_way(void **state)
{
    (void)state;
    assert_true(has("a/b.txt", NULL, "*.txt"));
    assert_true(has("a.txt/b", NULL, "*.txt"));
    assert_true(has("a.txt/", NULL, "*.txt"));
    assert_false(has("a/b.txtx", NULL, "*.txt"));
    assert_false(has("txt", NULL, "*.txt"));
}

static void a_pattern_with_a_slash_is_of_the_path_from_its_start(void **state)
{
    (void)state;
    assert_true(has("home/a.txt", NULL, "/home/*.txt"));
    assert_true(has("home/a.txt/inside", NULL, "home/*.txt"));
    assert_true(has("home/a.txt/", NULL, "home/*.txt"));
    assert_true(has("home/a.txt/in/side", NULL, "home/*.txt"));
    assert_true(has("home/sub/deep/a.txt", NULL, "home/**/*.txt"));
    assert_false(has("home/sub/a.txt", NULL, "home/*.txt"));
    assert_false(has("x/home/a.txt", NULL, "home/*.txt"));
}

static void what_is_wanted_is_below_a_path_and_matches_a_pattern(void **state)
{
    (void)state;
    assert_true(has("a/b.txt", "a", "*.txt"));
    assert_false(has("a/b.jpg", "a", "*.txt"));
    assert_false(has("b/b.txt", "a", "*.txt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_wish_everything_is_wanted),
        cmocka_unit_test(a_path_stands_for_itself_and_what_is_below),
        cmocka_unit_test(a_pattern_without_a_slash_is_of_any_name_on_the_way),
        cmocka_unit_test(a_pattern_with_a_slash_is_of_the_path_from_its_start),
        cmocka_unit_test(what_is_wanted_is_below_a_path_and_matches_a_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
