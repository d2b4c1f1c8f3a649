#include "describe.h"

#include "version.h"

static bool given(const struct agent *agent, const char *key)
{
    const char *text = config_text(agent->config, key);
    return text != NULL && text[0] != '\0';
}

static bool add_if(json_t *list, bool can, const char *what)
{
    return !can || json_array_append_new(list, json_string(what)) == 0;
}

static json_t *capabilities(const struct agent *agent)
{
    json_t *can = json_pack("[s, s, s, s, s]", "backup", "backup-2", "restore", "events", "commands");
    const char *at = NULL;
    bool whole = can != NULL && add_if(can, given(agent, "UPDATE_K8S_WORKLOAD"), "k8s-rollout") &&
                 add_if(can, config_word(agent->config, "AGE_RECIPIENTS", &at) != NULL, "encrypt") &&
                 add_if(can, given(agent, "AGE_IDENTITY"), "verify");
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
