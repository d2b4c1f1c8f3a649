/* settings.h: the keys of agent.conf. */
#ifndef MUSTER_AGENT_SETTINGS_H
#define MUSTER_AGENT_SETTINGS_H

#include <stddef.h>

#include "common/config.h"
#include "common/err.h"

/* Where agent.conf is when neither --config nor MUSTER_AGENT_CONFIG says. */
#define SETTINGS_DEFAULT_PATH "/etc/muster/agent.conf"

/* path NULL: environment and defaults only. Unknown keys are logged as warnings. ERR_INVALID with file, line and
 * reason; ERR_DENIED when the file holds API_KEY and others can read it. */
int settings_load(const char *path, struct config **ret, struct err *err) MUSTER_NODISCARD;

/* The name of key number index, NULL after the last: what of the environment is for the agent. */
const char *settings_key(size_t index);

#endif
