/* muster-app backup-config add, change, remove: the command line as the body that the API takes, so that one reader
 * checks both. */
#include "backup/command_config.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/config_options.h"
#include "common/cursor.h"
#include "db/writer.h"
#include "fleet/fleet.h"

enum { ARENA_BYTES = 4 << 20 };

const char backup_config_add_details[] =
    "A schedule is a line of cron (minute, hour, day of the month, month, day of the week) in a time zone, or an "
    "interval.\n"
    "Without one the backup runs when it is asked for. Hooks are names from the host's own file of hooks.";

const char backup_config_change_details[] = "What is not named stays as it is. \"none\" takes a value away; a list "
                                            "that is named replaces the old one, and \"\"\n"
                                            "empties it.";

const struct cli_option backup_config_add_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"name", "NAME", "what to call it"},
    {"agent", "AGENT", "id or name of the agent that makes the backup"},
    {"server", NULL, "the server's own agent makes it (MUSTER_SERVER_AGENT)"},
    {"source", "PATH", "absolute path of what to back up; may be repeated"},
    {"exclude", "PATTERN", "what to leave out, as in .gitignore; may be repeated"},
    {"type", "TYPE", "full or incremental [full]"},
    {"full-every", "N", "a full run after so many incremental ones; 0: never by count [30]"},
    {"method", "METHOD", "zstd or gzip [zstd]"},
    {"level", "N", "1 to 19 for zstd [3], 1 to 9 for gzip [6]"},
    {"encrypt", NULL, "encrypt on the host, to its AGE_RECIPIENTS"},
    {"no-encrypt", NULL, "the opposite"},
    {"recipient", "RECIPIENT", "of the host's recipients only this one; may be repeated"},
    {"one-file-system", NULL, "stay on the file systems of the sources"},
    {"no-one-file-system", NULL, "the opposite"},
    {"max-file-size", "BYTES", "leave larger files out"},
    {"skip-tag", "NAME", "leave folders out that hold a file of this name; may be repeated"},
    {"schedule", "CRON", "when to run: \"0 2 * * *\", @daily"},
    {"every", "HOURS", "or how often: 6h"},
    {"time-zone", "ZONE", "of --schedule and --window [UTC]"},
    {"window", "FROM-TO", "begin only at these times of day: 22:00-06:00"},
    {"max-runtime", "MINUTES", "end a run that takes longer"},
    {"rate-limit", "KIB", "upload at most so many KiB a second; 0: no limit [0]"},
    {"pre-hook", "NAME", "run this before"},
    {"post-hook", "NAME", "run this afterwards"},
    {"alert-after", "HOURS", "raise an alert after so long without a good backup"},
    {"verify-every", "DAYS", "read the newest backup back so often; 0: never [0]"},
    {"verify-agent", "AGENT", "who does that [the agent itself]"},
    {"retention-days", "DAYS", "keep backups for so long [30]"},
    {"keep-last", "N", "and the last N"},
    {"keep-daily", "N", "and one of each of N days, the oldest"},
    {"keep-weekly", "N", "and one of each of N weeks"},
    {"keep-monthly", "N", "and one of each of N months"},
    {"keep-yearly", "N", "and one of each of N years"},
    {0},
};

/* --- the body -------------------------------------------------------------------------------------------------------
 */

/* A number when it is one; else the reader says what is wrong with the text. */
static json_t *number_json(const char *text)
{
    uint64_t number = 0;
    return cursor_parse_uint(text, INT64_MAX, &number) ? json_integer((json_int_t)number) : json_string(text);
}

static json_t *list_json(const struct cli_args *args, const char *option, const char *key)
{
    json_t *list = json_array();
    const char *value;
    for (size_t i = 0; (value = cli_option_nth(args, option, i)) != NULL; i++)
        if (value[0] != '\0')
            (void)json_array_append_new(list, key != NULL ? json_pack("{s:s}", key, value) : json_string(value));
    return list;
}

enum kind { TEXT, NUMBER, LIST, ON, OFF };

static const struct {
    const char *option;
    const char *key;
    enum kind kind;
} simple[] = {
    {"exclude", "excludes", LIST},
    {"type", "type", TEXT},
    {"full-every", "fullEvery", NUMBER},
    {"method", "method", TEXT},
    {"level", "level", NUMBER},
    {"encrypt", "encryption", ON},
    {"no-encrypt", "encryption", OFF},
    {"recipient", "recipients", LIST},
    {"one-file-system", "oneFileSystem", ON},
    {"no-one-file-system", "oneFileSystem", OFF},
    {"max-file-size", "maxFileSize", NUMBER},
    {"skip-tag", "skipTags", LIST},
    {"max-runtime", "maxRuntimeMinutes", NUMBER},
    {"rate-limit", "rateLimitKbps", NUMBER},
    {"pre-hook", "preHook", TEXT},
    {"post-hook", "postHook", TEXT},
    {"alert-after", "alertAfterHours", NUMBER},
    {"verify-every", "verifyEveryDays", NUMBER},
    {"retention-days", "retentionDays", NUMBER},
};

static const struct {
    const char *option;
    const char *key;
} keeps[] = {
    {"keep-last", "keepLast"},       {"keep-daily", "keepDaily"},   {"keep-weekly", "keepWeekly"},
    {"keep-monthly", "keepMonthly"}, {"keep-yearly", "keepYearly"},
};

static bool is_none(const char *value)
{
    return strcmp(value, "none") == 0;
}

static void put_simple(const struct cli_args *args, json_t *options)
{
    for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++) {
        const char *value = cli_option(args, simple[i].option);
        json_t *json = NULL;
        if (value == NULL)
            continue;
        switch (simple[i].kind) {
        case TEXT: json = is_none(value) ? json_null() : json_string(value); break;
        case NUMBER: json = is_none(value) ? json_null() : number_json(value); break;
        case LIST: json = list_json(args, simple[i].option, NULL); break;
        case ON: json = json_true(); break;
        case OFF: json = json_false(); break;
        }
        (void)json_object_set_new(options, simple[i].key, json);
    }
    /* The old level may be none of the new method. */
    if (cli_option(args, "method") != NULL && cli_option(args, "level") == NULL)
        (void)json_object_del(options, "level");
}

static void put_retention(const struct cli_args *args, json_t *options)
{
    json_t *retention = json_object_get(options, "retention");
    if (retention == NULL)
        (void)json_object_set_new(options, "retention", retention = json_object());
    for (size_t i = 0; i < sizeof keeps / sizeof keeps[0]; i++) {
        const char *value = cli_option(args, keeps[i].option);
        if (value != NULL)
            (void)json_object_set_new(retention, keeps[i].key, number_json(value));
    }
}

/* "6h" or "6" */
static json_t *every_json(const char *value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%s", value);
    size_t len = strlen(text);
    if (len > 1 && text[len - 1] == 'h')
        text[len - 1] = '\0';
    return json_pack("{s:o}", "everyHours", number_json(text));
}

/* "22:00-06:00" */
static json_t *window_json(const char *value)
{
    int from = (int)strcspn(value, "-");
    const char *to = value[from] == '-' ? value + from + 1 : "";
    return json_pack("{s:s%, s:s}", "from", value, (size_t)from, "to", to);
}

/* A zone alone is another zone for what is there. */
static void put_times(const struct cli_args *args, json_t *options)
{
    const char *schedule = cli_option(args, "schedule"), *every = cli_option(args, "every");
    const char *window = cli_option(args, "window"), *zone = cli_option(args, "time-zone");
    if (every != NULL)
        (void)json_object_set_new(options, "schedule", is_none(every) ? json_null() : every_json(every));
    if (schedule != NULL)
        (void)json_object_set_new(options, "schedule",
                                  is_none(schedule) ? json_null() : json_pack("{s:s}", "cron", schedule));
    if (window != NULL)
        (void)json_object_set_new(options, "window", is_none(window) ? json_null() : window_json(window));
    json_t *turns = json_object_get(options, "schedule"), *times = json_object_get(options, "window");
    if (zone != NULL && json_object_get(turns, "cron") != NULL)
        (void)json_object_set_new(turns, "timeZone", json_string(zone));
    if (zone != NULL && json_is_object(times))
        (void)json_object_set_new(times, "timeZone", json_string(zone));
}

static int put_agents(const struct cli_args *args, struct db *db, json_t *body, struct err *err)
{
    char id[UUID_SIZE];
    const char *agent = cli_option(args, "agent"), *verifier = cli_option(args, "verify-agent");
    int rc = 0;
    if (agent != NULL) {
        rc = is_none(agent) ? 0 : fleet_agent_resolve(db, agent, id, err);
        (void)json_object_set_new(body, "agentId", is_none(agent) || rc != 0 ? json_null() : json_string(id));
        (void)json_object_set_new(body, "executionMode", json_string("agent"));
    }
    if (cli_switch(args, "server")) {
        (void)json_object_set_new(body, "agentId", json_null());
        (void)json_object_set_new(body, "executionMode", json_string("server"));
    }
    if (rc == 0 && verifier != NULL) {
        rc = is_none(verifier) ? 0 : fleet_agent_resolve(db, verifier, id, err);
        (void)json_object_set_new(json_object_get(body, "options"), "verifyAgentId",
                                  is_none(verifier) || rc != 0 ? json_null() : json_string(id));
    }
    return rc;
}

/* What contradicts itself is not settled by an order of ours. */
static int check_pairs(const struct cli_args *args, struct err *err)
{
    static const char *const pairs[][2] = {{"schedule", "every"},
                                           {"agent", "server"},
                                           {"encrypt", "no-encrypt"},
                                           {"one-file-system", "no-one-file-system"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (cli_option(args, pairs[i][0]) != NULL && cli_option(args, pairs[i][1]) != NULL)
            return err_set(err, ERR_INVALID, "--%s and --%s exclude each other", pairs[i][0], pairs[i][1]);
    return 0;
}

/* Puts what the command line says into body, which has "options". */
static int put_all(const struct cli_args *args, struct db *db, json_t *body, struct err *err)
{
    json_t *options = json_object_get(body, "options");
    int rc = check_pairs(args, err);
    if (rc != 0)
        return rc;
    if (cli_option(args, "name") != NULL)
        (void)json_object_set_new(body, "name", json_string(cli_option(args, "name")));
    if (cli_option(args, "source") != NULL)
        (void)json_object_set_new(body, "sources", list_json(args, "source", "path"));
    put_simple(args, options);
    put_retention(args, options);
    put_times(args, options);
    return put_agents(args, db, body, err);
}

/* --- the commands ---------------------------------------------------------------------------------------------------
 */

struct task {
    const struct cli_args *args;
    struct command *c;
    struct arena *arena;
    struct config_write write;
};

static int read_change(struct task *t, const json_t *body, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct config_change *change = arena_alloc(t->arena, sizeof *change);
    if (change == NULL || body == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a backup config");
    jsonread_init(&r, body, &wrong);
    t->write.change = change;
    return config_read(&r, t->arena, change, err);
}

static int add(struct task *t, struct err *err)
{
    json_t *body = json_pack("{s:[], s:{}}", "sources", "options");
    int rc = put_all(t->args, t->c->db, body, err);
    if (rc == 0 && cli_option(t->args, "agent") == NULL && !cli_switch(t->args, "server"))
        rc = err_set(err, ERR_INVALID, "say which agent: --agent NAME");
    if (rc == 0)
        rc = read_change(t, body, err);
    json_decref(body);
    return rc == 0 ? db_write(t->c->app->writer, config_create, &t->write, err) : rc;
}

static int find(struct task *t, struct err *err)
{
    char id[UUID_SIZE];
    struct backup_config *config = arena_alloc(t->arena, sizeof *config);
    int rc = config == NULL ? err_set(err, ERR_NOMEM, "no memory for a backup config")
                            : config_resolve(t->c->db, cli_operand(t->args, 0), id, err);
    if (rc == 0)
        rc = config_get(t->c->db, id, NULL, t->arena, config, err);
    if (rc == 0) {
        t->write.old = config;
        (void)snprintf(t->write.id, sizeof t->write.id, "%s", config->id);
    }
    return rc;
}

static int change(struct task *t, struct err *err)
{
    int rc = find(t, err);
    if (rc != 0)
        return rc;
    json_t *body =
        json_pack("{s:s, s:s?, s:s, s:o, s:o}", "name", t->write.old->name, "agentId", t->write.old->agent_id,
                  "executionMode", t->write.old->execution_mode, "sources", json_loads(t->write.old->sources, 0, NULL),
                  "options", config_options_complete(t->write.old->options));
    rc =
        body == NULL ? err_set(err, ERR_NOMEM, "no memory for a backup config") : put_all(t->args, t->c->db, body, err);
    if (rc == 0)
        rc = read_change(t, body, err);
    json_decref(body);
    return rc == 0 ? db_write(t->c->app->writer, config_update, &t->write, err) : rc;
}

static int drop(struct task *t, struct err *err)
{
    int rc = find(t, err);
    return rc == 0 ? db_write(t->c->app->writer, config_delete, &t->write, err) : rc;
}

static int run_task(const struct cli_args *args, int (*act)(struct task *t, struct err *err))
{
    struct command c;
    struct err err = {0};
    int code = CLI_OK;
    if (command_open(args, &c, &code) != 0)
        return code;
    struct task task = {.args = args, .c = &c, .arena = arena_new(ARENA_BYTES), .write = command_config_write(&c)};
    int rc = task.arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : act(&task, &err);
    if (rc != 0)
        code = cli_fail(args, rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s}", "id", task.write.id));
    else
        (void)printf("%s\n", task.write.id);
    arena_free(task.arena);
    command_close(&c);
    return code;
}

int backup_command_config_add(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_task(args, add);
}

int backup_command_config_change(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_task(args, change);
}

int backup_command_config_remove(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_task(args, drop);
}
