#include "cli.h"

#include <stdio.h>
#include <string.h>

enum { GIVEN_MAX = 64, OPERANDS_MAX = 1024 };

struct given {
    const char *name;
    const char *value;
};

struct cli_args {
    const struct cli_program *program;
    const struct cli_command *command;
    struct given given[GIVEN_MAX];
    size_t given_count;
    const char *operands[OPERANDS_MAX];
    size_t operand_count;
};

static void print_program_help(const struct cli_program *p, FILE *out)
{
    (void)fprintf(out, "%s: %s\n\nUsage: %s COMMAND [OPTION…]\n\nCommands:\n", p->name, p->summary, p->name);
    for (const struct cli_command *c = p->commands; c->name != NULL; c++)
        (void)fprintf(out, "  %-24s %s\n", c->name, c->summary);
    (void)fprintf(out, "\n'%s COMMAND --help' tells more about one.\n", p->name);
    if (p->footer != NULL)
        (void)fprintf(out, "\n%s\n", p->footer);
}

static void print_command_help(const struct cli_program *p, const struct cli_command *c, FILE *out)
{
    bool options = c->options != NULL && c->options[0].name != NULL;
    (void)fprintf(out, "%s %s: %s\n\nUsage: %s %s%s%s%s\n", p->name, c->name, c->summary, p->name, c->name,
                  options ? " [OPTION…]" : "", c->operands != NULL ? " " : "", c->operands != NULL ? c->operands : "");
    if (c->details != NULL)
        (void)fprintf(out, "\n%s\n", c->details);
    (void)fprintf(out, "\nOptions:\n");
    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++) {
        char left[48];
        (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value != NULL ? " " : "",
                       o->value != NULL ? o->value : "");
        (void)fprintf(out, "  %-24s %s\n", left, o->help);
    }
    (void)fprintf(out, "  %-24s %s\n", "--help", "show this help");
}

static int misuse(const struct cli_program *p, const struct cli_command *c, const char *what, const char *which)
{
    (void)fprintf(stderr, "%s: %s%s%s\n", p->name, what, which != NULL ? ": " : "", which != NULL ? which : "");
    (void)fprintf(stderr, "Try '%s%s%s --help'.\n", p->name, c != NULL ? " " : "", c != NULL ? c->name : "");
    return CLI_USAGE;
}

/* How many leading words of argv the command's name takes up, 0 when it does not match. */
static int name_words(const struct cli_command *c, int argc, char **argv)
{
    const char *space = strchr(c->name, ' ');
    if (space == NULL)
        return argc > 0 && strcmp(argv[0], c->name) == 0 ? 1 : 0;
    size_t first = (size_t)(space - c->name);
    bool match = argc > 1 && strlen(argv[0]) == first && strncmp(argv[0], c->name, first) == 0 &&
                 strcmp(argv[1], space + 1) == 0;
    return match ? 2 : 0;
}

static const struct cli_option *find_option(const struct cli_command *c, const char *name, size_t len)
{
    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
        if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

/* argv[i] is an option. Returns how many words it took, 0 after printing what is wrong. */
static int take_option(struct cli_args *a, int argc, char **argv)
{
    const char *name = argv[0] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct cli_option *o = find_option(a->command, name, len);
    const char *wrong = NULL;
    if (o == NULL)
        wrong = "unknown option";
    else if (o->value == NULL && equals != NULL)
        wrong = "this option takes no value";
    else if (o->value != NULL && equals == NULL && argc < 2)
        wrong = "this option needs a value";
    else if (a->given_count == GIVEN_MAX)
        wrong = "too many options";
    if (wrong != NULL) {
        char shown[64]; /* the name alone: a value may be a secret */
        (void)snprintf(shown, sizeof shown, "--%.*s", (int)(len < 60 ? len : 60), name);
        (void)misuse(a->program, a->command, wrong, shown);
        return 0;
    }
    bool next_word = o->value != NULL && equals == NULL;
    const char *value = o->value == NULL ? "" : equals != NULL ? equals + 1 : argv[1];
    a->given[a->given_count++] = (struct given){.name = o->name, .value = value};
    return next_word ? 2 : 1;
}

static int run_command(const struct cli_program *p, const struct cli_command *c, int argc, char **argv, void *ctx)
{
    static struct cli_args args; /* one command a process; too large for a small stack */
    args = (struct cli_args){.program = p, .command = c};
    bool options_end = false;
    for (int i = 0; i < argc;) {
        if (!options_end && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_command_help(p, c, stdout);
            return CLI_OK;
        }
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
            i++;
        } else if (!options_end && strncmp(argv[i], "--", 2) == 0) {
            int words = take_option(&args, argc - i, argv + i);
            if (words == 0)
                return CLI_USAGE;
            i += words;
        } else if (args.operand_count == OPERANDS_MAX) {
            return misuse(p, c, "too many operands", NULL);
        } else {
            args.operands[args.operand_count++] = argv[i++];
        }
    }
    if (args.operand_count < (size_t)c->min_operands)
        return misuse(p, c, "missing operand", c->operands);
    if (c->max_operands >= 0 && args.operand_count > (size_t)c->max_operands)
        return misuse(p, c, "unexpected operand", args.operands[c->max_operands]);
    return c->run(&args, ctx);
}

int cli_main(const struct cli_program *program, int argc, char **argv, void *ctx)
{
    if (argc < 2) {
        print_program_help(program, stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_program_help(program, stdout);
        return CLI_OK;
    }
    for (const struct cli_command *c = program->commands; c->name != NULL; c++) {
        int words = name_words(c, argc - 1, argv + 1);
        if (words > 0)
            return run_command(program, c, argc - 1 - words, argv + 1 + words, ctx);
    }
    return misuse(program, NULL, "unknown command", argv[1]);
}

const char *cli_option_nth(const struct cli_args *args, const char *name, size_t index)
{
    for (size_t i = 0; i < args->given_count; i++)
        if (strcmp(args->given[i].name, name) == 0 && index-- == 0)
            return args->given[i].value;
    return NULL;
}

const char *cli_option(const struct cli_args *args, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < args->given_count; i++)
        if (strcmp(args->given[i].name, name) == 0)
            value = args->given[i].value;
    return value;
}

bool cli_switch(const struct cli_args *args, const char *name)
{
    return cli_option(args, name) != NULL;
}

const char *cli_operand(const struct cli_args *args, size_t index)
{
    return index < args->operand_count ? args->operands[index] : NULL;
}

size_t cli_operand_count(const struct cli_args *args)
{
    return args->operand_count;
}

int cli_fail(const struct cli_args *args, int code, const struct err *err)
{
    (void)fprintf(stderr, "%s %s: %s\n", args->program->name, args->command->name, err->msg);
    return code;
}
