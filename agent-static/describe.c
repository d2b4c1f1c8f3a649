#include "describe.h"

#include "version.h"

static json_t *capabilities(const struct agent *agent)
{
    json_t *can = json_pack("[s, s, s, s]", "backup", "restore", "events", "commands");
    bool whole = can != NULL;
    const char *workload = config_text(agent->config, "UPDATE_K8S_WORKLOAD");
    if (whole && workload != NULL && workload[0] != '\0')
        whole = json_array_append_new(can, json_string("k8s-rollout")) == 0;
    if (whole)
        return can;
    json_decref(can);
    return NULL;
}

json_t *describe_agent(const struct agent *agent)
{
    json_t *can = capabilities(agent);
    if (can == NULL)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:i, s:o, s:s}", "version", agent_version, "platform", "linux", "arch",
                     DESCRIBE_ARCH, "proto", AGENT_PROTO, "capabilities", can, "deploymentMode",
                     deployment_name(agent->deployment));
}
