#include "backup/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backup/pipeline.h"
#include "backup/reap.h"
#include "backup/result.h"
#include "backup/retry.h"
#include "backup/roots.h"

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
    struct pipeline_source *sources; /* in the arena */
    size_t source_count;
    struct report report;
    int64_t started_ms; /* monotonic */
};

static void run_init(struct run *r, struct agent *agent, const struct backup_options *options)
{
    *r = (struct run){.agent = agent, .options = options, .started_ms = clock_monotonic_ms(agent->clock)};
    report_init(&r->report);
}

static void run_done(struct run *r)
{
    for (size_t i = 0; i < r->source_count; i++)
        if (r->sources[i].fd >= 0)
            (void)close(r->sources[i].fd);
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

/* The order of paths, with a directory before what is in it. */
static int compare_sources(const void *a, const void *b)
{
    const struct pipeline_source *left = a;
    const struct pipeline_source *right = b;
    return strcmp(left->path, right->path);
}

/* Cleans the paths, drops those that lie inside another one (they would be stored twice), and opens the rest. */
static int open_sources(struct run *r, struct err *err)
{
    struct pipeline_source *sources = arena_array(r->arena, r->config.source_count, sizeof *sources);
    if (sources == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < r->config.source_count; i++) {
        char clean[PATH_MAX];
        int rc = roots_clean_path(r->config.sources[i], clean, err);
        if (rc != 0)
            return ERR_DENIED; /* whatever it is, it is inside no root */
        sources[i] = (struct pipeline_source){.path = arena_strdup(r->arena, clean), .fd = -1};
        if (sources[i].path == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    qsort(sources, r->config.source_count, sizeof *sources, compare_sources);
    r->sources = sources;
    for (size_t i = 0; i < r->config.source_count; i++) {
        struct pipeline_source source = sources[i];
        bool inside = false;
        for (size_t k = 0; k < r->source_count && !inside; k++)
            inside = roots_contain(sources[k].path, source.path);
        if (inside)
            continue;
        int rc = roots_open_source(r->agent, source.path, &source.fd, err);
        if (rc != 0 && rc != ERR_NOT_FOUND && rc != ERR_IO)
            return rc;
        if (rc != 0)
            report_problem(&r->report, source.path, "%s", rc == ERR_NOT_FOUND ? "is not there" : err->msg);
        sources[r->source_count++] = source;
    }
    return 0;
}

/* Whether this host wants to do what the config says. */
static int check_config(struct run *r, struct err *err)
{
    const char *at = NULL;
    if (r->config.encryption || config_word(r->agent->config, "AGE_RECIPIENTS", &at) != NULL)
        return err_set(
            err, ERR_DENIED,
            "this agent cannot encrypt backups yet, and will not store unencrypted what the backup config or "
            "AGE_RECIPIENTS wants encrypted");
    return open_sources(r, err);
}

static int start_run(struct run *r, struct remote_run *ret, struct err *err)
{
    char filename[64];
    struct tm tm;
    time_t now = (time_t)(clock_now_ms(r->agent->clock) / 1000);
    if (gmtime_r(&now, &tm) == NULL || strftime(filename, 32, "backup-%Y-%m-%d-%H%M%S", &tm) == 0)
        return err_set(err, ERR_INTERNAL, "the clock gives no date");
    (void)strncat(filename, compress_suffix(r->config.method), 16);
    struct retry retry;
    retry_init(&retry, r->agent->clock, START_RETRY_MS);
    for (;;) {
        int rc = remote_start(r->api, r->config.id, filename, ret, err);
        int wait = retry_worth(rc) ? retry_next_ms(&retry, NULL) : -1;
        if (wait < 0)
            return rc;
        retry_sleep(wait);
    }
}

/* --- the run and its end ----------------------------------------------------------------------------------------- */

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
    *ret = (struct result){
        .run = &r->content,
        .outcome = outcome,
        .reason = reason,
        .files = atomic_load(&r->report.files),
        .bytes_read = atomic_load(&r->report.bytes),
        .bytes_sent = atomic_load(&r->report.sent),
        .skipped = atomic_load(&r->report.skipped),
        .error_count = report_problems(&r->report),
        .errors = errors,
        .duration_ms = clock_monotonic_ms(r->agent->clock) - r->started_ms,
    };
    if (done->sha256[0] != '\0') {
        ret->parts = done->parts;
        ret->part_count = done->part_count;
        ret->sha256 = done->sha256;
    }
}

/* Tells everybody. The run's file goes only when the server knows and the event is on disk: else backup_reap has
 * another try. */
static int finish(struct run *r, struct result *result, struct err *err)
{
    struct err refusal = {0};
    bool cancelled = result->outcome == BACKUP_CANCELLED;
    int sent = result_send(r->agent, r->api, result, cancelled ? RESULT_RETRY_CANCELLED_MS : RESULT_RETRY_MS, &refusal);
    bool good = result->outcome == BACKUP_COMPLETED || result->outcome == BACKUP_WARNING;
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

static int execute(struct run *r, enum backup_outcome *ret, struct err *err)
{
    struct remote_run remote;
    int rc = start_run(r, &remote, err);
    if (rc != 0)
        return rc;
    (void)snprintf(r->content.log_id, sizeof r->content.log_id, "%s", remote.log_id);
    rc = runfile_write(r->file, &r->content, err);

    struct pipeline_result done = {0};
    const struct pipeline_options options = {
        .agent = r->agent,
        .api = r->api,
        .log_id = r->content.log_id,
        .part_size = remote.part_size,
        .config = &r->config,
        .sources = r->sources,
        .source_count = r->source_count,
        .report = &r->report,
        .progress = r->options->progress,
    };
    if (rc == 0)
        rc = pipeline_run(&options, &done, err);
    json_t *errors = report_errors_json(&r->report);
    struct result result;
    fill_result(r, &done, judge(rc, &r->report), rc == 0 ? NULL : err->msg, errors, &result);
    rc = finish(r, &result, err);
    if (rc == 0)
        *ret = result.outcome;
    json_decref(errors);
    free(done.parts);
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
    rc = check_config(r, err);
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
