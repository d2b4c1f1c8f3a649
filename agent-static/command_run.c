#include <stdlib.h>

#include "command.h"
#include "common/cursor.h"
#include "poll/loop.h"
#include "update/swap.h"

const struct cli_option command_run_options[] = {
    COMMAND_OPTION_CONFIG,
    {"watchdog-fd", "N", "the descriptor on which muster-launcher waits for signs of life"},
    {0},
};

static int watchdog_fd(const struct cli_args *args, int *ret, struct err *err)
{
    const char *text = cli_option(args, "watchdog-fd");
    uint64_t fd;
    *ret = -1;
    if (text == NULL)
        return 0;
    if (!cursor_parse_uint(text, 1 << 20, &fd))
        return err_set(err, ERR_INVALID, "--watchdog-fd: must be a number");
    *ret = (int)fd;
    return 0;
}

int command_run(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct err err = {0};
    int fd;
    bool restart = false;
    (void)ctx;
    if (watchdog_fd(args, &fd, &err) != 0)
        return cli_fail(args, CLI_USAGE, &err);
    int code = command_open_agent(args, true, &agent);
    if (code != CLI_OK)
        return code;
    if (loop_run(agent, fd, &restart, &err) != 0)
        return cli_fail(args, CLI_FAILED, &err);
    return restart ? SWAP_EXIT_RESTART : CLI_OK;
}

int command_once(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct err err = {0};
    (void)ctx;
    int code = command_open_agent(args, true, &agent);
    if (code != CLI_OK)
        return code;
    return loop_once(agent, &err) == 0 ? CLI_OK : cli_fail(args, CLI_FAILED, &err);
}
