/* steps.h: dying at a named step, for programs that are built with it: a file in FAKE_DIR says where. */
#ifndef MUSTER_TESTS_AGENT_STEPS_H
#define MUSTER_TESTS_AGENT_STEPS_H

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline const char *steps_path(const char *file)
{
    static char path[PATH_MAX];
    const char *dir = getenv("FAKE_DIR");
    (void)snprintf(path, sizeof path, "%s/%s", dir != NULL ? dir : "/nonexistent", file);
    return path;
}

/* file holds "<step>" or "<step> <n>": the n-th time that it is passed; "*" is every step. It is used up by that, so
 * that the next process lives. */
static inline void steps_pass(const char *file, const char *step)
{
    static int passed;
    char wanted[64];
    int count = 1;
    FILE *f = fopen(steps_path(file), "re");
    if (f == NULL)
        return;
    int n = fscanf(f, "%63s %d", wanted, &count);
    (void)fclose(f);
    if (n < 1 || (strcmp(wanted, "*") != 0 && strcmp(wanted, step) != 0) || ++passed < count)
        return;
    (void)unlink(steps_path(file));
    (void)kill(getpid(), SIGKILL);
}

#endif
