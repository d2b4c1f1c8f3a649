/* muster-app backup runs, files, restore, verify, jobs */
#include "command.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/secrets.h"
#include "backup/backup.h"
#include "backup/config.h"
#include "backup/run.h"
#include "backup/run_files.h"
#include "common/clock.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "restore/files.h"
#include "restore/job_ask.h"
#include "restore/job_row.h"
#include "restore/pathtext.h"
#include "restore/restorable.h"

enum { JOBS_MAX = 1000, WATCH_MS = 500, WAIT_DEFAULT_S = 24 * 3600 };

const struct cli_option backup_runs_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"limit", "N", "at most so many, the newest [50]"},
    {0},
};

const struct cli_option backup_files_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"search", "TEXT", "what a name contains, or a path when the text has a slash"},
    {"problems", NULL, "only what was not read whole"},
    {0},
};

const struct cli_option backup_restore_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"agent", "AGENT", "id or name of the host that restores [the one whose backup it is]"},
    {"target", "DIR", "where to, on that host"},
    {"original", NULL, "to where everything came from"},
    {"path", "PATH", "a file or directory; may be repeated [everything]"},
    {"pattern", "PATTERN", "what to restore; may be repeated"},
    {"policy", "POLICY", "when a file that is there is replaced: never, newer, changed or always [never]"},
    {"dry-run", NULL, "only say what would be done"},
    {"wait", NULL, "wait until it has ended; exit 1 when it failed"},
    {"timeout", "SECONDS", "how long to wait at most [86400]"},
    {0},
};

const struct cli_option backup_verify_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"agent", "AGENT", "id or name of the host that reads it back"},
    {"wait", NULL, "wait until it has ended; exit 1 when it failed"},
    {"timeout", "SECONDS", "how long to wait at most [86400]"},
    {0},
};

/* What each of these commands has: its arguments, the app, memory. */
struct session {
    const struct cli_args *args;
    struct command c;
    struct arena *arena;
};

typedef int session_fn(struct session *s, struct err *err);

/* Opens, calls fn, says what was wrong. fn gives an exit code, or a negative error. */
static int in_session(const struct cli_args *args, session_fn *fn)
{
    struct session s = {.args = args};
    struct err err = {0};
    int code = CLI_OK;
    if (command_open(args, &s.c, &code) != 0)
        return code;
    s.arena = arena_new(RESTORABLE_ARENA_BYTES);
    int rc = s.arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : fn(&s, &err);
    if (rc < 0)
        rc = cli_fail(args, rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED, &err);
    arena_free(s.arena);
    command_close(&s.c);
    return rc;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "-";
}

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void time_of(const json_t *object, const char *key, char ret[CLOCK_RFC3339_SIZE])
{
    const json_t *value = json_object_get(object, key);
    (void)snprintf(ret, CLOCK_RFC3339_SIZE, "-");
    if (json_is_integer(value))
        clock_format_rfc3339(json_integer_value(value), ret);
}

static int read_limit(struct session *s, int64_t fallback, int64_t *ret, struct err *err)
{
    const char *option = cli_option(s->args, "limit");
    uint64_t value = (uint64_t)fallback;
    if (option != NULL && (!cursor_parse_uint(option, JOBS_MAX, &value) || value == 0))
        return err_set(err, ERR_INVALID, "--limit takes a number from 1 to %d", JOBS_MAX);
    *ret = (int64_t)value;
    return 0;
}

/* --- runs -----------------------------------------------------------------------------------------------------------
 */

/* With what somebody needs who puts a chain back by hand: files, and the place of each in its chain. */
static void print_runs(const json_t *list)
{
    size_t i;
    json_t *run;
    (void)printf("%-36s  %-24s  %-10s  %-15s  %14s  %s\n", "RUN", "BEGAN", "STATUS", "TYPE", "BYTES", "CONFIG  FILE");
    json_array_foreach(list, i, run)
    {
        char began[CLOCK_RFC3339_SIZE], type[40];
        time_of(run, "started_ms", began);
        if (number(run, "chainSeq") > 0)
            (void)snprintf(type, sizeof type, "%s %lld", text(run, "type"), number(run, "chainSeq"));
        else
            (void)snprintf(type, sizeof type, "%s", text(run, "type"));
        (void)printf("%-36s  %-24s  %-10s  %-15s  %14lld  %s  %s\n", text(run, "id"), began, text(run, "status"), type,
                     number(run, "size"), text(run, "configName"), text(run, "filename"));
    }
}

static int list_runs(struct session *s, struct err *err)
{
    char config_id[UUID_SIZE] = "";
    const char *config = cli_operand(s->args, 0);
    int64_t limit = 0;
    struct db_rows rows;
    int rc = read_limit(s, 50, &limit, err);
    if (rc == 0 && config != NULL)
        rc = config_resolve(s->c.db, config, config_id, err);
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    rc = db_query(s->c.db, DB_BACKUP_RUN_LIST,
                  DB_ARGS(DB_NULL("agent_id"), DB_TEXT("config_id", config != NULL ? config_id : NULL),
                          DB_NULL("status"), DB_INT("deleted", 0), DB_NULL("viewer"), DB_INT("limit", limit),
                          DB_INT("offset", 0)),
                  &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = json_array_append_new(list, run_row_json(&rows)) == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for runs");
    db_rows_done(&rows);
    if (rc == 0 && cli_switch(s->args, "json"))
        command_print_json(json_incref(list));
    else if (rc == 0)
        print_runs(list);
    json_decref(list);
    return rc;
}

int backup_command_runs(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return in_session(args, list_runs);
}

/* --- files ----------------------------------------------------------------------------------------------------------
 */

static void print_files(const json_t *entries)
{
    size_t i;
    json_t *e;
    json_array_foreach(entries, i, e)
    {
        char changed[CLOCK_RFC3339_SIZE];
        time_of(e, "mtime_ms", changed);
        (void)printf("%-9s  %-10s  %14lld  %-24s  %s\n", text(e, "type"), text(e, "outcome"), number(e, "size"),
                     changed, text(e, "path"));
    }
}

/* Page after page, printed as it comes: a directory may be larger than memory. */
static int list_files(struct session *s, struct err *err)
{
    const char *after = NULL;
    json_t *page = NULL, *all = cli_switch(s->args, "json") ? json_array() : NULL;
    int rc = 0;
    do {
        const struct files_query query = {
            .path = cli_operand(s->args, 1),
            .search = cli_option(s->args, "search"),
            .problems = cli_switch(s->args, "problems"),
            .after = after,
            .limit = FILES_MAX,
        };
        struct arena *arena = arena_new(RUN_FILES_ARENA_BYTES);
        json_t *before = page;
        page = NULL;
        rc = arena == NULL
                 ? err_set(err, ERR_NOMEM, "no memory for files")
                 : run_files_page(s->c.app, s->c.db, cli_operand(s->args, 0), NULL, &query, arena, &page, err);
        arena_free(arena);
        json_decref(before);
        if (rc == 0 && all != NULL)
            rc = json_array_extend(all, json_object_get(page, "entries")) == 0
                     ? 0
                     : err_set(err, ERR_NOMEM, "no memory for files");
        else if (rc == 0)
            print_files(json_object_get(page, "entries"));
        after = json_string_value(json_object_get(page, "next"));
    } while (rc == 0 && after != NULL);
    json_decref(page);
    if (rc == 0 && all != NULL)
        command_print_json(json_incref(all));
    json_decref(all);
    return rc == RUN_FILES_ENCRYPTED ? err_set(err, ERR_CONFLICT, "%s", RUN_FILES_ENCRYPTED_TEXT) : rc;
}

int backup_command_files(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return in_session(args, list_files);
}

/* --- restore, verify ------------------------------------------------------------------------------------------------
 */

static json_t *repeated(const struct session *s, const char *option)
{
    json_t *list = json_array();
    const char *value;
    for (size_t i = 0; (value = cli_option_nth(s->args, option, i)) != NULL; i++)
        (void)json_array_append_new(list, json_string(value));
    return list;
}

/* The command line as the body of POST /api/runs/{id}/restore, so that one reader checks both. */
static int read_restore(struct session *s, json_t **ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    json_t *body =
        json_pack("{s:s*, s:b, s:o, s:o, s:s*, s:b}", "target", cli_option(s->args, "target"), "original",
                  cli_switch(s->args, "original"), "paths", repeated(s, "path"), "patterns", repeated(s, "pattern"),
                  "policy", cli_option(s->args, "policy"), "dryRun", cli_switch(s->args, "dry-run"));
    if (body == NULL)
        return err_set(err, ERR_INVALID, "what was given is not UTF-8");
    jsonread_init(&r, body, &wrong);
    *ret = job_restore_read(&r, s->arena);
    json_decref(body);
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "%s %s", wrong.pointer + 1, wrong.reason);
    return *ret != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a restore");
}

static int make_job(struct session *s, struct job_ask *ask, struct err *err)
{
    char agent_id[UUID_SIZE] = "";
    const char *agent = cli_option(s->args, "agent");
    int rc = agent != NULL ? fleet_agent_resolve(s->c.db, agent, agent_id, err) : 0;
    if (rc == 0)
        rc = job_ask_plan(s->c.db, cli_operand(s->args, 0), NULL, agent != NULL ? agent_id : NULL, s->arena, &ask->job,
                          err);
    return rc == 0 ? db_write(s->c.app->writer, job_ask_write, ask, err) : rc;
}

static bool under_way(const json_t *job)
{
    const char *status = text(job, "status");
    return strcmp(status, "thawing") == 0 || strcmp(status, "queued") == 0 || strcmp(status, "running") == 0;
}

/* Says what has changed on standard error, until the job has ended. */
static int wait_for_end(struct session *s, const char *id, int64_t timeout_s, json_t **ret, struct err *err)
{
    const struct clock *clock = s->c.app->clock;
    int64_t deadline_ms = clock_monotonic_ms(clock) + timeout_s * 1000;
    const struct timespec pause = {.tv_nsec = WATCH_MS * 1000000L};
    for (;;) {
        json_t *job = NULL;
        int rc = job_row_get(s->c.db, id, NULL, &job, err);
        if (rc != 0)
            return rc;
        bool same = json_equal(job, *ret);
        json_decref(*ret);
        *ret = job;
        if (!same && !cli_switch(s->args, "json"))
            (void)fprintf(stderr, "%s: %lld files, %lld bytes\n", text(job, "status"), number(job, "files"),
                          number(job, "bytes"));
        if (!under_way(job))
            return 0;
        if (clock_monotonic_ms(clock) >= deadline_ms)
            return err_set(err, ERR_TIMEOUT, "the job has not ended in time; it goes on: %s", id);
        (void)nanosleep(&pause, NULL);
    }
}

static int report(struct session *s, const json_t *job)
{
    const char *status = text(job, "status");
    if (cli_switch(s->args, "json"))
        command_print_json(json_deep_copy(job));
    else
        (void)printf("%s: %lld files, %lld bytes; %s\n", status, number(job, "files"), number(job, "bytes"),
                     text(job, "detail"));
    return strcmp(status, "completed") == 0 || strcmp(status, "warning") == 0 ? CLI_OK : CLI_FAILED;
}

static int follow(struct session *s, const char *id, int64_t timeout_s, struct err *err)
{
    json_t *job = NULL;
    int rc;
    if (!cli_switch(s->args, "wait")) {
        if (cli_switch(s->args, "json"))
            command_print_json(json_pack("{s:s}", "jobId", id));
        else
            (void)printf("%s\n", id);
        return CLI_OK;
    }
    rc = wait_for_end(s, id, timeout_s, &job, err);
    if (rc == 0)
        rc = report(s, job);
    json_decref(job);
    return rc;
}

static int ask(struct session *s, const char *kind, json_t *request, struct err *err)
{
    int64_t now_ms = clock_now_ms(s->c.app->clock);
    const char *timeout = cli_option(s->args, "timeout");
    uint64_t timeout_s = WAIT_DEFAULT_S;
    if (timeout != NULL && !cursor_parse_uint(timeout, UINT64_C(30) * WAIT_DEFAULT_S, &timeout_s))
        return err_set(err, ERR_INVALID, "--timeout takes a number of seconds");
    struct job_ask ask = {
        .job = {.kind = kind, .request = request, .created_by = command_actor(), .now_ms = now_ms},
        .audit_key = secrets_audit_key(s->c.app->secrets),
        .audit = {.time_ms = now_ms, .actor = command_actor(), .address = "", .request_id = ""},
    };
    int rc = make_job(s, &ask, err);
    if (rc != 0)
        return rc;
    struct err later = {0};
    if (jobs_hand_out(s->c.app, s->c.db, ask.id, &later) != 0)
        (void)fprintf(stderr, "not handed out yet: %s\n", later.msg); /* the server will */
    return follow(s, ask.id, (int64_t)timeout_s, err);
}

static int restore(struct session *s, struct err *err)
{
    json_t *request = NULL;
    int rc = read_restore(s, &request, err);
    if (rc == 0)
        rc = ask(s, "restore", request, err);
    json_decref(request);
    return rc;
}

static int verify(struct session *s, struct err *err)
{
    return ask(s, "verify", NULL, err);
}

int backup_command_restore(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return in_session(args, restore);
}

int backup_command_verify(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return in_session(args, verify);
}

/* --- jobs -----------------------------------------------------------------------------------------------------------
 */

static int list_jobs(struct session *s, struct err *err)
{
    struct job_filter filter = {.ask = {.sort = "created", .descending = true}};
    struct list_out out;
    json_t *job;
    size_t i;
    list_begin(&out, &filter.ask, NULL);
    json_t *list = out.items;
    int rc = read_limit(s, 50, &filter.ask.limit, err);
    if (rc == 0)
        rc = job_row_list(s->c.db, &filter, &out, err);
    if (rc != 0) {
        json_decref(list);
        return rc;
    }
    if (cli_switch(s->args, "json")) {
        command_print_json(list);
        return CLI_OK;
    }
    (void)printf("%-36s  %-24s  %-8s  %-10s  %-20s  %s\n", "JOB", "ASKED FOR", "KIND", "STATUS", "AGENT", "DETAIL");
    json_array_foreach(list, i, job)
    {
        char asked[CLOCK_RFC3339_SIZE];
        time_of(job, "created_ms", asked);
        (void)printf("%-36s  %-24s  %-8s  %-10s  %-20s  %s\n", text(job, "id"), asked, text(job, "kind"),
                     text(job, "status"), text(job, "agentName"), text(job, "detail"));
    }
    json_decref(list);
    return CLI_OK;
}

int backup_command_jobs(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return in_session(args, list_jobs);
}
