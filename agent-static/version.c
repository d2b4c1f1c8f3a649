#include "version.h"

const char agent_version[] = MUSTER_VERSION;
