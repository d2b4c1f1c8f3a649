#include "backup/backup.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backup/consent.h"
#include "backup/pipeline.h"
#include "backup/reap.h"
#include "backup/result.h"
#include "backup/retry.h"
#include "common/file.h"
#include "common/log.h"
#include "snapshot/snapshot.h"

enum { START_RETRY_MS = 60000, CONFIG_MEMORY = 4 * 1024 * 1024 };

/* Everything one run holds; freed in the reverse order. */
struct run {
    struct agent *agent;
    const struct backup_options *options;
    struct arena *arena;
    struct eventlog *log;
    struct api *api;
    struct runfile *file;
    struct remote_config config;
    struct runfile_content content;
    struct consent consent;
    struct snapshot *snapshot;
    struct remote_run remote;
    struct report report;
    int64_t started_ms;   /* monotonic */
    int64_t next_tick_ms; /* while a hook runs */
    int64_t deadline_ms;  /* monotonic; 0: none */
};

static void run_init(struct run *r, struct agent *agent, const struct backup_options *options)
{
    *r = (struct run){.agent = agent, .options = options, .started_ms = clock_monotonic_ms(agent->clock)};
    report_init(&r->report);
}

static void run_done(struct run *r)
{
    snapshot_free(r->snapshot);
    consent_close(&r->consent);
    runfile_release(r->file);
    api_close(r->api);
    eventlog_close(r->log);
    arena_free(r->arena);
    report_done(&r->report);
}

/* --- before the run ---------------------------------------------------------------------------------------------- */

static int open_all(struct run *r, struct err *err)
{
    r->arena = arena_new(CONFIG_MEMORY);
    if (r->arena == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = result_open_log(r->agent, &r->log, err);
    if (rc == 0)
        rc = api_open(r->agent, &r->api, err);
    return rc;
}

static int get_config(struct run *r, struct err *err)
{
    struct retry retry;
    retry_init(&retry, r->agent->clock, START_RETRY_MS);
    for (;;) {
        int rc = remote_config_get(r->api, r->options->config_id, r->options->config_name, r->arena, &r->config, err);
        int wait = retry_worth(rc) ? retry_next_ms(&retry, NULL) : -1;
        if (wait < 0)
            return rc;
        retry_sleep(wait);
    }
}

static int open_snapshot(struct run *r, struct err *err)
{
    const struct snapshot_options options = {
        .agent = r->agent,
        .config = &r->config,
        .sources = r->consent.sources,
        .source_count = r->consent.source_count,
        .report = &r->report,
    };
    return snapshot_open(&options, &r->snapshot, err);
}

/* ".tar.zst.age" and so on behind the time. */
static int make_filename(struct run *r, char ret[64], struct err *err)
{
    struct tm tm;
    time_t now = (time_t)(clock_now_ms(r->agent->clock) / 1000);
    char stamp[32];
    if (gmtime_r(&now, &tm) == NULL || strftime(stamp, sizeof stamp, "%Y-%m-%d-%H%M%S", &tm) == 0)
        return err_set(err, ERR_INTERNAL, "the clock gives no date");
    (void)snprintf(ret, 64, "backup-%s%s%s", stamp, compress_suffix(r->config.method),
                   r->consent.recipient_count > 0 ? ".age" : "");
    return 0;
}

/* A run that goes on from anything but our list would restore to a tree that never was. */
static int check_chain(const struct run *r, const char *base, struct err *err)
{
    if (r->remote.incremental && (base == NULL || strcmp(base, r->remote.base) != 0))
        return err_set(err, ERR_INVALID, "the server's run goes on from %.64s, the list of this host from %.64s",
                       r->remote.base, base == NULL ? "none" : base);
    return 0;
}

static int start_run(struct run *r, struct err *err)
{
    char filename[64];
    const char *base = r->options->full || !r->config.incremental ? NULL : snapshot_base(r->snapshot);
    struct remote_start start = {
        .config_id = r->config.id,
        .filename = filename,
        .command_id = r->options->command_id,
        .base = base,
        .encrypted = r->consent.recipient_count > 0,
    };
    snapshot_totals(r->snapshot, &start.total_files, &start.total_bytes);
    int rc = make_filename(r, filename, err);
    if (rc != 0)
        return rc;
    struct retry retry;
    retry_init(&retry, r->agent->clock, START_RETRY_MS);
    for (;;) {
        rc = remote_start(r->api, &start, &r->remote, err);
        int wait = retry_worth(rc) ? retry_next_ms(&retry, NULL) : -1;
        if (wait < 0)
            break;
        retry_sleep(wait);
    }
    if (rc != 0)
        return rc;
    (void)snprintf(r->content.log_id, sizeof r->content.log_id, "%s", r->remote.log_id);
    rc = runfile_write(r->file, &r->content, err);
    return rc == 0 ? check_chain(r, base, err) : rc;
}

/* --- what is stored ---------------------------------------------------------------------------------------------- */

static int write_archive(void *ctx, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    struct run *r = ctx;
    const struct snapshot_run run = {
        .run_id = r->remote.log_id,
        .incremental = r->remote.incremental,
        .chain_seq = r->remote.chain_seq,
        .method = r->config.method,
        .level = r->config.level,
    };
    return snapshot_archive(r->snapshot, &run, out, stop, err);
}

static int write_index(void *ctx, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    struct run *r = ctx;
    return snapshot_index(r->snapshot, out, stop, err);
}

static int store(struct run *r, struct pipeline_result *ret, struct err *err)
{
    struct pipeline_options options = {
        .agent = r->agent,
        .api = r->api,
        .log_id = r->content.log_id,
        .part_size = r->remote.part_size,
        .digest = r->remote.digest,
        .archive = {.write = write_archive, .ctx = r},
        .index = {.write = r->remote.chained ? write_index : NULL, .ctx = r},
        .recipients = r->consent.recipients,
        .recipient_count = r->consent.recipient_count,
        .rate = r->consent.rate_bytes,
        .deadline_ms = r->deadline_ms,
        .report = &r->report,
        .progress = r->options->progress,
    };
    snapshot_totals(r->snapshot, &options.total_files, &options.total_bytes);
    return pipeline_run(&options, ret, err);
}

/* --- hooks ------------------------------------------------------------------------------------------------------- */

/* The server hears that the run is alive. */
static void tell_alive(struct run *r, struct remote_orders *ret)
{
    int64_t now = clock_monotonic_ms(r->agent->clock);
    const struct remote_progress told = {
        .files = atomic_load(&r->report.files),
        .bytes = atomic_load(&r->report.bytes),
        .sent = atomic_load(&r->report.sent),
    };
    struct err ignored;
    if (now < r->next_tick_ms)
        return;
    r->next_tick_ms = now + PIPELINE_PROGRESS_MS;
    (void)!remote_progress(r->api, r->content.log_id, &told, ret, &ignored);
}

static int tick_before(void *ctx, struct err *err)
{
    struct run *r = ctx;
    struct remote_orders orders = {0};
    sigset_t pending;
    if (sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1))
        return err_set(err, ERR_CONFLICT, "stopped by a signal");
    if (r->deadline_ms != 0 && clock_monotonic_ms(r->agent->clock) >= r->deadline_ms)
        return err_set(err, ERR_TIMEOUT, "it took longer than the configuration allows");
    tell_alive(r, &orders);
    if (orders.cancel)
        return err_set(err, ERR_CONFLICT, "cancelled by the server%s%s", orders.reason[0] != '\0' ? ": " : "",
                       orders.reason);
    return 0;
}

static int tick_after(void *ctx, struct err *err)
{
    struct remote_orders ignored = {0};
    (void)err;
    tell_alive(ctx, &ignored);
    return 0;
}

/* Signals wait meanwhile: a hook must not be left running by itself. One that came while it ran is forgotten when the
 * hook ended because of it. */
static int run_hook(struct run *r, struct hook_run *run, struct err *err)
{
    const struct timespec now = {0};
    sigset_t stopping, before;
    if (run->hook->name == NULL)
        return 0;
    run->config_id = r->config.id;
    run->run_id = r->content.log_id;
    run->ctx = r;
    (void)sigemptyset(&stopping);
    (void)sigaddset(&stopping, SIGTERM);
    (void)sigaddset(&stopping, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stopping, &before);
    int rc = hooks_run(r->agent, run, err);
    while (rc == ERR_CONFLICT && sigtimedwait(&stopping, NULL, &now) > 0)
        ;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int run_before(struct run *r, struct err *err)
{
    struct hook_run run = {.hook = &r->consent.pre, .tick = tick_before};
    return run_hook(r, &run, err);
}

/* Also after a failure: what the first one began may have to be ended. Its own failure is a warning. */
static void run_after(struct run *r, enum backup_outcome outcome)
{
    enum { HURRY_MS = 2000 }; /* whoever stopped us does not wait long */
    struct hook_run run = {
        .hook = &r->consent.post,
        .status = backup_outcome_name(outcome),
        .timeout_ms = outcome == BACKUP_CANCELLED ? HURRY_MS : 0,
        .tick = tick_after,
    };
    struct err err = {0};
    if (run_hook(r, &run, &err) != 0)
        report_problem(&r->report, NULL, "%s", err.msg);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static enum backup_outcome judge(int rc, struct report *report)
{
    if (rc == ERR_CONFLICT)
        return BACKUP_CANCELLED;
    if (rc != 0)
        return BACKUP_FAILED;
    return report_problems(report) > 0 ? BACKUP_WARNING : BACKUP_COMPLETED;
}

static void fill_result(struct run *r, const struct pipeline_result *done, enum backup_outcome outcome,
                        const char *reason, json_t *errors, struct result *ret)
{
    struct report *report = &r->report;
    *ret = (struct result){
        .run = &r->content,
        .outcome = outcome,
        .reason = reason,
        .type = r->remote.incremental ? "incremental" : "full",
        .encrypted = r->consent.recipient_count > 0,
        .files = atomic_load(&report->files),
        .bytes_read = atomic_load(&report->bytes),
        .bytes_sent = atomic_load(&report->sent),
        .listed_files = atomic_load(&report->listed_files),
        .listed_bytes = atomic_load(&report->listed_bytes),
        .unreadable = report_count(report, REPORT_UNREADABLE),
        .vanished = report_count(report, REPORT_VANISHED),
        .changed = report_count(report, REPORT_CHANGED),
        .skipped = atomic_load(&report->skipped),
        .error_count = report_problems(report),
        .errors = errors,
        .duration_ms = clock_monotonic_ms(r->agent->clock) - r->started_ms,
        .sha256 = done->sha256[0] != '\0' ? done->sha256 : NULL,
        .archive = done->archive,
        .index = done->index,
    };
}

/* The list follows the server: a confirmed run is what it describes from now on. When nobody knows whether the run
 * counts the list goes, and the next run is a full one. */
static void settle_list(struct run *r, bool confirmed)
{
    char name[REMOTE_ID_SIZE + 8], path[PATH_MAX];
    struct err err;
    int rc = confirmed ? snapshot_commit(r->snapshot, &err) : ERR_UNAVAILABLE;
    if (rc == 0)
        return;
    (void)snprintf(name, sizeof name, "lists/%s", r->config.id);
    if (agent_state_path(r->agent, name, path, &err) == 0)
        rc = file_remove(path, &err);
    if (rc != 0)
        log_warning("the list of files: %s", err.msg);
}

/* Tells everybody. The run's file goes only when the server knows and the event is on disk: else backup_reap has
 * another try. */
static int finish(struct run *r, struct result *result, struct err *err)
{
    struct err refusal = {0};
    bool cancelled = result->outcome == BACKUP_CANCELLED;
    int sent = result_send(r->agent, r->api, result, cancelled ? RESULT_RETRY_CANCELLED_MS : RESULT_RETRY_MS, &refusal);
    bool good = result->outcome == BACKUP_COMPLETED || result->outcome == BACKUP_WARNING;
    if (good && (sent == 0 || !result_settled(sent)))
        settle_list(r, sent == 0);
    if (sent != 0 && good) {
        result->outcome = BACKUP_FAILED;
        *err = refusal;
        result->reason = err->msg;
    }
    struct err why;
    if (sent == ERR_CONFLICT && good) /* it does not have the archive that we mean: the run must not stay "running" */
        sent = result_send(r->agent, r->api, result, RESULT_RETRY_CANCELLED_MS, &why);
    if (r->options->progress || r->options->json)
        result_print(result, r->options->json);
    if (!result_settled(sent))
        return 0;
    int rc = result_log(r->log, result, &why);
    if (rc == 0) {
        struct runfile *file = r->file;
        r->file = NULL;
        rc = runfile_remove(file, &why);
    }
    if (rc != 0 && result->outcome != BACKUP_FAILED)
        *err = why;
    return rc;
}

/* From the run's start on everything that goes wrong is told as its end. */
static int execute(struct run *r, enum backup_outcome *ret, struct err *err)
{
    int rc = start_run(r, err);
    if (r->content.log_id[0] == '\0')
        return rc;
    struct pipeline_result done = {0};
    if (r->config.max_runtime_s > 0)
        r->deadline_ms = clock_monotonic_ms(r->agent->clock) + r->config.max_runtime_s * 1000;
    bool begun = rc == 0;
    if (rc == 0)
        rc = run_before(r, err);
    if (rc == 0)
        rc = store(r, &done, err);
    if (begun)
        run_after(r, judge(rc, &r->report));
    json_t *errors = report_errors_json(&r->report);
    struct result result;
    fill_result(r, &done, judge(rc, &r->report), rc == 0 ? NULL : err->msg, errors, &result);
    rc = finish(r, &result, err);
    if (rc == 0)
        *ret = result.outcome;
    json_decref(errors);
    return rc;
}

/* A run that did not come to be: the command that asked for it is answered all the same. */
static int refuse(struct run *r, int code, const struct err *why, struct err *err)
{
    int rc = 0;
    bool refused = code == ERR_DENIED && r->config.id != NULL;
    if (refused)
        rc = eventlog_append(r->log, LOG_WARNING, "backup_refused", why->msg,
                             json_pack("{s:s, s:s}", "configId", r->config.id, "configName", r->config.name), err);
    if (rc == 0 && r->options->command_id != NULL)
        rc = result_log_command(r->log, r->options->command_id, refused ? "refused" : "failed", why->msg, err);
    if (rc == 0 && r->file != NULL) {
        struct runfile *file = r->file;
        r->file = NULL;
        rc = runfile_remove(file, err);
    }
    return rc;
}

static int prepare(struct run *r, bool *ret_same_command, struct err *err)
{
    int rc = get_config(r, err);
    if (rc != 0)
        return rc;
    struct runfile_content other = {0};
    const char *command = r->options->command_id;
    rc = runfile_take(r->agent, r->config.id, &r->file, &other, err);
    if (rc == ERR_CONFLICT)
        *ret_same_command = command != NULL && strcmp(command, other.command_id) == 0;
    struct runfile_content dead;
    if (rc == 0 && runfile_read(r->file, &dead)) { /* killed, and nobody told the server, which would refuse another */
        if (command != NULL && strcmp(command, dead.command_id) == 0)
            dead.command_id[0] = '\0'; /* this run is what answers it */
        rc = reap_dead(r->agent, r->log, r->api, &dead, err);
    }
    if (rc != 0)
        return rc;
    (void)snprintf(r->content.config_id, sizeof r->content.config_id, "%s", r->config.id);
    (void)snprintf(r->content.config_name, sizeof r->content.config_name, "%s", r->config.name);
    (void)snprintf(r->content.command_id, sizeof r->content.command_id, "%s", command == NULL ? "" : command);
    r->content.started_ms = clock_now_ms(r->agent->clock);
    rc = consent_ask(r->agent, &r->config, r->arena, &r->report, &r->consent, err);
    if (rc == 0)
        rc = open_snapshot(r, err);
    if (rc == 0)
        rc = runfile_write(r->file, &r->content, err);
    return rc;
}

int backup_run(struct agent *agent, const struct backup_options *options, enum backup_outcome *ret, struct err *err)
{
    if (options->config_id == NULL && options->config_name == NULL)
        return err_set(err, ERR_INVALID, "no configuration was named");
    if (!agent_enrolled(agent))
        return err_set(err, ERR_DENIED, "this host is not enrolled: run muster-agent enroll first");
    if (options->command_id != NULL && !remote_id_valid(options->command_id))
        return err_set(err, ERR_INVALID, "not an id of a command");
    struct run r;
    bool same_command = false;
    run_init(&r, agent, options);
    int rc = open_all(&r, err);
    if (rc == 0)
        rc = prepare(&r, &same_command, err);
    if (rc == 0)
        rc = execute(&r, ret, err);
    if (rc != 0 && r.content.log_id[0] == '\0' && r.log != NULL && !same_command) {
        struct err why = *err;
        struct err trouble;
        if (refuse(&r, rc, &why, &trouble) != 0)
            (void)err_prefix(err, "%.100s", trouble.msg);
    }
    run_done(&r);
    return rc;
}
