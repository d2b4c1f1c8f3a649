#include <jansson.h>
#include <stdio.h>

#include "command.h"
#include "poll/eventlog.h"
#include "update/selftest.h"
#include "version.h"

const char command_selftest_details[] =
    "Looks at what a start of the agent depends on, and writes nothing. An agent that is about to be replaced asks\n"
    "this of the new binary. Exit codes: 0 all is well, 1 something is not.";

/* why NULL: all is well. */
static void print_report(const char *why)
{
    json_t *report =
        json_pack("{s:s, s:i, s:[i,i], s:b, s:s*}", "version", agent_version, "proto", AGENT_PROTO, "eventlog",
                  (int)EVENTLOG_FORMAT_OLDEST, (int)EVENTLOG_FORMAT_NEWEST, "ok", why == NULL, "error", why);
    if (report != NULL)
        (void)json_dumpf(report, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(report);
}

int command_selftest(const struct cli_args *args, void *ctx)
{
    struct err err = {0};
    (void)ctx;
    int rc = selftest_self(command_config_path(args), &err);
    if (cli_switch(args, "json")) {
        print_report(rc == 0 ? NULL : err.msg);
        return rc == 0 ? CLI_OK : CLI_FAILED;
    }
    if (rc != 0)
        return cli_fail(args, CLI_FAILED, &err);
    (void)printf("muster-agent %s works here\n", agent_version);
    return CLI_OK;
}
