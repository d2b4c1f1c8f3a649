/* command.h: what the subcommands share. Each area has a command.c of its own with its part of the table; main.c joins
 * them. */
#ifndef MUSTER_COMMAND_H
#define MUSTER_COMMAND_H

#include "app.h"
#include "common/cli.h"
#include <jansson.h>

/* "--config FILE" and "--json", to stand in every command's option list. */
#define COMMAND_OPTION_CONFIG                                                                                          \
    {                                                                                                                  \
        "config", "FILE", "configuration file [$MUSTER_CONFIG, else /etc/muster/app.conf]"                             \
    }
#define COMMAND_OPTION_JSON                                                                                            \
    {                                                                                                                  \
        "json", NULL, "print JSON"                                                                                     \
    }

/* Only the settings, for commands that run without a database; umask and log are set. Free with settings_free. */
int command_settings(const struct cli_args *args, struct settings **ret, int *ret_exit) MUSTER_NODISCARD;

/* --config, else $MUSTER_CONFIG, else /etc/muster/app.conf when it is there, else NULL: built-in values. */
const char *command_config_path(const struct cli_args *args);

/* Loads the settings that --config names and opens the app for a command. On failure prints why; *ret_exit is the exit
 * code. command_close undoes it; NULL does nothing. */
struct command {
    struct settings *settings;
    struct app *app;
    struct db *db; /* a read connection */
};
int command_open(const struct cli_args *args, struct command *ret, int *ret_exit) MUSTER_NODISCARD;
void command_close(struct command *c);

/* Prints JSON, indented, and takes it. */
void command_print_json(json_t *take);

/* "cli:<uid>", for the audit trail, in static storage. */
const char *command_actor(void);

#endif
