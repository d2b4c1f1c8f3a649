#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "command.h"
#include "common/file.h"
#include "common/jsonread.h"
#include "net/pki.h"
#include "poll/eventlog.h"
#include "poll/status.h"
#include "version.h"

enum { PEM_MAX = 64 * 1024 };

const struct cli_option command_status_options[] = {
    {"connected", NULL, "print nothing; exit 1 unless the agent runs and its last try reached the server"},
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {0},
};

struct facts {
    struct status status;
    bool running;
    int64_t certificate_not_after_ms; /* 0: no certificate */
    int64_t pending;
};

static bool is_running(const struct agent *agent)
{
    char path[PATH_MAX];
    struct err err;
    if (agent_state_path(agent, "agent.lock", path, &err) != 0)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    (void)close(fd);
    return held;
}

static int64_t certificate_end(const struct agent *agent)
{
    char path[PATH_MAX];
    char *pem = NULL;
    struct pki_validity validity = {0};
    struct err err;
    if (agent_state_path(agent, "cert.pem", path, &err) == 0 && file_read(path, PEM_MAX, &pem, NULL, &err) == 0)
        (void)!pki_cert_validity(pem, &validity, &err);
    free(pem);
    return validity.not_after_ms;
}

static int open_events(const struct agent *agent, struct eventlog **ret, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "events", path, err);
    if (rc != 0)
        return rc;
    struct eventlog_options options = {.dir = path, .clock = agent->clock};
    return eventlog_open(&options, ret, err);
}

static int count_pending(void *ctx, const char *epoch, bool acknowledged, const char *json, size_t len)
{
    int64_t *count = ctx;
    (void)epoch;
    (void)json;
    (void)len;
    *count += acknowledged ? 0 : 1;
    return 0;
}

static int gather(const struct agent *agent, struct facts *ret, struct err *err)
{
    char path[PATH_MAX];
    struct eventlog *events = NULL;
    int rc = agent_state_path(agent, "status.json", path, err);
    if (rc != 0)
        return rc;
    status_load(path, &ret->status);
    ret->running = is_running(agent);
    ret->certificate_not_after_ms = certificate_end(agent);
    rc = open_events(agent, &events, err);
    if (rc == 0)
        rc = eventlog_each(events, count_pending, &ret->pending, err);
    eventlog_close(events);
    return rc;
}

static json_t *time_or_null(int64_t ms)
{
    return ms > 0 ? json_integer((json_int_t)ms) : json_null();
}

static void print_json(const struct agent *agent, const struct facts *f)
{
    const struct status *s = &f->status;
    json_t *error = s->error[0] != '\0' ? json_string(s->error) : NULL;
    json_t *value = json_pack("{s:b, s:s?, s:s?, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:I, s:s, s:s}", "enrolled",
                              agent_enrolled(agent), "id", agent_enrolled(agent) ? agent->identity.id : NULL, "server",
                              agent->server_url, "version", agent_version, "hostname", agent->hostname, "running",
                              f->running, "connected", f->running && s->connected, "lastContact_ms",
                              time_or_null(s->last_contact_ms), "lastAttempt_ms", time_or_null(s->last_attempt_ms),
                              "lastError", error != NULL ? error : json_null(), "certificateNotAfter_ms",
                              time_or_null(f->certificate_not_after_ms), "eventsPending", (json_int_t)f->pending,
                              "deploymentMode", deployment_name(agent->deployment), "stateDir", agent->state_dir);
    if (value != NULL)
        (void)json_dumpf(value, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(value);
}

static void print_time(const char *label, int64_t ms, const char *none)
{
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(ms, text);
    (void)printf("%-14s %s\n", label, ms > 0 ? text : none);
}

static void print_text(const struct agent *agent, const struct facts *f)
{
    const struct status *s = &f->status;
    (void)printf("%-14s %s\n", "identity",
                 agent_enrolled(agent) ? agent->identity.id : "none: run muster-agent enroll");
    (void)printf("%-14s %s\n", "server", agent->server_url != NULL ? agent->server_url : "not set");
    print_time("certificate", f->certificate_not_after_ms, "none");
    (void)printf("%-14s %s\n", "agent",
                 !f->running        ? "not running"
                 : s->connected     ? "running, in touch with the server"
                 : s->error[0] != 0 ? "running, without contact"
                                    : "running");
    print_time("last contact", s->last_contact_ms, "never");
    if (s->error[0] != '\0')
        (void)printf("%-14s %s\n", "last error", s->error);
    (void)printf("%-14s %lld waiting to be sent\n", "events", (long long)f->pending);
    (void)printf("%-14s %s\n", "deployment", deployment_name(agent->deployment));
    (void)printf("%-14s %s\n", "state", agent->state_dir);
}

/* For probes and scripts. */
static int check_connected(const struct agent *agent, struct err *err)
{
    char path[PATH_MAX];
    struct status status;
    int rc = agent_state_path(agent, "status.json", path, err);
    if (rc != 0)
        return rc;
    status_load(path, &status);
    if (!is_running(agent))
        return err_set(err, ERR_UNAVAILABLE, "the agent does not run");
    if (!status.connected)
        return err_set(err, ERR_UNAVAILABLE, "no contact with the server%s%s", status.error[0] != '\0' ? ": " : "",
                       status.error);
    return 0;
}

int command_status(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct facts facts = {.running = false};
    struct err err = {0};
    (void)ctx;
    int code = command_open_agent(args, false, &agent);
    if (code != CLI_OK)
        return code;
    bool quiet = cli_switch(args, "connected");
    int rc = quiet ? check_connected(agent, &err) : gather(agent, &facts, &err);
    if (rc == 0 && !quiet && cli_switch(args, "json"))
        print_json(agent, &facts);
    else if (rc == 0 && !quiet)
        print_text(agent, &facts);
    agent_close(agent);
    return rc == 0 ? CLI_OK : cli_fail(args, CLI_FAILED, &err);
}

/* --- events --- */

/* The event as it will be sent, with what only we know of it. */
static int print_event_json(void *ctx, const char *epoch, bool acknowledged, const char *json, size_t len)
{
    (void)ctx;
    json_t *event = json_loadb(json, len, 0, NULL);
    if (event == NULL || json_object_set_new(event, "epoch", json_string(epoch)) != 0 ||
        json_object_set_new(event, "acknowledged", json_boolean(acknowledged)) != 0) {
        json_decref(event);
        return 0;
    }
    (void)json_dumpf(event, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(event);
    return 0;
}

/* Messages come from everywhere: what would move a terminal's cursor does not get there. */
static void print_plain(const char *s)
{
    for (; *s != '\0'; s++)
        (void)putchar((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
}

static int print_event_text(void *ctx, const char *epoch, bool acknowledged, const char *json, size_t len)
{
    char time[CLOCK_RFC3339_SIZE];
    (void)ctx;
    (void)epoch;
    json_t *event = json_loadb(json, len, 0, NULL);
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, event, &wrong);
    clock_format_rfc3339(jsonread_int_or(&r, "time_ms", 0, INT64_MAX, 0), time);
    const char *level = jsonread_str_or(&r, "level", 0, 16, "");
    const char *kind = jsonread_str_or(&r, "kind", 0, 64, "");
    const char *message = jsonread_text_or(&r, "message", 0, 8192, "");
    if (!wrong.failed) {
        (void)printf("%s %c %-7s %-14s ", time, acknowledged ? ' ' : '*', level, kind);
        print_plain(message);
        (void)putchar('\n');
    }
    json_decref(event);
    return 0;
}

int command_events(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct eventlog *events = NULL;
    struct err err = {0};
    (void)ctx;
    int code = command_open_agent(args, false, &agent);
    if (code != CLI_OK)
        return code;
    int rc = open_events(agent, &events, &err);
    if (rc == 0)
        rc = eventlog_each(events, cli_switch(args, "json") ? print_event_json : print_event_text, NULL, &err);
    eventlog_close(events);
    agent_close(agent);
    return rc == 0 ? CLI_OK : cli_fail(args, CLI_FAILED, &err);
}
