/* update.h: what the rest of the agent asks of updates. */
#ifndef MUSTER_AGENT_UPDATE_UPDATE_H
#define MUSTER_AGENT_UPDATE_UPDATE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent.h"
#include "update/policy.h"

/* What this host does about a version it hears of: DEPLOYMENT_MODE and UPDATE_MODE, and whether a launcher watches over
 * us, without which a version that does not work could not be taken back. *ret_reason says why it is not
 * POLICY_MODE_INSTALL ("" when it is); static storage. */
enum policy_mode update_mode(const struct agent *agent, bool launcher, const char **ret_reason);

/* Whether the binary of this host may be replaced in place. Never in a container. */
bool update_in_place_possible(const struct agent *agent, bool launcher, const char **ret_reason);

/* The container image of a version that may come after the one that runs: container_image of the signed target of this
 * architecture, in ret. The server's word alone never decides it. Refreshes the metadata, so it blocks and takes
 * memory, and waits for a minute while another process is at it: not for the process that polls. Errors as of
 * stage_find (stage.h); ERR_NOT_FOUND also: it was released without an image; ERR_TOO_BIG. */
int update_signed_image(const struct agent *agent, const char *version, const char *running, char *ret, size_t size,
                        struct err *err) MUSTER_NODISCARD;

#endif
