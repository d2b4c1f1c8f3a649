/* muster-agent: one host of the fleet. */
#include "command.h"
#include "common/jsonread.h"

#define CONFIG_ONLY     ((const struct cli_option[]){COMMAND_OPTION_CONFIG, {0}})
#define CONFIG_AND_JSON ((const struct cli_option[]){COMMAND_OPTION_CONFIG, COMMAND_OPTION_JSON, {0}})
#define JSON_ONLY       ((const struct cli_option[]){COMMAND_OPTION_JSON, {0}})

/* clang-format off */
static const struct cli_command commands[] = {
    /* Each row: name, operands, how many, summary, details, options, function. */
    {"enroll",  NULL, 0, 0, "make this host known to a server, with a one-time password", command_enroll_details, command_enroll_options, command_enroll},
    {"run",     NULL, 0, 0, "poll the server until stopped",                               NULL,                  command_run_options,    command_run},
    {"once",    NULL, 0, 0, "one round of polling in the foreground",                      NULL,                  CONFIG_ONLY,            command_once},
    {"status",  NULL, 0, 0, "who this host is, and how the polling goes",                  NULL,                  command_status_options, command_status},
    {"backup",  NULL, 0, 0, "run a backup now",                                            command_backup_details, command_backup_options, command_backup},
    {"restore", NULL, 0, 0, "put a backup back",                                           command_restore_details, command_restore_options, command_restore},
    {"verify",  NULL, 0, 0, "read a backup to its end, for the proof that it can be restored", command_verify_details, command_verify_options, command_verify},
    {"events",  NULL, 0, 0, "what this host has said and is still on its disk",            NULL,                  CONFIG_AND_JSON,        command_events},
    {"selftest", NULL, 0, 0, "whether this binary works on this host",                      command_selftest_details, CONFIG_AND_JSON,       command_selftest},
    {"update status", NULL, 0, 0, "how an update goes, and which versions this host skips", NULL,                    CONFIG_AND_JSON,        command_update_status},
    {"update check", NULL, 0, 0, "ask the update server for the newest release",           NULL,                  command_update_check_options, command_update_check},
    {"update retry", "[VERSION]", 0, 1, "do not skip this version, or any, any more",      NULL,                  CONFIG_ONLY,            command_update_retry},
    {"update stage", "VERSION", 1, 1, "download and verify a version without installing it", command_update_stage_details, command_update_stage_options, command_update_stage},
    {"update pin", NULL, 0, 0, "choose the TUF root that updates are trusted by",          command_update_pin_details, command_update_pin_options, command_update_pin},
    {"update k8s-rollout", NULL, 0, 0, "put a new image into the workload of UPDATE_K8S_WORKLOAD", command_k8s_rollout_details, command_k8s_rollout_options, command_k8s_rollout},
    {"version", NULL, 0, 0, "print the version",                                           NULL,                  JSON_ONLY,              command_version},
    {.name = NULL},
};
/* clang-format on */

int main(int argc, char **argv)
{
    static const struct cli_program program = {
        .name = "muster-agent",
        .summary = "looks after this host on behalf of a Muster server",
        .commands = commands,
        .footer = "Exit codes: 0 done, 1 failed, 2 misuse or bad configuration.",
    };
    jsonread_wipe_freed();
    struct command_context context = {.argc = argc, .argv = argv};
    return cli_main(&program, argc, argv, &context);
}
