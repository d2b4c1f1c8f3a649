#include <string.h>

#include "update/update.h"

enum policy_mode update_mode(const struct agent *agent, bool launcher, const char **ret_reason)
{
    const char *mode = config_text(agent->config, "UPDATE_MODE");
    bool container = agent->deployment == DEPLOYMENT_CONTAINER;
    *ret_reason = "";
    if (strcmp(mode, "disabled") == 0) {
        *ret_reason = "UPDATE_MODE is disabled";
        return POLICY_MODE_OFF;
    }
    if (strcmp(mode, "vm-only") == 0 && container) {
        *ret_reason = "UPDATE_MODE is vm-only, and this is a container";
        return POLICY_MODE_OFF;
    }
    if (strcmp(mode, "signal-only") == 0)
        *ret_reason = "UPDATE_MODE is signal-only";
    else if (container)
        *ret_reason = "a container gets a new version as a new image";
    else if (!launcher)
        *ret_reason = "no muster-launcher watches over this agent, so a version that does not work could not be undone";
    return (*ret_reason)[0] == '\0' ? POLICY_MODE_INSTALL : POLICY_MODE_REPORT;
}

bool update_in_place_possible(const struct agent *agent, bool launcher, const char **ret_reason)
{
    return update_mode(agent, launcher, ret_reason) == POLICY_MODE_INSTALL;
}
