/* Rolling out this agent's own workload in Kubernetes: the work is a process of its own (update/kubernetes.h), since it
 * takes minutes; this starts it, and brings its end to the server.
 *
 * The pod that rolls out is often one of those that are replaced. Then the command is neither done nor failed: it stays
 * begun in the ledger, and the next process on this STATE_DIR goes on with it. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/file.h"
#include "common/version.h"
#include "poll/poller.h"
#include "update/k8s_state.h"
#include "update/kubernetes.h"
#include "update/update.h"

static const char *workload_of(const struct poller *p)
{
    const char *text = config_text(p->agent->config, "UPDATE_K8S_WORKLOAD");
    return text != NULL ? text : "";
}

static int state_path(const struct poller *p, char ret[PATH_MAX], struct err *err)
{
    int rc = agent_state_path(p->agent, "update", ret, err);
    if (rc == 0)
        rc = file_mkdirs(ret, 0700, err);
    return rc == 0 ? agent_state_path(p->agent, "update/k8s.json", ret, err) : rc;
}

/* For one that no process works on, so that it does not look as if it went on for ever. */
static void fail(const struct poller *p, struct k8s_state *state, const char *reason)
{
    char path[PATH_MAX];
    struct err err = {0};
    state->phase = K8S_FAILED;
    state->since_ms = poller_now_ms(p);
    (void)snprintf(state->reason, sizeof state->reason, "%s", reason);
    int rc = state_path(p, path, &err);
    if (rc == 0)
        rc = k8s_state_save(path, state, &err);
    if (rc != 0)
        log_warning("the end of the roll-out: %s", err.msg);
}

static int begin(struct poller *p, const char *id, const char *version, struct err *err)
{
    char path[PATH_MAX];
    struct k8s_state state = {.phase = K8S_STARTING, .since_ms = poller_now_ms(p)};
    struct ledger_entry entry = {.status = LEDGER_STARTED};
    (void)snprintf(state.command_id, sizeof state.command_id, "%s", id);
    (void)snprintf(state.version, sizeof state.version, "%s", version);
    (void)snprintf(state.workload, sizeof state.workload, "%s", workload_of(p));
    (void)snprintf(entry.id, sizeof entry.id, "%s", id);
    int rc = state_path(p, path, err);
    if (rc == 0)
        rc = k8s_state_save(path, &state, err);
    if (rc == 0)
        rc = ledger_put(p->ledger, &entry, err);
    if (rc == 0)
        rc = jobs_start_k8s_rollout(&p->jobs, p->agent->config_path, id, version, path, err);
    if (rc != 0)
        fail(p, &state, err->msg);
    return rc;
}

/* What the host's own configuration says goes before the server's word, as it does for its binary. False: with why. */
static bool is_wanted(const struct poller *p, const char *version, struct err *err)
{
    const char *reason;
    const char *pin = config_text(p->agent->config, "UPDATE_PIN");
    if (update_mode(p->agent, p->watchdog.fd >= 0, &reason) == POLICY_MODE_OFF)
        (void)err_set(err, ERR_DENIED, "%s", reason);
    else if (pin != NULL && pin[0] != '\0' && strcmp(pin, version) != 0)
        (void)err_set(err, ERR_DENIED, "UPDATE_PIN holds this host at %.64s", pin);
    else
        return true;
    return false;
}

void k8s_take(struct poller *p, const char *id, const json_t *args)
{
    struct err err = {0};
    const char *version = json_string_value(json_object_get(args, "version"));
    if (version == NULL || !version_valid(version))
        commands_finish(p, id, LEDGER_REFUSED, "args.version is missing or not a version");
    else if (workload_of(p)[0] == '\0')
        commands_finish(p, id, LEDGER_REFUSED, "UPDATE_K8S_WORKLOAD is not set on this host");
    else if (!is_wanted(p, version, &err) || kubernetes_check(&err) != 0)
        commands_finish(p, id, LEDGER_REFUSED, err.msg);
    else if (jobs_run(&p->jobs, JOB_K8S_ROLLOUT))
        return; /* stays with the server, which will name it again */
    else if (begin(p, id, version, &err) != 0)
        commands_finish(p, id, LEDGER_FAILED, err.msg);
    else
        poller_note(p, LOG_INFO, "update", "the roll-out of %s to %s begins", workload_of(p), version);
}

/* What the child has left in the file, for a child that has ended or is gone. */
static struct k8s_state last_words(const struct poller *p, const struct job *job, int status)
{
    char path[PATH_MAX];
    struct err err = {0};
    struct k8s_state state = {.phase = K8S_NONE};
    if (state_path(p, path, &err) == 0)
        k8s_state_load(path, &state);
    bool its = strcmp(state.command_id, job->command_id) == 0;
    if (its && (state.phase == K8S_DONE || state.phase == K8S_FAILED))
        return state;
    char reason[WORKLOAD_REASON_SIZE];
    if (WIFSIGNALED(status))
        (void)snprintf(reason, sizeof reason, "the roll-out was killed by signal %d", WTERMSIG(status));
    else
        (void)snprintf(reason, sizeof reason, "the roll-out could not be started (exit code %d)", WEXITSTATUS(status));
    fail(p, &state, reason);
    return state;
}

void k8s_ended(struct poller *p, const struct job *job, int status)
{
    if (WIFSIGNALED(status) && p->stopping)
        return; /* our own end: the next process goes on */
    struct k8s_state state = last_words(p, job, status);
    bool done = state.phase == K8S_DONE;
    poller_note(p, done ? LOG_INFO : LOG_WARNING, "update", "the roll-out of %s to %s %s: %s", state.workload,
                state.version, done ? "is complete" : "has failed", state.reason);
    commands_finish(p, job->command_id, done ? LEDGER_DONE : LEDGER_FAILED, state.reason);
}

void k8s_resume(struct poller *p)
{
    char path[PATH_MAX];
    struct err err = {0};
    struct k8s_state state = {.phase = K8S_NONE};
    if (workload_of(p)[0] == '\0' || state_path(p, path, &err) != 0)
        return;
    k8s_state_load(path, &state);
    if (!k8s_state_under_way(&state))
        return;
    const struct ledger_entry *entry = ledger_find(p->ledger, state.command_id);
    if (entry == NULL || entry->reported || entry->status != LEDGER_FAILED)
        fail(p, &state, "nobody waits for it any more");
    else if (begin(p, state.command_id, state.version, &err) == 0)
        log_info("command %s: the roll-out of %s to %s goes on", state.command_id, workload_of(p), state.version);
    else
        commands_finish(p, state.command_id, LEDGER_FAILED, err.msg);
}

bool k8s_report(struct poller *p, json_t *update)
{
    char path[PATH_MAX];
    struct err err = {0};
    struct k8s_state state = {.phase = K8S_NONE};
    if (workload_of(p)[0] == '\0')
        return true;
    if (state_path(p, path, &err) == 0)
        k8s_state_load(path, &state);
    return json_object_set_new(update, "workload", json_string(workload_of(p))) == 0 &&
           k8s_state_tell(&state, poller_now_ms(p), update);
}
