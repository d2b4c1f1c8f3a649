#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "settings.h"
#include "version.h"

const char *command_config_path(const struct cli_args *args)
{
    const char *path = cli_option(args, "config");
    if (path == NULL)
        path = getenv("MUSTER_AGENT_CONFIG");
    if (path == NULL && access(SETTINGS_DEFAULT_PATH, F_OK) == 0)
        path = SETTINGS_DEFAULT_PATH;
    return path;
}

int command_open_agent(const struct cli_args *args, bool enrolled, struct agent **ret)
{
    struct agent *agent = NULL;
    struct err err = {0};
    int rc = agent_open(command_config_path(args), &agent, &err);
    if (rc == ERR_INVALID || rc == ERR_DENIED || rc == ERR_NOT_FOUND)
        return cli_fail(args, CLI_USAGE, &err);
    if (rc == 0 && enrolled && !agent_enrolled(agent))
        rc = err_set(&err, ERR_NOT_FOUND,
                     "this host is not enrolled: run muster-agent enroll, or set AGENT_ID and API_KEY");
    if (rc == 0 && enrolled && agent->server_url == NULL)
        rc = err_set(&err, ERR_NOT_FOUND, "SERVER_URL is not set");
    if (rc != 0) {
        agent_close(agent);
        return cli_fail(args, CLI_FAILED, &err);
    }
    *ret = agent;
    return CLI_OK;
}

int command_version(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    (void)printf(cli_switch(args, "json") ? "{\"version\":\"%s\"}\n" : "muster-agent %s\n", agent_version);
    return CLI_OK;
}
