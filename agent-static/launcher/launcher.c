/* muster-launcher: the permanent parent of muster-agent.
 *
 *     muster-launcher [--config FILE] [--agent PATH]
 *
 * Starts the agent, listens for its signs of life, and starts it again when it crashes or hangs. Passes SIGTERM, SIGINT
 * and SIGHUP on, and waits for it to go. As process 1 of a container it also collects orphans. A new version of the
 * agent is on trial with it: it stays, or the old one is put back. The launcher is changed only by a package, never by
 * an update, so it does little: no network, no JSON, no heap, no code shared with the agent.
 *
 * Exit codes: 0 stopped as asked; 2 misuse, or the agent says that its configuration is bad: starting it again would
 * not help; 1 the agent had to be killed when stopping. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "watch.h"

static int usage(FILE *out)
{
    (void)fprintf(out,
                  "muster-launcher: starts muster-agent, watches it, and starts it again\n\n"
                  "Usage: muster-launcher [OPTION…]\n\nOptions:\n"
                  "  --config FILE   passed on to the agent\n"
                  "  --agent PATH    the agent [muster-agent beside the launcher]\n"
                  "  --help          show this help\n"
                  "  --version       print the version\n\n"
                  "A new version of the agent, which an update has put beside the old one, is on trial first: when it\n"
                  "fails or does not reach the server, the old one is put back. muster-launcher(8) has the details.\n");
    return out == stdout ? 0 : WATCH_MISUSE;
}

/* "muster-agent" in the directory of our own program. */
static int default_agent(char ret[PATH_MAX])
{
    static const char name[] = "muster-agent";
    ssize_t len = readlink("/proc/self/exe", ret, PATH_MAX - sizeof name);
    if (len <= 0)
        return -1;
    ret[len] = '\0';
    char *slash = strrchr(ret, '/');
    if (slash == NULL)
        return -1;
    memcpy(slash + 1, name, sizeof name);
    return 0;
}

/* Whether args[0] is this option, as "--name=value" or with its value in args[1]. Returns how many words that took. */
static int take_option(const char *name, char *const args[], int count, const char **ret)
{
    size_t len = strlen(name);
    if (strncmp(args[0], name, len) != 0)
        return 0;
    if (args[0][len] == '=') {
        *ret = args[0] + len + 1;
        return 1;
    }
    if (args[0][len] != '\0' || count < 2)
        return 0;
    *ret = args[1];
    return 2;
}

/* Returns an exit code, or -1 to go on. */
static int parse_arguments(struct watch_options *o, int argc, char **argv)
{
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "--version") == 0) {
            (void)printf("muster-launcher %s\n", MUSTER_VERSION);
            return 0;
        }
        int words = take_option("--config", argv + i, argc - i, &o->config);
        if (words == 0)
            words = take_option("--agent", argv + i, argc - i, &o->agent);
        if (words == 0) {
            (void)fprintf(stderr, "muster-launcher: %s: unknown, or its value is missing\n\n", argv[i]);
            return usage(stderr);
        }
        i += words;
    }
    return -1;
}

int main(int argc, char **argv)
{
    char beside[PATH_MAX];
    char agent[PATH_MAX];
    struct watch_options options = {.agent = NULL};
    int exit_code = parse_arguments(&options, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    if (options.agent == NULL) {
        if (default_agent(beside) != 0) {
            say("error", "cannot tell where muster-agent is: give --agent");
            return WATCH_MISUSE;
        }
        options.agent = beside;
    }
    /* An update goes beside the file itself, not beside a link to it. */
    if (realpath(options.agent, agent) == NULL) {
        say("error", "%.300s: %s", options.agent, strerror(errno));
        return WATCH_MISUSE;
    }
    options.agent = agent;
    return watch_run(&options);
}
