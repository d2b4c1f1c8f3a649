#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/config.h"

static const struct config_key keys[] = {
    {.name = "URL", .type = CONFIG_TEXT, .fallback = "https://localhost", .help = "where"},
    {.name = "KEY", .type = CONFIG_TEXT, .help = "secret", .secret = true},
    {.name = "COUNT", .type = CONFIG_INT, .fallback = "3", .help = "how many", .min = -5, .max = 10},
    {.name = "WAIT", .type = CONFIG_DURATION, .fallback = "30s", .help = "how long", .min = 1, .max = 172800},
    {.name = "ON", .type = CONFIG_BOOL, .fallback = "true", .help = "whether"},
    {.name = "MODE", .type = CONFIG_ENUM, .fallback = "auto", .help = "which", .choices = "auto|vm-only|disabled"},
    {.name = "ROOTS", .type = CONFIG_LIST, .fallback = "/etc /srv", .help = "where from"},
    {.name = "EMPTY", .type = CONFIG_LIST, .help = "none"},
};

static char warned[512];

static void warn(void *ctx, const char *line)
{
    (void)ctx;
    (void)snprintf(warned, sizeof warned, "%s", line);
}

static int parse(const char *text, struct config **ret, struct err *err)
{
    warned[0] = '\0';
    return config_parse("t.conf", text, strlen(text), keys, sizeof keys / sizeof keys[0], warn, NULL, ret, err);
}

static struct config *good(const char *text)
{
    struct config *c = NULL;
    struct err e = {0};
    if (parse(text, &c, &e) != 0)
        fail_msg("%s", e.msg);
    return c;
}

static void assert_refused(const char *text, const char *message)
{
    struct config *c = NULL;
    struct err e = {0};
    assert_int_equal(parse(text, &c, &e), ERR_INVALID);
    assert_null(c);
    assert_string_equal(e.msg, message);
}

static void an_empty_file_gives_the_defaults(void **state)
{
    (void)state;
    struct config *c = good("");
    assert_string_equal(config_text(c, "URL"), "https://localhost");
    assert_null(config_text(c, "KEY"));
    assert_int_equal(config_int(c, "COUNT"), 3);
    assert_int_equal(config_seconds(c, "WAIT"), 30);
    assert_true(config_bool(c, "ON"));
    assert_string_equal(config_text(c, "MODE"), "auto");
    assert_false(config_given(c, "URL"));
    const char *at = NULL;
    assert_null(config_word(c, "EMPTY", &at));
    config_free(c);
}

static void values_are_bare_or_quoted(void **state)
{
    (void)state;
    struct config *c =
        good("# comment\n\n  URL=https://a/b?c=d#e \nKEY=\"a b \\\"c\\\" \\\\ \\n$x\"\r\nCOUNT=-5\nON=no");
    assert_string_equal(config_text(c, "URL"), "https://a/b?c=d#e");
    assert_string_equal(config_text(c, "KEY"), "a b \"c\" \\ \n$x");
    assert_int_equal(config_int(c, "COUNT"), -5);
    assert_false(config_bool(c, "ON"));
    assert_true(config_given(c, "URL"));
    assert_string_equal(warned, "");
    config_free(c);
}

static void the_last_of_two_lines_wins(void **state)
{
    (void)state;
    struct config *c = good("URL=a\nURL=b\n");
    assert_string_equal(config_text(c, "URL"), "b");
    config_free(c);
}

static void an_empty_value_is_given_and_empty(void **state)
{
    (void)state;
    struct config *c = good("URL=\nKEY=\"\"\nROOTS=\" \"\n");
    assert_string_equal(config_text(c, "URL"), "");
    assert_string_equal(config_text(c, "KEY"), "");
    const char *at = NULL;
    assert_null(config_word(c, "ROOTS", &at));
    assert_true(config_given(c, "KEY"));
    config_free(c);
}

static void durations_know_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"WAIT=1", 1}, {"WAIT=90s", 90}, {"WAIT=15m", 900}, {"WAIT=1h", 3600}, {"WAIT=2d", 172800}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *c = good(cases[i].text);
        assert_int_equal(config_seconds(c, "WAIT"), cases[i].seconds);
        config_free(c);
    }
}

static void lists_are_split_at_blanks(void **state)
{
    (void)state;
    struct config *c = good("ROOTS=\"  /a\t/b c\\nd  \"");
    static const char *const want[] = {"/a", "/b", "c", "d"};
    const char *at = NULL;
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(config_word(c, "ROOTS", &at), want[i]);
    assert_null(config_word(c, "ROOTS", &at));
    config_free(c);
    c = good("");
    at = NULL;
    assert_string_equal(config_word(c, "ROOTS", &at), "/etc");
    assert_string_equal(config_word(c, "ROOTS", &at), "/srv");
    assert_null(config_word(c, "ROOTS", &at));
    config_free(c);
}

static void an_unknown_key_is_a_warning_with_its_line(void **state)
{
    (void)state;
    struct config *c = good("URL=a\n\nFOO=bar\n");
    assert_string_equal(warned, "t.conf:3: unknown key FOO");
    config_free(c);
}

static void wrong_values_name_line_key_and_reason(void **state)
{
    (void)state;
    assert_refused("URL=a\nCOUNT=11\n", "t.conf:2: COUNT: must be a whole number from -5 to 10");
    assert_refused("COUNT=-6", "t.conf:1: COUNT: must be a whole number from -5 to 10");
    assert_refused("COUNT=", "t.conf:1: COUNT: must be a whole number from -5 to 10");
    assert_refused("COUNT=3x", "t.conf:1: COUNT: must be a whole number from -5 to 10");
    assert_refused("COUNT=99999999999999999999", "t.conf:1: COUNT: must be a whole number from -5 to 10");
    static const char duration[] = "t.conf:1: WAIT: must be a time such as 30s, 15m, 1h or 2d, from 1 s to 172800 s";
    assert_refused("WAIT=0", duration);
    assert_refused("WAIT=3d", duration);
    assert_refused("WAIT=1w", duration);
    assert_refused("WAIT=1hs", duration);
    assert_refused("WAIT=-1", duration);
    assert_refused("WAIT=213503982334602d", duration);
    assert_refused("ON=maybe", "t.conf:1: ON: must be true or false");
    assert_refused("MODE=vm", "t.conf:1: MODE: must be one of auto|vm-only|disabled");
    assert_refused("MODE=", "t.conf:1: MODE: must be one of auto|vm-only|disabled");
    assert_refused("MODE=auto|vm-only", "t.conf:1: MODE: must be one of auto|vm-only|disabled");
}

static void wrong_lines_are_refused(void **state)
{
    (void)state;
    assert_refused("what is this", "t.conf:1: expected KEY=\"value\"");
    assert_refused("=x", "t.conf:1: expected KEY=\"value\"");
    assert_refused("url=x", "t.conf:1: expected KEY=\"value\"");
    assert_refused("URL =x", "t.conf:1: expected KEY=\"value\"");
    assert_refused("1URL=x", "t.conf:1: expected KEY=\"value\"");
    assert_refused("export URL=x", "t.conf:1: expected KEY=\"value\"");
    assert_refused("URL=a b", "t.conf:1: URL: quote this value: KEY=\"value\"");
    assert_refused("URL=a\"b", "t.conf:1: URL: quote this value: KEY=\"value\"");
    assert_refused("URL='a'", "t.conf:1: URL: quote this value: KEY=\"value\"");
    assert_refused("URL=$HOME", "t.conf:1: URL: quote this value: KEY=\"value\"");
    assert_refused("URL=\"a", "t.conf:1: URL: the closing quote is missing");
    assert_refused("URL=\"a\\", "t.conf:1: URL: the closing quote is missing");
    assert_refused("URL=\"a\"b", "t.conf:1: URL: text after the closing quote");
    assert_refused("URL=\"a\" # no", "t.conf:1: URL: text after the closing quote");
    assert_refused("URL=\"\\t\"", "t.conf:1: URL: unknown escape; only \\\" \\\\ and \\n are");
    /* An unknown key is no excuse for a broken line. */
    assert_refused("FOO=\"a", "t.conf:1: FOO: the closing quote is missing");
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    struct config *c = NULL;
    struct err e = {0};
    static const char text[] = "URL=\"a\0b\"";
    assert_int_equal(config_parse("t", text, sizeof text - 1, keys, 8, NULL, NULL, &c, &e), ERR_INVALID);
    assert_string_equal(e.msg, "t:1: URL: a NUL byte");
    static const char bare[] = "URL=a\0b";
    assert_int_equal(config_parse("t", bare, sizeof bare - 1, keys, 8, NULL, NULL, &c, &e), ERR_INVALID);
    assert_null(c);
}

static void a_secret_never_stands_in_the_message(void **state)
{
    (void)state;
    struct config *c = NULL;
    struct err e = {0};
    assert_int_equal(parse("KEY=\"hush\"hush", &c, &e), ERR_INVALID);
    assert_null(strstr(e.msg, "hush"));
    assert_int_equal(parse("COUNT=hush", &c, &e), ERR_INVALID);
    assert_null(strstr(e.msg, "hush"));
}

static void a_value_of_the_limit_fits_and_a_longer_one_is_refused(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, 'x', sizeof text);
    memcpy(text, "URL=", 4);
    text[4 + 16384] = '\0';
    struct config *c = good(text);
    assert_int_equal(strlen(config_text(c, "URL")), 16384);
    config_free(c);
    text[4 + 16384] = 'x';
    text[4 + 16385] = '\0';
    assert_refused(text, "t.conf:1: URL: value too long");
    memset(text, 'A', 65);
    memcpy(text + 65, "=x", 3);
    assert_refused(text, "t.conf:1: name too long");
}

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        (void)unsetenv(keys[i].name);
    return 0;
}

static void the_environment_wins_over_the_file(void **state)
{
    (void)state;
    (void)setenv("URL", "from environment", 1);
    (void)setenv("COUNT", "7", 1);
    (void)setenv("KEY", "", 1);
    struct config *c = good("URL=file\nKEY=file\n");
    assert_string_equal(config_text(c, "URL"), "from environment");
    assert_string_equal(config_text(c, "KEY"), "");
    assert_int_equal(config_int(c, "COUNT"), 7);
    assert_true(config_given(c, "COUNT"));
    config_free(c);
}

static void a_wrong_value_of_the_environment_is_named_so(void **state)
{
    (void)state;
    (void)setenv("COUNT", "many", 1);
    assert_refused("", "environment variable COUNT: must be a whole number from -5 to 10");
}

static void a_missing_file_is_not_found_and_no_file_is_fine(void **state)
{
    (void)state;
    struct config *c = NULL;
    struct err e = {0};
    assert_int_equal(config_load("/nonexistent/t.conf", keys, 8, NULL, NULL, &c, &e), ERR_NOT_FOUND);
    assert_string_equal(e.msg, "/nonexistent/t.conf: No such file or directory");
    assert_null(c);
    assert_int_equal(config_load(NULL, keys, 8, NULL, NULL, &c, &e), 0);
    assert_int_equal(config_int(c, "COUNT"), 3);
    config_free(c);
}

static void written_lines_are_read_back(void **state)
{
    (void)state;
    static const char *const values[] = {
        "", "plain", "a b", "q\"uo\\te", "line\nbreak", "$HOME `x` 'y'", "\xc3\xa4\xff", "#"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf b;
        buf_init(&b, 1000);
        assert_int_equal(config_write_line(&b, "URL", values[i], NULL), 0);
        struct config *c = good(buf_str(&b));
        assert_string_equal(config_text(c, "URL"), values[i]);
        config_free(c);
        buf_done(&b);
    }
}

static void control_characters_are_not_written(void **state)
{
    (void)state;
    static const char *const values[] = {"a\rb", "a\tb", "\x7f", "\x01"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf b;
        buf_init(&b, 1000);
        assert_int_equal(config_write_line(&b, "URL", values[i], NULL), ERR_INVALID);
        assert_int_equal(b.len, 0);
        buf_done(&b);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, clear_environment, clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_file_gives_the_defaults),
        TEST(values_are_bare_or_quoted),
        TEST(the_last_of_two_lines_wins),
        TEST(an_empty_value_is_given_and_empty),
        TEST(durations_know_their_units),
        TEST(lists_are_split_at_blanks),
        TEST(an_unknown_key_is_a_warning_with_its_line),
        TEST(wrong_values_name_line_key_and_reason),
        TEST(wrong_lines_are_refused),
        TEST(a_nul_byte_is_refused),
        TEST(a_secret_never_stands_in_the_message),
        TEST(a_value_of_the_limit_fits_and_a_longer_one_is_refused),
        TEST(the_environment_wins_over_the_file),
        TEST(a_wrong_value_of_the_environment_is_named_so),
        TEST(a_missing_file_is_not_found_and_no_file_is_fine),
        TEST(written_lines_are_read_back),
        TEST(control_characters_are_not_written),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
