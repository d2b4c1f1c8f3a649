/* What the server asks for, and what becomes of it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/jsonread.h"
#include "poll/poller.h"

enum { COMMANDS_MAX = 1000, STOP_MS = 10 * 1000 };

/* --- results --- */

/* Into the ledger first, so that nothing runs twice; then into the event log; then it is marked as told. */
static void finish(struct poller *p, struct ledger_entry entry)
{
    struct err err = {0};
    entry.reported = false;
    int rc = ledger_put(p->ledger, &entry, &err);
    if (rc == 0)
        rc = poller_report_command(p, &entry, &err);
    if (rc == 0) {
        entry.reported = true;
        rc = ledger_put(p->ledger, &entry, &err);
    }
    if (rc != 0)
        log_error("the result of command %s: %s", entry.id, err.msg);
}

static struct ledger_entry entry_of(const char *id, const char *config_id, enum ledger_status status,
                                    const char *detail)
{
    struct ledger_entry entry = {.status = status};
    (void)snprintf(entry.id, sizeof entry.id, "%s", id);
    (void)snprintf(entry.config_id, sizeof entry.config_id, "%s", config_id);
    (void)snprintf(entry.detail, sizeof entry.detail, "%s", detail);
    return entry;
}

void commands_finish(struct poller *p, const char *id, enum ledger_status status, const char *detail)
{
    finish(p, entry_of(id, "", status, detail));
}

void commands_settle(struct poller *p)
{
    for (size_t i = 0; ledger_at(p->ledger, i) != NULL;) {
        const struct ledger_entry *e = ledger_at(p->ledger, i);
        if (e->reported) {
            i++;
            continue;
        }
        size_t index = i;
        struct ledger_entry copy = *e;
        finish(p, copy); /* moves it to the end; what comes after takes its place */
        const struct ledger_entry *now = ledger_at(p->ledger, index);
        if (now != NULL && strcmp(now->id, copy.id) == 0)
            i++; /* it was the last, or could not be written: not twice in one round */
    }
}

/* --- backups --- */

static void start_backup(struct poller *p, const char *id, const char *config_id)
{
    struct err err = {0};
    if (!jobs_can_start(&p->jobs, config_id))
        return; /* stays with the server, which will name it again */
    struct ledger_entry entry = entry_of(id, config_id, LEDGER_STARTED, "");
    int rc = ledger_put(p->ledger, &entry, &err);
    if (rc != 0) {
        log_error("command %s is not begun: %s", id, err.msg);
        return;
    }
    rc = jobs_start_backup(&p->jobs, p->agent->config_path, config_id, id, &err);
    if (rc == 0)
        log_info("command %s: backup of config %s begins", id, config_id);
    else
        finish(p, entry_of(id, config_id, LEDGER_FAILED, err.msg));
}

/* The child tells the server itself how it went (backup/backup.h); reported false: it could not, and we must. */
static struct ledger_entry outcome_of(const struct job *job, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    struct ledger_entry entry = entry_of(job->command_id, job->config_id, LEDGER_DONE, "completed");
    entry.reported = true;
    if (code == JOB_EXIT_COMPLETED)
        return entry;
    if (code == JOB_EXIT_WARNING || code == JOB_EXIT_CANCELLED) { /* as asked: a host with a cancelled run is well */
        (void)snprintf(entry.detail, sizeof entry.detail, "%s", code == JOB_EXIT_WARNING ? "warning" : "cancelled");
        return entry;
    }
    entry.status = LEDGER_FAILED;
    entry.reported = code == JOB_EXIT_FAILED;
    if (code == JOB_EXIT_FAILED)
        (void)snprintf(entry.detail, sizeof entry.detail, "the backup failed");
    else if (WIFSIGNALED(status))
        (void)snprintf(entry.detail, sizeof entry.detail, "the backup was killed by signal %d", WTERMSIG(status));
    else
        (void)snprintf(entry.detail, sizeof entry.detail, "the backup could not be started (exit code %d)", code);
    return entry;
}

static void backup_ended(struct poller *p, const struct job *job, int status)
{
    struct err err = {0};
    struct ledger_entry entry = outcome_of(job, status);
    log_info("command %s: backup of config %s ended: %s", job->command_id, job->config_id, entry.detail);
    if (!entry.reported)
        finish(p, entry);
    else if (ledger_put(p->ledger, &entry, &err) != 0)
        log_error("the end of command %s: %s", entry.id, err.msg);
}

bool commands_collect(struct poller *p)
{
    struct job job;
    struct err err = {0};
    int status;
    bool any = false;
    bool died = false;
    while (jobs_collect(&p->jobs, &job, &status)) {
        any = true;
        switch (job.kind) {
        case JOB_BACKUP:
            backup_ended(p, &job, status);
            died = died || WIFSIGNALED(status);
            break;
        case JOB_READ_BACK: readback_ended(p, &job, status); break;
        case JOB_UPDATE: updates_child_ended(p, status); break;
        case JOB_K8S_ROLLOUT: k8s_ended(p, &job, status); break;
        case JOB_REAP: break;
        }
    }
    if (died && jobs_start_reap(&p->jobs, p->agent->config_path, &err) != 0)
        log_warning("cannot look after the killed backup: %s", err.msg);
    return any;
}

void commands_stop(struct poller *p)
{
    int64_t end_ms = poller_monotonic_ms(p) + STOP_MS;
    p->stopping = true;
    jobs_signal(&p->jobs, SIGTERM);
    const struct signals only_children = {.stop_fd = -1, .other_fd = p->signals.other_fd};
    while (jobs_running(&p->jobs) > 0 && poller_monotonic_ms(p) < end_ms) {
        watchdog_tick(&p->watchdog);
        (void)signals_wait(&only_children, 1000);
        (void)commands_collect(p);
    }
    jobs_signal(&p->jobs, SIGKILL); /* what they leave behind is reported at the next start */
}

/* --- fetching --- */

/* A command that is in the ledger was begun: it does not run again. When its result has left the event log and the
 * server still asks, the server has lost it, and hears it once more. */
static void take_known(struct poller *p, const struct ledger_entry *known)
{
    char epoch[EVENTLOG_EPOCH_SIZE];
    json_t *pending = NULL;
    struct err err = {0};
    if (known->status == LEDGER_STARTED)
        return;
    if (known->reported && eventlog_pending(p->events, 1, 1, epoch, &pending, &err) != 0)
        return;
    if (!known->reported || json_array_size(pending) == 0)
        finish(p, *known);
    json_decref(pending);
}

static void take_backup(struct poller *p, const char *id, const json_t *args)
{
    const char *config_id = json_string_value(json_object_get(args, "configId"));
    if (config_id == NULL || !ledger_id_valid(config_id))
        finish(p, entry_of(id, "", LEDGER_REFUSED, "args.configId is missing or not an id"));
    else
        start_backup(p, id, config_id);
}

static void take_new(struct poller *p, const char *id, const char *kind, const json_t *args)
{
    if (strcmp(kind, "backup") == 0)
        take_backup(p, id, args);
    else if (strcmp(kind, "restore") == 0 || strcmp(kind, "verify") == 0)
        readback_take(p, id, strcmp(kind, "verify") == 0, args);
    else if (strcmp(kind, "k8s-rollout") == 0)
        k8s_take(p, id, args);
    else
        commands_finish(p, id, LEDGER_UNSUPPORTED, "this agent does not know this kind of command");
}

static void take_command(struct poller *p, struct jsonread *item)
{
    const char *id = jsonread_str(item, "id", 1, LEDGER_ID_SIZE - 1);
    const char *kind = jsonread_str(item, "kind", 1, 64);
    if (id == NULL || kind == NULL || !ledger_id_valid(id)) {
        log_error("the server sent a command without a proper id and kind; it is passed over");
        return;
    }
    const struct ledger_entry *known = ledger_find(p->ledger, id);
    if (known != NULL)
        take_known(p, known);
    else
        take_new(p, id, kind, json_object_get(item->object, "args"));
}

int commands_fetch(struct poller *p, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    const json_t *list = NULL;
    json_t *reply = NULL;
    int rc = api_call(p->api, "GET", "/api/agent/commands", NULL, POLLER_REQUEST_MS, &reply, NULL, err);
    if (rc != 0)
        return err_prefix(err, "commands");
    jsonread_init(&r, reply, &wrong);
    size_t count = jsonread_array(&r, "commands", 0, COMMANDS_MAX, &list);
    if (wrong.failed)
        rc = err_set(err, ERR_INVALID, "commands: the server's reply: %s %s", wrong.pointer, wrong.reason);
    for (size_t i = 0; i < count; i++) {
        struct jsonread_error item_wrong = {0};
        struct jsonread item;
        jsonread_init(&item, json_array_get(list, i), &item_wrong);
        take_command(p, &item);
    }
    json_decref(reply);
    return rc;
}
