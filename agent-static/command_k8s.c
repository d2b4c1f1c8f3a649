#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/cursor.h"
#include "common/log.h"
#include "common/version.h"
#include "poll/ledger.h"
#include "update/k8s_state.h"
#include "update/kubernetes.h"
#include "update/update.h"
#include "version.h"

enum { STALL_S = 10 * 60, STALL_MAX_S = 24 * 60 * 60 };

const struct cli_option command_k8s_rollout_options[] = {
    {"version", "VERSION", "the release to roll out; its image is the one its signed metadata names"},
    {"image", "REF", "or this image, registry/name:tag; it too must come from the repository that runs now"},
    {"stall", "SECONDS", "how long nothing may move before it counts as stuck [600]"},
    {"state", "FILE", "keep the progress there (used by the poller)"},
    {"command-id", "ID", "the server's command this answers (used by the poller)"},
    COMMAND_OPTION_CONFIG,
    {0},
};

const char command_k8s_rollout_details[] =
    "Inside a Kubernetes cluster: changes the image of the workload that UPDATE_K8S_WORKLOAD names and waits\n"
    "until all its pods run it. Needs a service account with the verbs get and patch on that workload. Safe to\n"
    "repeat: what is done is not done again.";

struct k8s_command {
    const struct cli_args *args;
    struct agent *agent;
    struct workload_id workload;
    char image[IMAGE_SIZE];
    int64_t stall_ms;
    const char *state_path; /* NULL: tell a human on standard output */
    struct k8s_state state;
};

static int read_options(struct k8s_command *c, struct err *err)
{
    uint64_t stall_s = STALL_S;
    const char *stall = cli_option(c->args, "stall");
    const char *id = cli_option(c->args, "command-id");
    if ((cli_option(c->args, "version") == NULL) == (cli_option(c->args, "image") == NULL))
        return err_set(err, ERR_INVALID, "give either --version or --image");
    if (stall != NULL && (!cursor_parse_uint(stall, STALL_MAX_S, &stall_s) || stall_s == 0))
        return err_set(err, ERR_INVALID, "--stall: must be a number of seconds from 1 to %d", STALL_MAX_S);
    if (id != NULL && !ledger_id_valid(id))
        return err_set(err, ERR_INVALID, "--command-id: not an id");
    c->stall_ms = (int64_t)stall_s * 1000;
    c->state_path = cli_option(c->args, "state");
    (void)snprintf(c->state.command_id, sizeof c->state.command_id, "%s", id != NULL ? id : "");
    return 0;
}

/* That the file cannot be written stops nothing: the exit code tells the end, and the cluster goes on by itself. */
static void note(struct k8s_command *c, enum k8s_phase phase, const char *reason)
{
    struct err err = {0};
    if (phase != c->state.phase)
        c->state.since_ms = clock_now_ms(c->agent->clock);
    c->state.phase = phase;
    (void)snprintf(c->state.reason, sizeof c->state.reason, "%s", reason);
    if (c->state_path != NULL && k8s_state_save(c->state_path, &c->state, &err) != 0)
        log_warning("the progress of the roll-out: %s", err.msg);
}

static void on_progress(void *ctx, const struct kubernetes_progress *p)
{
    struct k8s_command *c = ctx;
    c->state.updated = p->updated;
    c->state.total = p->total;
    note(c, p->patched ? K8S_ROLLING : K8S_STARTING, p->text);
    log_info("roll-out of %s: %s", c->state.workload, p->text);
    if (c->state_path == NULL)
        (void)printf("%s\n", p->text);
    (void)fflush(stdout);
}

static int find_image(struct k8s_command *c, struct err *err)
{
    const char *version = cli_option(c->args, "version");
    const char *image = cli_option(c->args, "image");
    if (version != NULL) {
        if (snprintf(c->state.version, sizeof c->state.version, "%s", version) >= (int)sizeof c->state.version)
            return err_set(err, ERR_INVALID, "--version: too long");
        return update_signed_image(c->agent, version, agent_version, c->image, sizeof c->image, err);
    }
    if (snprintf(c->image, sizeof c->image, "%s", image) >= (int)sizeof c->image)
        return err_set(err, ERR_INVALID, "--image: too long");
    return 0;
}

/* The agent that gives the order may be older than the pods it is about: no way back for them either. */
static int allow(void *ctx, const struct image *running, struct err *err)
{
    const struct k8s_command *c = ctx;
    char image[IMAGE_SIZE];
    if (c->state.version[0] == '\0' || !version_valid(running->tag))
        return 0;
    return update_signed_image(c->agent, c->state.version, running->tag, image, sizeof image, err);
}

static int roll_out(struct k8s_command *c, struct err *err)
{
    const char *container = getenv("MUSTER_CONTAINER_NAME");
    const char *workload = config_text(c->agent->config, "UPDATE_K8S_WORKLOAD");
    if (workload == NULL || workload[0] == '\0')
        return err_set(err, ERR_NOT_FOUND, "UPDATE_K8S_WORKLOAD is not set");
    int rc = workload_id_parse(workload, &c->workload, err);
    if (rc != 0)
        return err_prefix(err, "UPDATE_K8S_WORKLOAD");
    workload_id_text(&c->workload, c->state.workload);
    note(c, K8S_STARTING, "");
    rc = find_image(c, err);
    const struct kubernetes_rollout o = {
        .workload = &c->workload,
        .image = c->image,
        .container = container != NULL && container[0] != '\0' ? container : NULL,
        .clock = c->agent->clock,
        .stall_ms = c->stall_ms,
        .allow = allow,
        .progress = on_progress,
        .ctx = c,
    };
    return rc == 0 ? kubernetes_rollout(&o, err) : rc;
}

int command_k8s_rollout(const struct cli_args *args, void *ctx)
{
    struct k8s_command c = {.args = args};
    struct err err = {0};
    (void)ctx;
    if (read_options(&c, &err) != 0)
        return cli_fail(args, CLI_USAGE, &err);
    int code = command_open_agent(args, false, &c.agent);
    if (code != CLI_OK)
        return code;
    if (roll_out(&c, &err) == 0) {
        note(&c, K8S_DONE, c.image);
    } else {
        note(&c, K8S_FAILED, err.msg);
        code = cli_fail(args, CLI_FAILED, &err);
    }
    agent_close(c.agent);
    return code;
}
