/* hooks.h: commands of this host that run before and after a backup.
 *
 * A configuration names a hook; what that is stands in the file that HOOKS of agent.conf names, which the server cannot
 * change. Lines of
 *
 *   name timeout_s /abs/program argument…
 *
 * separated by blanks, without quoting; empty lines, and lines that begin with '#', are comments. The program is run
 * directly, no shell looks at the line, in a clean environment: PATH, MUSTER_HOOK (its name), MUSTER_WHEN (before or
 * after), MUSTER_CONFIG_ID, MUSTER_RUN_ID and, afterwards, MUSTER_STATUS. Its output goes to our standard error. */
#ifndef MUSTER_AGENT_BACKUP_HOOKS_H
#define MUSTER_AGENT_BACKUP_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent.h"
#include "common/arena.h"
#include "common/err.h"

enum { HOOKS_FILE_MAX = 64 * 1024, HOOKS_ARGUMENTS_MAX = 32, HOOKS_TIMEOUT_MAX_S = 24 * 60 * 60 };

struct hook { /* in the arena it was found with */
    const char *name;
    int timeout_s;
    char *argv[HOOKS_ARGUMENTS_MAX + 1]; /* the program first; ended by NULL */
};

/* The hook of this name. ERR_DENIED: HOOKS is not set, its file is not root's or ours or others may write to it, there
 * is no such hook, or its line is no good. */
int hooks_find(const struct agent *agent, const char *name, struct arena *arena, struct hook *ret,
               struct err *err) MUSTER_NODISCARD;

/* The same in the text of such a file, for tests. */
int hooks_parse(const char *text, const char *name, struct arena *arena, struct hook *ret,
                struct err *err) MUSTER_NODISCARD;

struct hook_run {
    const struct hook *hook;
    const char *config_id;
    const char *run_id;
    const char *status; /* of the backup; NULL: before it */
    int timeout_ms;     /* less than the hook's own; 0: that one */
    /* Called every second or so. Non-zero ends the hook and is returned. May be NULL. */
    int (*tick)(void *ctx, struct err *err);
    void *ctx;
};

/* Runs it to its end: with all of its process group it is killed after its time, or when tick says so. ERR_INVALID: it
 * failed; ERR_TIMEOUT. */
int hooks_run(const struct agent *agent, const struct hook_run *run, struct err *err) MUSTER_NODISCARD;

#endif
