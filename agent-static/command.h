/* command.h: the subcommands of muster-agent, one function each, and what they share. */
#ifndef MUSTER_AGENT_COMMAND_H
#define MUSTER_AGENT_COMMAND_H

#include "agent.h"
#include "common/cli.h"

#define COMMAND_OPTION_CONFIG                                                                                          \
    {                                                                                                                  \
        "config", "FILE", "configuration [$MUSTER_AGENT_CONFIG, else /etc/muster/agent.conf]"                          \
    }
#define COMMAND_OPTION_JSON                                                                                            \
    {                                                                                                                  \
        "json", NULL, "print JSON"                                                                                     \
    }

/* What cli_main hands to every command. */
struct command_context {
    int argc;
    char **argv; /* where a secret given as an option is wiped */
};

/* Opens the agent as --config says. Returns CLI_OK, or the exit code after printing why: 2 for a bad configuration, 1
 * for anything else, such as no identity where enrolled asks for one. */
int command_open_agent(const struct cli_args *args, bool enrolled, struct agent **ret);

/* The configuration file to use; NULL: none is there, and none was asked for. */
const char *command_config_path(const struct cli_args *args);

extern const struct cli_option command_enroll_options[];
extern const struct cli_option command_run_options[];
extern const struct cli_option command_status_options[];
extern const struct cli_option command_backup_options[];
extern const struct cli_option command_restore_options[];
extern const struct cli_option command_verify_options[];
extern const struct cli_option command_k8s_rollout_options[];

extern const struct cli_option command_update_check_options[];
extern const struct cli_option command_update_stage_options[];
extern const struct cli_option command_update_pin_options[];

extern const char command_enroll_details[];
extern const char command_backup_details[];
extern const char command_restore_details[];
extern const char command_verify_details[];
extern const char command_selftest_details[];
extern const char command_update_stage_details[];
extern const char command_update_pin_details[];
extern const char command_k8s_rollout_details[];

int command_enroll(const struct cli_args *args, void *ctx);
int command_run(const struct cli_args *args, void *ctx);
int command_once(const struct cli_args *args, void *ctx);
int command_status(const struct cli_args *args, void *ctx);
int command_events(const struct cli_args *args, void *ctx);
int command_backup(const struct cli_args *args, void *ctx);
int command_restore(const struct cli_args *args, void *ctx);
int command_verify(const struct cli_args *args, void *ctx);
int command_selftest(const struct cli_args *args, void *ctx);
int command_update_status(const struct cli_args *args, void *ctx);
int command_update_check(const struct cli_args *args, void *ctx);
int command_update_stage(const struct cli_args *args, void *ctx);
int command_update_retry(const struct cli_args *args, void *ctx);
int command_update_pin(const struct cli_args *args, void *ctx);
int command_k8s_rollout(const struct cli_args *args, void *ctx);
int command_version(const struct cli_args *args, void *ctx);

#endif
