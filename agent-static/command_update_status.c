/* `muster-agent update status`: read from STATE_DIR and from beside the binary, whether or not an agent runs. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "update/root.h"
#include "update/skiplist.h"
#include "update/swap.h"
#include "update/update.h"
#include "update/update_state.h"
#include "version.h"

struct overview {
    struct update_state state;
    struct skiplist skipped;
    struct swap_state trial; /* SWAP_NONE also when it cannot be read */
    bool root;
    const char *mode_reason; /* "": updates are installed in place */
};

static void gather(const struct agent *agent, struct overview *ret)
{
    char path[PATH_MAX];
    struct err err = {0};
    *ret = (struct overview){.root = root_known(agent)};
    if (agent_state_path(agent, "update/state.json", path, &err) == 0)
        update_state_load(path, &ret->state);
    if (agent_state_path(agent, "update/skipped.json", path, &err) == 0)
        skiplist_load(path, &ret->skipped);
    if (swap_running_path(path, &err) != 0 || swap_state_read(path, &ret->trial, &err) != 0)
        ret->trial = (struct swap_state){.phase = SWAP_NONE};
    (void)update_mode(agent, true, &ret->mode_reason);
}

static const char *phase_name(enum swap_phase phase)
{
    switch (phase) {
    case SWAP_NONE: return "none";
    case SWAP_TRIAL: return "trial";
    case SWAP_RESTORED: return "restored, being judged";
    case SWAP_WAITING: return "waiting for the server to come back";
    case SWAP_COMMITTED: return "committed";
    case SWAP_REJECTED: return "rejected";
    }
    return "none";
}

static void print_time(const char *before, int64_t time_ms)
{
    char text[CLOCK_RFC3339_SIZE];
    if (time_ms <= 0)
        return;
    clock_format_rfc3339(time_ms, text);
    (void)printf("%s%s", before, text);
}

static void print_text(const struct overview *o)
{
    (void)printf("version   %s\n", agent_version);
    (void)printf("state     %s%s%s", update_step_name(o->state.step), o->state.version[0] != '\0' ? " " : "",
                 o->state.version);
    if (o->state.reason[0] != '\0')
        (void)printf(": %s", o->state.reason);
    print_time(", since ", o->state.since_ms);
    (void)putchar('\n');
    if (o->trial.phase != SWAP_NONE)
        (void)printf("trial     %s: %s%s%s\n", o->trial.version, phase_name(o->trial.phase),
                     o->trial.reason[0] != '\0' ? ": " : "", o->trial.reason);
    for (size_t i = 0; i < o->skipped.count; i++) {
        (void)printf("skipped   %s: %s", o->skipped.list[i].version, o->skipped.list[i].reason);
        print_time(", at ", o->skipped.list[i].time_ms);
        (void)putchar('\n');
    }
    if (o->mode_reason[0] != '\0')
        (void)printf("in place  no: %s\n", o->mode_reason);
    if (!o->root)
        (void)printf("trust     none: no TUF root is pinned, so nothing can be installed (muster-agent update pin)\n");
}

static void print_json(const struct overview *o)
{
    json_t *root =
        json_pack("{s:s, s:o, s:o, s:b, s:b}", "version", agent_version, "update", update_state_json(&o->state),
                  "skipped", skiplist_json(&o->skipped), "trusted", o->root, "inPlace", o->mode_reason[0] == '\0');
    if (o->mode_reason[0] != '\0')
        (void)json_object_set_new(root, "notInPlaceReason", json_string(o->mode_reason));
    if (o->trial.phase != SWAP_NONE)
        (void)json_object_set_new(root, "trial",
                                  json_pack("{s:s, s:s, s:s}", "version", o->trial.version, "phase",
                                            phase_name(o->trial.phase), "reason", o->trial.reason));
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(root);
}

int command_update_status(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct overview overview;
    (void)ctx;
    int code = command_open_agent(args, false, &agent);
    if (code != CLI_OK)
        return code;
    gather(agent, &overview);
    if (cli_switch(args, "json"))
        print_json(&overview);
    else
        print_text(&overview);
    agent_close(agent);
    return CLI_OK;
}
