/* say.h: the launcher's log: lines on standard error, like the agent's. */
#ifndef MUSTER_AGENT_LAUNCHER_SAY_H
#define MUSTER_AGENT_LAUNCHER_SAY_H

#include <stddef.h>

/* level: "info", "warning", "error". */
__attribute__((format(printf, 2, 3))) void say(const char *level, const char *fmt, ...);

/* "2026-02-15T12:00:00.000Z"; returns its length. */
size_t say_time(char *ret, size_t size);

#endif
