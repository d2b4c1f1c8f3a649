/* muster-app rollout … */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/secrets.h"
#include "common/clock.h"
#include "db/writer.h"
#include "rollout/rollout_args.h"

enum { WATCH_MS = 500, WAIT_DEFAULT_S = 24 * 3600, LIST_MAX = 200, MEMBERS_SHOWN = 20 };

const struct cli_option rollout_wait_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"wait", NULL, "show how it goes until it has ended or paused; exit 1 unless it is done"},
    {"timeout", "TIME", "how long to wait at most [1d]"},
    {0},
};

/* --- showing --- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "-";
}

static int load_json(struct command *c, const char *id, json_t **ret, struct err *err)
{
    struct rollout r = {0};
    int rc = rollout_load(c->db, id, &r, err);
    if (rc == 0)
        rc = rollout_json(c->db, &r, NULL, ret, err);
    rollout_done(&r);
    return rc;
}

static json_int_t count_of(const json_t *rollout, const char *const states[])
{
    const json_t *members = json_object_get(rollout, "members");
    json_int_t sum = 0;
    for (size_t i = 0; states[i] != NULL; i++)
        sum += json_integer_value(json_object_get(members, states[i]));
    return sum;
}

/* "stage 2 of 4 (10 %): 55 of 500 updated, 20 under way, 1 failed" */
static void describe(const json_t *rollout, char *ret, size_t size)
{
    static const char *const total[] = {"total", NULL}, *const well[] = {"committed", "current", NULL},
                             *const under_way[] = {"offered", "waiting", "downloading", "verifying", "trial", NULL},
                             *const failed[] = {"restored", "failed", "silent", "unhealthy", NULL};
    json_int_t stage = json_integer_value(json_object_get(rollout, "stage"));
    const json_t *stages = json_object_get(rollout, "stages");
    const json_t *at = json_array_get(stages, (size_t)stage);
    json_int_t percent = json_integer_value(json_object_get(at, "percent"));
    json_int_t count = json_integer_value(json_object_get(at, "count"));
    const char *unit = percent > 0 ? " %" : count == 1 ? " agent" : " agents";
    (void)snprintf(
        ret, size,
        "%s, stage %" JSON_INTEGER_FORMAT " of %zu (%" JSON_INTEGER_FORMAT "%s): %" JSON_INTEGER_FORMAT
        " of %" JSON_INTEGER_FORMAT " updated, %" JSON_INTEGER_FORMAT " under way, %" JSON_INTEGER_FORMAT " failed",
        text_of(rollout, "state"), stage + 1, json_array_size(stages), percent > 0 ? percent : count, unit,
        count_of(rollout, well), count_of(rollout, total), count_of(rollout, under_way), count_of(rollout, failed));
}

static void print_rollout(const json_t *rollout)
{
    char line[256];
    const char *reason = text_of(rollout, "reason");
    describe(rollout, line, sizeof line);
    (void)printf("%s  %s  %s\n", text_of(rollout, "id"), text_of(rollout, "version"), line);
    if (reason[0] != '\0')
        (void)printf("  %s\n", reason);
}

static int print_failures(struct command *c, const char *id, struct err *err)
{
    static const char *const states[] = {"restored", "failed", "silent", "unhealthy"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof states / sizeof states[0]; i++) {
        struct db_rows rows;
        rc = db_query(c->db, DB_ROLLOUT_MEMBER_PAGE,
                      DB_ARGS(DB_TEXT("rollout", id), DB_TEXT("viewer", NULL), DB_TEXT("state", states[i]),
                              DB_INT("limit", MEMBERS_SHOWN), DB_INT("offset", 0)),
                      &rows, err);
        while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
            (void)printf("  %-10s %s  %s: %s\n", states[i], db_rows_text(&rows, 0), db_rows_text(&rows, 1),
                         db_rows_text(&rows, 8));
            rc = 0;
        }
        db_rows_done(&rows);
    }
    return rc;
}

/* --- waiting --- */

static bool is_over(const char *state)
{
    return strcmp(state, "running") != 0 && strcmp(state, "rolling_back") != 0;
}

/* Prints a line whenever there is something new, until the rollout stands. *ret: as it is then. */
static int watch(struct command *c, const char *id, int timeout_s, json_t **ret, struct err *err)
{
    const struct timespec pause = {.tv_nsec = WATCH_MS * 1000000L};
    int64_t deadline_ms = clock_monotonic_ms(c->app->clock) + timeout_s * INT64_C(1000);
    char last[256] = "", line[256];
    for (;;) {
        json_t *rollout = NULL;
        int rc = load_json(c, id, &rollout, err);
        if (rc != 0)
            return rc;
        describe(rollout, line, sizeof line);
        if (strcmp(line, last) != 0)
            (void)fprintf(stderr, "%s\n", line);
        memcpy(last, line, sizeof last);
        if (is_over(text_of(rollout, "state"))) {
            *ret = rollout;
            return 0;
        }
        json_decref(rollout);
        if (clock_monotonic_ms(c->app->clock) >= deadline_ms)
            return err_set(err, ERR_TIMEOUT, "it has not ended after %d s; it goes on", timeout_s);
        (void)nanosleep(&pause, NULL);
    }
}

/* After a command that made or changed a rollout: shows it, and with --wait how it goes. */
static int show_after(const struct cli_args *args, struct command *c, const char *id, int *ret_code, struct err *err)
{
    json_t *rollout = NULL;
    int timeout_s = WAIT_DEFAULT_S;
    const char *timeout = cli_option(args, "timeout");
    bool wait = cli_switch(args, "wait");
    if (timeout != NULL && !rollout_parse_seconds(timeout, 30 * 24 * 3600, &timeout_s))
        return err_set(err, ERR_INVALID, "--timeout %.40s: must be a time such as 10m", timeout);
    int rc = wait ? watch(c, id, timeout_s, &rollout, err) : load_json(c, id, &rollout, err);
    if (rc != 0)
        return rc;
    const char *state = text_of(rollout, "state");
    if (wait && strcmp(state, "done") != 0 && strcmp(state, "rolled_back") != 0)
        *ret_code = CLI_FAILED;
    if (cli_switch(args, "json"))
        command_print_json(json_incref(rollout));
    else
        print_rollout(rollout);
    if (*ret_code != CLI_OK && !cli_switch(args, "json"))
        rc = print_failures(c, id, err);
    json_decref(rollout);
    return rc;
}

/* --- create --- */

static int write_create(struct db *db, void *ctx, struct err *err)
{
    return act_create(db, ctx, err);
}

static struct audit_entry own_entry(const struct command *c)
{
    return (struct audit_entry){
        .time_ms = clock_now_ms(c->app->clock), .actor = command_actor(), .address = "", .request_id = ""};
}

/* Rollouts made here are the first admin's, and reach every agent. */
static int find_owner(struct command *c, char ret[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(c->db, DB_AUTH_ADMIN_FIRST, DB_NO_ARGS, &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_CONFLICT, "there is no admin: 'muster-app user add EMAIL --role admin'");
    (void)snprintf(ret, UUID_SIZE, "%s", db_rows_text(&rows, 0));
    db_rows_done(&rows);
    return 0;
}

static int create(const struct cli_args *args, struct command *c, int *ret_code, struct err *err)
{
    char owner[UUID_SIZE] = "";
    json_t *target = NULL;
    struct rollout_new new = {
        .audit_key = secrets_audit_key(c->app->secrets),
        .audit = own_entry(c),
        .kind = ROLLOUT_STAGED,
        .owner_id = owner,
        .now_ms = clock_now_ms(c->app->clock),
    };
    int rc = rollout_args_read(args, c->db, &new, &target, err);
    if (rc == 0)
        rc = find_owner(c, owner, err);
    if (rc == 0)
        rc = db_write(c->app->writer, write_create, &new, err);
    if (rc == 0)
        rc = show_after(args, c, new.id, ret_code, err);
    json_decref(target);
    return rc;
}

typedef int run_fn(const struct cli_args *args, struct command *c, int *ret_code, struct err *err);

static int run(const struct cli_args *args, run_fn *fn)
{
    struct command c;
    struct err err = {0};
    int code = CLI_OK;
    if (command_open(args, &c, &code) != 0)
        return code;
    int rc = fn(args, &c, &code, &err);
    if (rc != 0)
        code = cli_fail(args, rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED, &err);
    command_close(&c);
    return code;
}

int rollout_command_create(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, create);
}

/* --- list, show --- */

static int list(const struct cli_args *args, struct command *c, int *ret_code, struct err *err)
{
    struct db_rows rows;
    json_t *items = json_array(), *item;
    size_t i;
    (void)ret_code;
    int rc = db_query(c->db, DB_ROLLOUT_PAGE,
                      DB_ARGS(DB_TEXT("viewer", NULL), DB_TEXT("state", ""), DB_TEXT("version", ""),
                              DB_INT("limit", LIST_MAX), DB_INT("offset", 0)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = load_json(c, db_rows_text(&rows, 0), &item, err);
        if (rc == 0 && json_array_append_new(items, item) != 0)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    if (rc == 0 && cli_switch(args, "json"))
        command_print_json(json_incref(items));
    else if (rc == 0) {
        json_array_foreach(items, i, item)
        {
            print_rollout(item);
        }
    }
    json_decref(items);
    return rc;
}

int rollout_command_list(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, list);
}

static int resolve(struct command *c, const char *key, char ret[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(c->db, DB_ROLLOUT_RESOLVE, DB_ARGS(DB_TEXT("key", key)), &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_NOT_FOUND, "there is no rollout %.64s", key);
    (void)snprintf(ret, UUID_SIZE, "%s", db_rows_text(&rows, 0));
    db_rows_done(&rows);
    return 0;
}

static int show(const struct cli_args *args, struct command *c, int *ret_code, struct err *err)
{
    char id[UUID_SIZE];
    int rc = resolve(c, cli_operand(args, 0), id, err);
    if (rc == 0)
        rc = show_after(args, c, id, ret_code, err);
    if (rc == 0 && *ret_code == CLI_OK && !cli_switch(args, "json"))
        rc = print_failures(c, id, err);
    return rc;
}

int rollout_command_show(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, show);
}

/* --- acts --- */

static int write_change(struct db *db, void *ctx, struct err *err)
{
    return act_change(db, ctx, err);
}

static int change(const struct cli_args *args, struct command *c, enum rollout_act act, int *ret_code, struct err *err)
{
    char id[UUID_SIZE];
    struct rollout_change write = {
        .audit_key = secrets_audit_key(c->app->secrets),
        .audit = own_entry(c),
        .act = act,
        .id = id,
        .now_ms = clock_now_ms(c->app->clock),
    };
    int rc = resolve(c, cli_operand(args, 0), id, err);
    if (rc == 0)
        rc = db_write(c->app->writer, write_change, &write, err);
    return rc == 0 ? show_after(args, c, id, ret_code, err) : rc;
}

static int pause_it(const struct cli_args *args, struct command *c, int *ret_code, struct err *err)
{
    return change(args, c, ACT_PAUSE, ret_code, err);
}

static int resume(const struct cli_args *args, struct command *c, int *ret_code, struct err *err)
{
    return change(args, c, ACT_RESUME, ret_code, err);
}

static int abort_it(const struct cli_args *args, struct command *c, int *ret_code, struct err *err)
{
    return change(args, c, ACT_ABORT, ret_code, err);
}

static int roll_back(const struct cli_args *args, struct command *c, int *ret_code, struct err *err)
{
    return change(args, c, ACT_ROLLBACK, ret_code, err);
}

static int advance(const struct cli_args *args, struct command *c, int *ret_code, struct err *err)
{
    return change(args, c, ACT_ADVANCE, ret_code, err);
}

int rollout_command_pause(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, pause_it);
}

int rollout_command_resume(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, resume);
}

int rollout_command_abort(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, abort_it);
}

int rollout_command_rollback(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, roll_back);
}

int rollout_command_advance(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, advance);
}
