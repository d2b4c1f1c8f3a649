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

/* The container image of a version: container_image of the signed target of this architecture, in ret. The server's
 * word alone never decides it. May refresh the metadata, so it blocks and takes memory: not for the process that polls.
 * ERR_UNAVAILABLE: updates are not set up, or the metadata is out of date and cannot be renewed; ERR_DENIED: the
 * metadata is not what its keys signed; ERR_NOT_FOUND: there is no such version; or it comes without an image, or is
 * withdrawn; ERR_TOO_BIG. */
int update_signed_image(const struct agent *agent, const char *version, char *ret, size_t size,
                        struct err *err) MUSTER_NODISCARD;

#endif
