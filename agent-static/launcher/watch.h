/* watch.h: the launcher at work: starts the agent, watches it, and has it judged while it is on trial. */
#ifndef MUSTER_AGENT_LAUNCHER_WATCH_H
#define MUSTER_AGENT_LAUNCHER_WATCH_H

#include <signal.h>

enum { WATCH_STOPPED = 0, WATCH_KILLED = 1, WATCH_MISUSE = 2 };

struct watch_options {
    const char *agent;  /* without symbolic links */
    const char *config; /* passed on to it; NULL: it decides */
};

/* Until a signal ends it. Returns an exit code: WATCH_STOPPED; WATCH_KILLED, the agent had to be killed when stopping;
 * WATCH_MISUSE, the agent says that its configuration is bad, or there is none to be started. */
int watch_run(const struct watch_options *o);

#endif
