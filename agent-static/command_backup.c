#include "backup/backup.h"
#include "command.h"
#include "common/log.h"
#include "poll/jobs.h"

const struct cli_option command_backup_options[] = {
    {"config-name", "NAME", "the backup config to run"},
    {"config-id", "ID", "the same by id"},
    {"full", NULL, "store everything, also where an incremental backup would do"},
    {"reap", NULL, "run nothing; report backups that were killed"},
    {"command-id", "ID", "the server's command this answers (used by the poller)"},
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {0},
};

const char command_backup_details[] =
    "Reads only below BACKUP_ROOTS of the configuration. Exit codes: 0 completed, 3 completed but for files\n"
    "that are named in the report, 1 failed, 5 cancelled, 2 misuse or bad configuration.";

static int exit_code(enum backup_outcome outcome)
{
    switch (outcome) {
    case BACKUP_COMPLETED: return JOB_EXIT_COMPLETED;
    case BACKUP_WARNING: return JOB_EXIT_WARNING;
    case BACKUP_CANCELLED: return JOB_EXIT_CANCELLED;
    case BACKUP_FAILED: break;
    }
    return JOB_EXIT_FAILED;
}

static int run_backup(const struct cli_args *args, struct agent *agent, struct err *err)
{
    bool json = cli_switch(args, "json");
    const char *command_id = cli_option(args, "command-id");
    struct backup_options options = {
        .config_id = cli_option(args, "config-id"),
        .config_name = cli_option(args, "config-name"),
        .command_id = command_id,
        .full = cli_switch(args, "full"),
        .progress = command_id == NULL && !json,
        .json = json,
    };
    enum backup_outcome outcome = BACKUP_FAILED;
    int rc = backup_run(agent, &options, &outcome, err);
    if (rc == 0 && outcome != BACKUP_FAILED && outcome != BACKUP_CANCELLED)
        return exit_code(outcome);
    return cli_fail(args, rc == 0 ? exit_code(outcome) : JOB_EXIT_FAILED, err);
}

int command_backup(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct err err = {0};
    bool reap = cli_switch(args, "reap");
    bool named = cli_option(args, "config-id") != NULL || cli_option(args, "config-name") != NULL;
    (void)ctx;
    if (reap == named) {
        (void)err_set(&err, ERR_INVALID, "give --config-name or --config-id, or --reap alone");
        return cli_fail(args, CLI_USAGE, &err);
    }
    int code = command_open_agent(args, true, &agent);
    /* To the poller, exit code 1 says that the result has been told; nothing has been, so it must not be that. */
    if (code != CLI_OK)
        return cli_option(args, "command-id") != NULL ? CLI_USAGE : code;
    if (!reap)
        code = run_backup(args, agent, &err);
    else if (backup_reap(agent, &err) != 0)
        code = cli_fail(args, CLI_FAILED, &err);
    agent_close(agent);
    return code;
}
