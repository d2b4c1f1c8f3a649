#include "poll/poller.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/file.h"

enum { BATCH_MAX = 200 };

int64_t poller_now_ms(const struct poller *p)
{
    return clock_now_ms(p->agent->clock);
}

int64_t poller_monotonic_ms(const struct poller *p)
{
    return clock_monotonic_ms(p->agent->clock);
}

static int take_lock(struct poller *p, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(p->agent, "agent.lock", path, err);
    if (rc != 0)
        return rc;
    p->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->lock_fd < 0)
        return err_sys(err, ERR_IO, "open %s", path);
    if (flock(p->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFLICT, "another muster-agent is running with STATE_DIR %.200s", p->agent->state_dir);
    return 0;
}

static int open_state(struct poller *p, struct err *err)
{
    char path[PATH_MAX];
    bool damaged = false;
    int rc = agent_state_path(p->agent, "events", path, err);
    if (rc == 0) {
        struct eventlog_options options = {.dir = path, .clock = p->agent->clock};
        rc = eventlog_open(&options, &p->events, err);
    }
    if (rc == 0)
        rc = agent_state_path(p->agent, "commands.json", path, err);
    if (rc == 0)
        rc = ledger_open(path, &p->ledger, &damaged, err);
    if (rc == 0)
        rc = agent_state_path(p->agent, "status.json", path, err);
    if (rc != 0)
        return rc;
    if (damaged)
        poller_note(p, LOG_ERROR, "log", "commands.json is damaged: commands that were begun are not known any more");
    status_load(path, &p->status);
    p->status.pid = getpid();
    p->status.started_ms = poller_now_ms(p);
    p->status.connected = false;
    p->status.configs_rev = -1;
    return 0;
}

int poller_open(struct agent *agent, int watchdog_fd, struct poller **ret, struct err *err)
{
    struct poller *p = calloc(1, sizeof *p);
    if (p == NULL) {
        agent_close(agent);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    p->agent = agent;
    p->lock_fd = -1;
    p->batch_max = BATCH_MAX;
    p->signals = (struct signals){.stop_fd = -1, .other_fd = -1};
    watchdog_init(&p->watchdog, watchdog_fd);
    int rc = take_lock(p, err);
    if (rc == 0)
        rc = signals_init(&p->signals, err);
    if (rc == 0)
        rc = open_state(p, err);
    if (rc == 0)
        rc = poller_reconnect(p, err);
    if (rc == 0)
        *ret = p;
    else
        poller_close(p);
    return rc;
}

void poller_close(struct poller *p)
{
    if (p == NULL)
        return;
    api_close(p->api);
    ledger_close(p->ledger);
    eventlog_close(p->events);
    signals_done(&p->signals);
    agent_close(p->agent);
    if (p->lock_fd >= 0)
        (void)close(p->lock_fd);
    free(p);
}

int poller_reconnect(struct poller *p, struct err *err)
{
    struct api *fresh = NULL;
    int rc = api_open(p->agent, &fresh, err);
    if (rc != 0)
        return rc;
    api_set_cancel(fresh, p->signals.stop_fd);
    api_close(p->api);
    p->api = fresh;
    return 0;
}

int poller_reload(struct poller *p, struct err *err)
{
    struct agent *fresh = NULL;
    int rc = agent_open(p->agent->config_path, &fresh, err);
    if (rc == 0 && strcmp(fresh->state_dir, p->agent->state_dir) != 0)
        rc = err_set(err, ERR_CONFLICT, "STATE_DIR has changed: that takes a restart");
    if (rc == 0 && (!agent_enrolled(fresh) || fresh->server_url == NULL))
        rc = err_set(err, ERR_NOT_FOUND, "there is no identity any more");
    if (rc != 0) {
        agent_close(fresh);
        return rc;
    }
    struct agent *old = p->agent;
    p->agent = fresh;
    rc = poller_reconnect(p, err);
    if (rc != 0) {
        p->agent = old;
        old = fresh;
    }
    agent_close(old);
    return rc;
}

void poller_note(struct poller *p, enum log_level level, const char *kind, const char *fmt, ...)
{
    char message[512];
    struct err err = {0};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    log_at(level, "%s", message);
    if (eventlog_append(p->events, level, kind, message, NULL, &err) != 0)
        log_error("event log: %s", err.msg);
}

int poller_report_command(struct poller *p, const struct ledger_entry *entry, struct err *err)
{
    const char *status = ledger_status_name(entry->status);
    enum log_level level = entry->status == LEDGER_DONE ? LOG_INFO : LOG_WARNING;
    char message[256];
    (void)snprintf(message, sizeof message, "command %s: %s%s%s", entry->id, status,
                   entry->detail[0] != '\0' ? ": " : "", entry->detail);
    log_at(level, "%s", message);
    return eventlog_append(
        p->events, level, "command_result", message,
        json_pack("{s:s, s:s, s:s}", "commandId", entry->id, "status", status, "detail", entry->detail), err);
}

void poller_save_status(struct poller *p)
{
    char path[PATH_MAX];
    struct err err = {0};
    int64_t now_ms = poller_monotonic_ms(p);
    if (!status_worth_saving(&p->saved_status, &p->status, p->status_saved_ms, now_ms))
        return;
    /* A failure waits as long as a success: a full disk is not asked again and again. */
    p->saved_status = p->status;
    p->status_saved_ms = now_ms;
    int rc = agent_state_path(p->agent, "status.json", path, &err);
    if (rc == 0)
        rc = status_save(path, &p->status, &err);
    if (rc != 0)
        log_warning("status: %s", err.msg);
}
