#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cli.h"

/* What the last command that ran was given. */
static char seen[500];

static int show(const struct cli_args *args, void *ctx)
{
    int len = snprintf(seen, sizeof seen, "%s", (const char *)ctx);
    for (size_t i = 0; cli_option_nth(args, "name", i) != NULL; i++)
        len += snprintf(seen + len, sizeof seen - (size_t)len, " name=%s", cli_option_nth(args, "name", i));
    if (cli_option(args, "name") != NULL)
        len += snprintf(seen + len, sizeof seen - (size_t)len, " last=%s", cli_option(args, "name"));
    if (cli_switch(args, "json"))
        len += snprintf(seen + len, sizeof seen - (size_t)len, " json");
    for (size_t i = 0; i < cli_operand_count(args); i++)
        len += snprintf(seen + len, sizeof seen - (size_t)len, " %s", cli_operand(args, i));
    assert_null(cli_operand(args, cli_operand_count(args)));
    return CLI_OK;
}

static int refuse(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct err e = {0};
    (void)err_set(&e, ERR_IO, "it did not work");
    return cli_fail(args, CLI_FAILED, &e);
}

static const struct cli_option options[] = {
    {"name", "NAME", "a name"},
    {"json", NULL, "print JSON"},
    {0},
};
static const struct cli_command commands[] = {
    {"show", "[WHAT…]", 0, 2, "show things", "Shows them.", options, show},
    {"user add", "EMAIL", 1, 1, "add a person", NULL, NULL, show},
    {"user fail", NULL, 0, 0, "fail", NULL, NULL, refuse},
    {"many", "[X…]", 0, -1, "take any number", NULL, NULL, show},
    {.name = NULL},
};
static const struct cli_program program = {
    .name = "prog", .summary = "a program", .commands = commands, .footer = "See also."};

static char out[8000];
static char complaint[8000];

static void capture(int fd, FILE *stream, int kept, int memory, char *text, size_t size)
{
    (void)fflush(stream);
    (void)dup2(kept, fd);
    (void)close(kept);
    ssize_t len = pread(memory, text, size - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    (void)close(memory);
}

/* Runs the program over words (ended by NULL), keeps what it prints, and gives its exit code. */
static int run(const char *const words[])
{
    char copy[16][100];
    char *argv[17];
    int argc = 0;
    for (; words[argc] != NULL && argc < 16; argc++)
        argv[argc] = strcpy(copy[argc], words[argc]);
    argv[argc] = NULL;
    seen[0] = '\0';
    (void)fflush(stdout);
    (void)fflush(stderr);
    int kept_out = dup(STDOUT_FILENO);
    int kept_err = dup(STDERR_FILENO);
    int new_out = memfd_create("out", 0);
    int new_err = memfd_create("err", 0);
    (void)dup2(new_out, STDOUT_FILENO);
    (void)dup2(new_err, STDERR_FILENO);
    static char ctx[] = "ctx";
    int code = cli_main(&program, argc, argv, ctx);
    capture(STDOUT_FILENO, stdout, kept_out, new_out, out, sizeof out);
    capture(STDERR_FILENO, stderr, kept_err, new_err, complaint, sizeof complaint);
    return code;
}

#define RUN(...) run((const char *const[]){"prog", __VA_ARGS__, NULL})

static void a_command_gets_its_options_and_operands(void **state)
{
    (void)state;
    assert_int_equal(RUN("show", "a", "--name", "x", "--json", "--name=y=z", "b"), CLI_OK);
    assert_string_equal(seen, "ctx name=x name=y=z last=y=z json a b");
}

static void a_name_of_two_words_is_found(void **state)
{
    (void)state;
    assert_int_equal(RUN("user", "add", "me@here"), CLI_OK);
    assert_string_equal(seen, "ctx me@here");
    assert_int_equal(RUN("user"), CLI_USAGE);
    assert_int_equal(RUN("user", "addx"), CLI_USAGE);
    assert_int_equal(RUN("use", "add"), CLI_USAGE);
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(RUN("show", "--", "--json", "--help"), CLI_OK);
    assert_string_equal(seen, "ctx --json --help");
}

static void an_empty_value_is_a_value(void **state)
{
    (void)state;
    assert_int_equal(RUN("show", "--name=", "--name", ""), CLI_OK);
    assert_string_equal(seen, "ctx name= name= last=");
}

static void misuse_is_exit_code_two_and_says_why(void **state)
{
    (void)state;
    assert_int_equal(RUN("what"), CLI_USAGE);
    assert_string_equal(complaint, "prog: unknown command: what\nTry 'prog --help'.\n");
    assert_int_equal(RUN("show", "--nam", "x"), CLI_USAGE);
    assert_string_equal(complaint, "prog: unknown option: --nam\nTry 'prog show --help'.\n");
    assert_int_equal(RUN("show", "--json=1"), CLI_USAGE);
    assert_string_equal(complaint, "prog: this option takes no value: --json\nTry 'prog show --help'.\n");
    assert_int_equal(RUN("show", "--name"), CLI_USAGE);
    assert_string_equal(complaint, "prog: this option needs a value: --name\nTry 'prog show --help'.\n");
    assert_int_equal(RUN("user", "add"), CLI_USAGE);
    assert_string_equal(complaint, "prog: missing operand: EMAIL\nTry 'prog user add --help'.\n");
    assert_int_equal(RUN("show", "1", "2", "3"), CLI_USAGE);
    assert_string_equal(complaint, "prog: unexpected operand: 3\nTry 'prog show --help'.\n");
    assert_string_equal(seen, "");
    assert_string_equal(out, "");
}

static void a_wrong_options_value_is_not_repeated(void **state)
{
    (void)state;
    assert_int_equal(RUN("show", "--password=hush"), CLI_USAGE);
    assert_null(strstr(complaint, "hush"));
}

static void help_names_every_command_and_option(void **state)
{
    (void)state;
    static const char *const ways[] = {"--help", "-h", "help"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(RUN(ways[i]), CLI_OK);
        for (const struct cli_command *c = commands; c->name != NULL; c++)
            assert_non_null(strstr(out, c->summary));
        assert_non_null(strstr(out, "See also."));
        assert_string_equal(complaint, "");
    }
    assert_int_equal(RUN("show", "x", "--help"), CLI_OK);
    assert_non_null(strstr(out, "Usage: prog show [OPTION…] [WHAT…]"));
    assert_non_null(strstr(out, "Shows them."));
    assert_non_null(strstr(out, "--name NAME"));
    assert_string_equal(seen, "");
}

static void no_command_prints_help_as_a_complaint(void **state)
{
    (void)state;
    static const char *const alone[] = {"prog", NULL};
    assert_int_equal(run(alone), CLI_USAGE);
    assert_string_equal(out, "");
    assert_non_null(strstr(complaint, "Usage: prog COMMAND"));
}

static void a_failed_command_names_itself(void **state)
{
    (void)state;
    assert_int_equal(RUN("user", "fail"), CLI_FAILED);
    assert_string_equal(complaint, "prog user fail: it did not work\n");
}

static void any_number_of_operands_may_come(void **state)
{
    (void)state;
    assert_int_equal(RUN("many"), CLI_OK);
    assert_int_equal(RUN("many", "1", "2", "3", "4", "5", "6", "7", "8", "9"), CLI_OK);
    assert_string_equal(seen, "ctx 1 2 3 4 5 6 7 8 9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gets_its_options_and_operands),
        cmocka_unit_test(a_name_of_two_words_is_found),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(an_empty_value_is_a_value),
        cmocka_unit_test(misuse_is_exit_code_two_and_says_why),
        cmocka_unit_test(a_wrong_options_value_is_not_repeated),
        cmocka_unit_test(help_names_every_command_and_option),
        cmocka_unit_test(no_command_prints_help_as_a_complaint),
        cmocka_unit_test(a_failed_command_names_itself),
        cmocka_unit_test(any_number_of_operands_may_come),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
