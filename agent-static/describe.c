#include "describe.h"

#include "version.h"

json_t *describe_agent(const struct agent *agent)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:[s, s, s, s], s:s}", "version", agent_version, "platform", "linux", "arch",
                     DESCRIBE_ARCH, "proto", AGENT_PROTO, "capabilities", "backup", "restore", "events", "commands",
                     "deploymentMode", deployment_name(agent->deployment));
}
