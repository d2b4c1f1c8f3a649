/* describe.h: what enrolment and heartbeat say about this agent. */
#ifndef MUSTER_AGENT_DESCRIBE_H
#define MUSTER_AGENT_DESCRIBE_H

#include <jansson.h>

#include "agent.h"

#if defined(__x86_64__)
#define DESCRIBE_ARCH "amd64"
#elif defined(__aarch64__)
#define DESCRIBE_ARCH "arm64"
#endif

/* {"version","platform","arch","proto","capabilities","deploymentMode"}; NULL when memory is out. */
json_t *describe_agent(const struct agent *agent);

#endif
