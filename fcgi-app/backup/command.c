/* muster-app backup-config list, run */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/secrets.h"
#include "backup/backup.h"
#include "backup/command_config.h"
#include "backup/run.h"
#include "common/clock.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "fleet/fleet.h"

enum { ARENA_BYTES = 4 << 20, LIST_PAGE = 100, WATCH_MS = 500, WAIT_DEFAULT_S = 24 * 3600 };

const struct cli_option backup_config_run_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"wait", NULL, "wait until the run has ended; exit 1 when it failed"},
    {"timeout", "SECONDS", "how long to wait at most [86400]"},
    {0},
};

struct config_write command_config_write(const struct command *c)
{
    int64_t now_ms = clock_now_ms(c->app->clock);
    return (struct config_write){
        .audit_key = secrets_audit_key(c->app->secrets),
        .audit = {.time_ms = now_ms, .actor = command_actor(), .address = "", .request_id = ""},
        .now_ms = now_ms,
    };
}

/* --- list -----------------------------------------------------------------------------------------------------------
 */

static int list_page(struct command *c, struct arena *arena, int64_t offset, struct backup_config *page,
                     size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc =
        db_query(c->db, DB_BACKUP_CONFIG_LIST,
                 DB_ARGS(DB_NULL("agent_id"), DB_NULL("viewer"), DB_INT("limit", LIST_PAGE), DB_INT("offset", offset)),
                 &rows, err);
    while (rc == 0 && count < LIST_PAGE && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = config_row(&rows, arena, &page[count++]) ? 0 : err_set(err, ERR_NOMEM, "no memory for configs");
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

static int collect(struct command *c, struct arena *arena, json_t *list, struct err *err)
{
    size_t count = LIST_PAGE;
    int rc = 0;
    for (int64_t offset = 0; rc == 0 && count == LIST_PAGE; offset += LIST_PAGE) {
        arena_reset(arena);
        struct backup_config *page = arena_array(arena, LIST_PAGE, sizeof *page);
        if (page == NULL)
            return err_set(err, ERR_NOMEM, "no memory for configs");
        rc = list_page(c, arena, offset, page, &count, err);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            json_t *last = NULL;
            json_t *item = config_json(c->app, &page[i]);
            rc = run_last_json(c->db, page[i].id, &last, err);
            (void)json_object_set_new(item, "lastRun", last);
            if (rc == 0)
                rc = config_times_json(c->db, &page[i], item, err);
            if (rc == 0 && json_array_append_new(list, item) != 0)
                rc = err_set(err, ERR_NOMEM, "no memory for configs");
        }
    }
    return rc;
}

static void print_list(const json_t *list)
{
    size_t i;
    json_t *c;
    (void)printf("%-36s  %-20s  %-36s  %-9s  %s\n", "ID", "NAME", "AGENT", "LAST RUN", "NEXT RUN");
    json_array_foreach(list, i, c)
    {
        const char *agent = json_string_value(json_object_get(c, "agentId"));
        const char *last = json_string_value(json_object_get(json_object_get(c, "lastRun"), "status"));
        const json_t *due = json_object_get(c, "nextRun_ms");
        char next[CLOCK_RFC3339_SIZE] = "-";
        if (json_is_integer(due))
            clock_format_rfc3339((int64_t)json_integer_value(due), next);
        (void)printf("%-36s  %-20s  %-36s  %-9s  %s%s\n", json_string_value(json_object_get(c, "id")),
                     json_string_value(json_object_get(c, "name")), agent != NULL ? agent : "-",
                     last != NULL ? last : "never", next, json_is_true(json_object_get(c, "late")) ? " (late)" : "");
    }
}

int backup_command_config_list(const struct cli_args *args, void *ctx)
{
    struct command c;
    struct err err = {0};
    int code = CLI_OK;
    (void)ctx;
    if (command_open(args, &c, &code) != 0)
        return code;
    struct arena *arena = arena_new(ARENA_BYTES);
    json_t *list = json_array();
    int rc = arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : collect(&c, arena, list, &err);
    if (rc != 0)
        code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_incref(list));
    else
        print_list(list);
    json_decref(list);
    arena_free(arena);
    command_close(&c);
    return code;
}

/* --- run ------------------------------------------------------------------------------------------------------------
 */

struct watch {
    struct command *c;
    const char *run_id;
    const char *command_id;
    bool quiet;
    json_t *run; /* as last seen */
};

static const char *run_text(const struct watch *w, const char *key)
{
    const char *text = json_string_value(json_object_get(w->run, key));
    return text != NULL ? text : "";
}

static json_int_t run_number(const struct watch *w, const char *key)
{
    return json_integer_value(json_object_get(w->run, key));
}

static bool waits(const struct watch *w)
{
    return strcmp(run_text(w, "status"), "queued") == 0;
}

/* A command that the agent has refused or could not do starts no run: known before the run is ended for that. */
static int check_command(struct watch *w, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(w->c->db, DB_BACKUP_COMMAND_STATUS, DB_ARGS(DB_TEXT("id", w->command_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "the agent was deleted");
    if (rc != DB_ROW)
        return rc;
    const char *status = db_rows_text(&rows, 0);
    if (strcmp(status, "pending") != 0 && strcmp(status, "done") != 0)
        rc = err_set(err, ERR_DENIED, "the agent's answer was %s: %s", status, db_rows_text(&rows, 1));
    else
        rc = 0;
    db_rows_done(&rows);
    return rc;
}

static int look(struct watch *w, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query_one(w->c->db, DB_BACKUP_RUN_GET, DB_ARGS(DB_TEXT("id", w->run_id), DB_NULL("viewer")), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "the run was deleted");
    if (rc == DB_ROW) {
        json_t *run = run_row_json(&rows);
        db_rows_done(&rows);
        if (run == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a run");
        bool same = json_equal(run, w->run);
        json_decref(w->run);
        w->run = run;
        if (!same && !w->quiet)
            (void)fprintf(stderr, "%s: %lld files, %lld bytes read, %lld bytes stored\n", run_text(w, "status"),
                          (long long)run_number(w, "filesProcessed"), (long long)run_number(w, "bytesRead"),
                          (long long)run_number(w, "bytesTransferred"));
    } else {
        return rc;
    }
    return waits(w) ? check_command(w, err) : 0;
}

static int wait_for_end(struct watch *w, int64_t timeout_s, struct err *err)
{
    const struct clock *clock = w->c->app->clock;
    int64_t deadline = clock_monotonic_ms(clock) + timeout_s * 1000;
    const struct timespec pause = {.tv_nsec = WATCH_MS * 1000000L};
    for (;;) {
        int rc = look(w, err);
        if (rc != 0 || (!waits(w) && strcmp(run_text(w, "status"), "running") != 0))
            return rc;
        if (clock_monotonic_ms(clock) >= deadline)
            return err_set(err, ERR_TIMEOUT,
                           waits(w) ? "the agent has not begun in time; is it online?"
                                    : "the run has not ended in time");
        (void)nanosleep(&pause, NULL);
    }
}

/* Prints how it ended; failed and cancelled are failures. */
static int report(const struct cli_args *args, struct watch *w)
{
    const char *status = run_text(w, "status");
    bool ok = strcmp(status, "completed") == 0 || strcmp(status, "warning") == 0;
    if (cli_switch(args, "json")) {
        command_print_json(json_incref(w->run));
    } else {
        const json_t *first = json_array_get(json_object_get(w->run, "errors"), 0);
        const char *why = json_string_value(json_object_get(first, "message"));
        (void)printf("%s: %s, %lld bytes%s%s\n", status, run_text(w, "filename"), (long long)run_number(w, "size"),
                     why != NULL ? "; " : "", why != NULL ? why : "");
    }
    return ok ? CLI_OK : CLI_FAILED;
}

static int start_run(struct command *c, struct arena *arena, const char *key, struct config_run *run, struct err *err)
{
    char id[UUID_SIZE];
    struct backup_config *config = arena_alloc(arena, sizeof *config);
    int rc = config == NULL ? err_set(err, ERR_NOMEM, "no memory") : config_resolve(c->db, key, id, err);
    if (rc == 0)
        rc = config_get(c->db, id, NULL, arena, config, err);
    if (rc != 0)
        return rc;
    run->write = command_config_write(c);
    run->write.old = config;
    run->created_by = command_actor();
    return db_write(c->app->writer, config_run, run, err);
}

static int run_command(const struct cli_args *args, struct command *c, struct arena *arena, struct err *err)
{
    struct config_run run = {0};
    uint64_t timeout_s = WAIT_DEFAULT_S;
    const char *timeout = cli_option(args, "timeout");
    if (timeout != NULL && !cursor_parse_uint(timeout, UINT64_C(30) * WAIT_DEFAULT_S, &timeout_s)) {
        (void)err_set(err, ERR_INVALID, "--timeout takes a number of seconds");
        return cli_fail(args, CLI_USAGE, err);
    }
    if (start_run(c, arena, cli_operand(args, 0), &run, err) != 0)
        return cli_fail(args, CLI_FAILED, err);
    if (!cli_switch(args, "wait")) {
        if (cli_switch(args, "json"))
            command_print_json(json_pack("{s:s, s:s}", "runId", run.run_id, "commandId", run.command_id));
        else
            (void)printf("%s\n", run.command_id);
        return CLI_OK;
    }
    struct watch watch = {
        .c = c, .run_id = run.run_id, .command_id = run.command_id, .quiet = cli_switch(args, "json")};
    int code =
        wait_for_end(&watch, (int64_t)timeout_s, err) == 0 ? report(args, &watch) : cli_fail(args, CLI_FAILED, err);
    json_decref(watch.run);
    return code;
}

int backup_command_config_run(const struct cli_args *args, void *ctx)
{
    struct command c;
    struct err err = {0};
    int code = CLI_OK;
    (void)ctx;
    if (command_open(args, &c, &code) != 0)
        return code;
    struct arena *arena = arena_new(ARENA_BYTES);
    if (arena == NULL) {
        (void)err_set(&err, ERR_NOMEM, "no memory");
        code = cli_fail(args, CLI_FAILED, &err);
    } else {
        code = run_command(args, &c, arena, &err);
    }
    arena_free(arena);
    command_close(&c);
    return code;
}
