#include "describe.h"

#include "version.h"

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#endif

json_t *describe_agent(const struct agent *agent)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:[s, s, s, s], s:s}", "version", agent_version, "platform", "linux",
                     "arch", ARCH, "proto", AGENT_PROTO, "capabilities", "backup", "restore", "events", "commands",
                     "deploymentMode", deployment_name(agent->deployment));
}
