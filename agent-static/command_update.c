/* `muster-agent update …`: what an administrator of the host asks and does about updates, and the two things that the
 * agent has processes of its own for. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/file.h"
#include "common/log.h"
#include "net/api.h"
#include "net/pki.h"
#include "poll/signals.h"
#include "update/root.h"
#include "update/skiplist.h"
#include "update/source.h"
#include "update/stage.h"
#include "version.h"

enum { TELL_MS = 2000 };

#define OPTION_NOTE                                                                                                    \
    {                                                                                                                  \
        "note", NULL, "leave the result in STATE_DIR, for the agent that asked"                                        \
    }

const struct cli_option command_update_check_options[] = {
    OPTION_NOTE,
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {0},
};
const struct cli_option command_update_stage_options[] = {
    {"downgrade", NULL, "also when it is older than what runs, if signed metadata allows"},
    OPTION_NOTE,
    COMMAND_OPTION_CONFIG,
    {0},
};
const struct cli_option command_update_pin_options[] = {
    {"tuf-root", "FILE", "the root itself, 1.root.json"},
    {"tuf-fingerprint", "SHA256", "or sha256:… of the server's, which is fetched then"},
    COMMAND_OPTION_CONFIG,
    {0},
};
const char command_update_stage_details[] =
    "Downloads the version, verifies it and has it test itself, as the agent does before an update. Nothing is\n"
    "put in place: only the running agent does that, under the eyes of muster-launcher.";
const char command_update_pin_details[] =
    "Updates are trusted by a TUF root, which enrolment pins. This pins one on a host that is enrolled already, or\n"
    "another one after the old one's keys are lost. Metadata trusted because of another root is dropped.";

/* --- the result, for the agent that asked --- */

static void leave_note(const struct cli_args *args, const struct agent *agent, const struct stage_note *note)
{
    char path[PATH_MAX];
    struct err err = {0};
    if (!cli_switch(args, "note"))
        return;
    int rc = agent_state_path(agent, "update/progress.json", path, &err);
    if (rc == 0)
        rc = stage_note_save(path, note, &err);
    if (rc != 0)
        log_warning("%s", err.msg);
}

static struct stage_note ended(int rc, const char *version, bool required, const struct err *err)
{
    struct stage_note note = {.end = rc == 0                    ? STAGE_READY
                                     : stage_worth_retrying(rc) ? STAGE_LATER
                                                                : STAGE_FAILED,
                              .step = UPDATE_VERIFYING,
                              .percent = rc == 0 ? 100 : 0,
                              .required = required};
    (void)snprintf(note.version, sizeof note.version, "%s", version);
    if (rc != 0)
        (void)snprintf(note.reason, sizeof note.reason, "%.*s", (int)sizeof note.reason - 1, err->msg);
    return note;
}

/* --- update check --- */

static void print_newest(const struct cli_args *args, const struct release *newest, bool required)
{
    if (cli_switch(args, "json")) {
        json_t *value = json_pack("{s:s, s:s, s:s, s:s, s:b, s:I}", "current", agent_version, "newest", newest->version,
                                  "channel", newest->channel, "minVersion", newest->min_version, "required", required,
                                  "size", (json_int_t)newest->size);
        (void)json_dumpf(value, stdout, JSON_COMPACT);
        (void)putchar('\n');
        json_decref(value);
        return;
    }
    (void)printf("newest release in channel %s: %s; this host runs %s%s\n", newest->channel, newest->version,
                 agent_version, required ? ", which is too old: it will be updated without waiting for an offer" : "");
}

int command_update_check(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct release newest = {.size = 0};
    struct err err = {0};
    bool required = false;
    (void)ctx;
    int code = command_open_agent(args, true, &agent);
    if (code != CLI_OK)
        return code;
    int rc = stage_check(agent, &newest, &required, &err);
    const struct stage_note note = ended(rc, newest.version, required, &err);
    leave_note(args, agent, &note);
    if (rc == 0 && !cli_switch(args, "note"))
        print_newest(args, &newest, required);
    agent_close(agent);
    return rc == 0 ? CLI_OK : cli_fail(args, CLI_FAILED, &err);
}

/* --- update stage --- */

struct telling {
    const struct cli_args *args;
    const struct agent *agent;
    const char *version;
    enum update_step step;
    int64_t told_ms; /* monotonic */
};

/* A note is a synced file: not for every percent. */
static void tell(void *ctx, enum update_step step, int percent)
{
    struct telling *t = ctx;
    int64_t now_ms = clock_monotonic_ms(t->agent->clock);
    bool news = step != t->step;
    if (!news && now_ms - t->told_ms < TELL_MS)
        return;
    t->step = step;
    t->told_ms = now_ms;
    struct stage_note note = {.end = STAGE_RUNNING, .step = step, .percent = percent};
    (void)snprintf(note.version, sizeof note.version, "%s", t->version);
    leave_note(t->args, t->agent, &note);
    if (!cli_switch(t->args, "note"))
        log_info("%s: %s %d %%", t->version, update_step_name(step), percent);
    else if (news) /* between "offered" and "trial", which the agent says itself */
        log_info("update to %s: %s", t->version, update_step_name(step));
}

int command_update_stage(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct signals signals = {.stop_fd = -1, .other_fd = -1};
    struct err err = {0};
    (void)ctx;
    int code = command_open_agent(args, true, &agent);
    if (code != CLI_OK)
        return code;
    struct telling telling = {.args = args, .agent = agent, .version = cli_operand(args, 0), .step = UPDATE_IDLE};
    int rc = signals_init(&signals, &err);
    const struct stage stage = {.version = telling.version,
                                .downgrade = cli_switch(args, "downgrade"),
                                .cancel_fd = signals.stop_fd,
                                .tell = tell,
                                .tell_ctx = &telling};
    if (rc == 0)
        rc = stage_run(agent, &stage, &err);
    const struct stage_note note = ended(rc, telling.version, false, &err);
    leave_note(args, agent, &note);
    if (rc == 0 && !cli_switch(args, "note"))
        (void)printf("%s is verified and works here; the running agent puts it in place when it is offered\n",
                     telling.version);
    signals_done(&signals);
    agent_close(agent);
    return rc == 0 ? CLI_OK : cli_fail(args, CLI_FAILED, &err);
}

/* --- update pin --- */

static int fetch_root(const struct agent *agent, const char *fingerprint, struct buf *ret, struct err *err)
{
    uint8_t pin[ROOT_SHA256_SIZE];
    struct source *source = NULL;
    if (!pki_fingerprint_parse(fingerprint, pin))
        return err_set(err, ERR_INVALID, "--tuf-fingerprint: must be sha256: and 64 hex digits");
    if (agent->server_url == NULL)
        return err_set(err, ERR_INVALID, "SERVER_URL is not set");
    int rc = source_open(agent, &source, err);
    if (rc == 0)
        rc = root_fetch(source_http(source), agent->server_url, pin, ret, err);
    source_close(source);
    return rc;
}

int command_update_pin(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct err err = {0};
    struct buf root;
    const char *file = cli_option(args, "tuf-root");
    const char *fingerprint = cli_option(args, "tuf-fingerprint");
    (void)ctx;
    if ((file == NULL) == (fingerprint == NULL)) {
        (void)err_set(&err, ERR_INVALID, "give either --tuf-root or --tuf-fingerprint");
        return cli_fail(args, CLI_USAGE, &err);
    }
    int code = command_open_agent(args, false, &agent);
    if (code != CLI_OK)
        return code;
    char *data = NULL;
    size_t len = 0;
    buf_init(&root, ROOT_MAX);
    int rc = file != NULL ? file_read(file, ROOT_MAX, &data, &len, &err) : fetch_root(agent, fingerprint, &root, &err);
    if (rc == 0 && data == NULL) {
        len = root.len;
        data = buf_take(&root);
    }
    if (rc == 0)
        rc = root_pin(agent, data, len, &err);
    if (rc == 0)
        (void)printf("updates of this host are trusted by this TUF root now\n");
    free(data);
    buf_done(&root);
    agent_close(agent);
    return rc == 0 ? CLI_OK : cli_fail(args, CLI_FAILED, &err);
}

/* --- update retry --- */

int command_update_retry(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct skiplist skipped;
    struct err err = {0};
    char path[PATH_MAX];
    (void)ctx;
    int code = command_open_agent(args, false, &agent);
    if (code != CLI_OK)
        return code;
    int rc = agent_state_path(agent, "update/skipped.json", path, &err);
    if (rc == 0) {
        skiplist_load(path, &skipped);
        if (skiplist_forget(&skipped, cli_operand(args, 0)))
            rc = skiplist_save(path, &skipped, &err);
        else
            rc = err_set(&err, ERR_NOT_FOUND,
                         "no such version is skipped here; `muster-agent update status` says which");
    }
    if (rc == 0)
        (void)printf("it will be tried again when the server offers it\n");
    agent_close(agent);
    return rc == 0 ? CLI_OK : cli_fail(args, CLI_FAILED, &err);
}
