/* cli.h: a command program as one const table; help is printed from it.
 *
 * A command's name may be two words ("user add"). Options are long, take a value or not, and may be given as
 * --name value or --name=value; "--" ends them. --help works everywhere. Exit codes: 0 done, 1 failed, 2 misuse or a
 * bad configuration file. */
#ifndef MUSTER_COMMON_CLI_H
#define MUSTER_COMMON_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli_option {
    const char *name;  /* without the dashes */
    const char *value; /* what the value is, for help: "FILE"; NULL: a switch */
    const char *help;
};

struct cli_args;

struct cli_command {
    const char *name;                 /* "run", "user add" */
    const char *operands;             /* for help: "EMAIL", "[PATH…]"; NULL: none */
    int min_operands, max_operands;   /* max -1: any number */
    const char *summary;              /* one line */
    const char *details;              /* paragraphs for --help of this command; NULL: none */
    const struct cli_option *options; /* ended by an entry without a name; NULL: none but --help */
    int (*run)(const struct cli_args *args, void *ctx);
};

struct cli_program {
    const char *name;
    const char *summary;
    const struct cli_command *commands; /* ended by an entry without a name */
    const char *footer;                 /* examples and files; NULL: none */
};

/* Finds the command, checks its options and operands, runs it, and returns the exit code. */
int cli_main(const struct cli_program *program, int argc, char **argv, void *ctx);

/* The option's value, or NULL when it was not given (a switch that was given: ""). The last one wins. */
const char *cli_option(const struct cli_args *args, const char *name);
bool cli_switch(const struct cli_args *args, const char *name);

/* Values of an option that may be repeated: index 0, 1, … until NULL. */
const char *cli_option_nth(const struct cli_args *args, const char *name, size_t index);

/* Operand number index, or NULL. */
const char *cli_operand(const struct cli_args *args, size_t index);
size_t cli_operand_count(const struct cli_args *args);

/* Prints "program: message" on standard error and returns code. For a failed command: cli_fail(args, CLI_FAILED, &err)
 */
int cli_fail(const struct cli_args *args, int code, const struct err *err);

#endif
