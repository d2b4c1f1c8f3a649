/* muster-app otp mint, agent list, deactivate, activate, approve, delete. A running server hears of what they change
 * through the changes table. */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/auth.h"
#include "auth/secrets.h"
#include "common/cursor.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "fleet/agents.h"
#include "fleet/ca.h"
#include "fleet/fleet.h"
#include "fleet/otp.h"

const struct cli_option fleet_otp_mint_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"name", "TEXT", "what it is for; shown in the list"},
    {"host", "NAME", "the host name that may use it [any]"},
    {"network", "CIDR", "the network it may be used from [any]"},
    {"ttl", "SECONDS", "how long it can be used, 60 to 86400 [900]"},
    {"uses", "N", "how many hosts may use it, 1 to 1000 [1]"},
    {0},
};

const struct cli_option fleet_agent_delete_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"yes", NULL, "do it; without, only say what would go"},
    {0},
};

/* --- otp mint --- */

static int number_option(const struct cli_args *args, const char *name, int64_t min, int64_t max, int64_t fallback,
                         int64_t *ret, struct err *err)
{
    const char *text = cli_option(args, name);
    uint64_t number = 0;
    if (text == NULL) {
        *ret = fallback;
        return 0;
    }
    if (!cursor_parse_uint(text, (uint64_t)max, &number) || (int64_t)number < min)
        return err_set(err, ERR_INVALID, "--%s must be a whole number from %" PRId64 " to %" PRId64, name, min, max);
    *ret = (int64_t)number;
    return 0;
}

/* NULL or text that JSON can carry. */
static int text_option(const struct cli_args *args, const char *name, size_t max, const char **ret, struct err *err)
{
    const char *text = cli_option(args, name);
    json_t *json = text != NULL ? json_string(text) : NULL;
    bool ok = text == NULL || (json != NULL && text[0] != '\0' && strlen(text) <= max);
    json_decref(json);
    if (!ok)
        return err_set(err, ERR_INVALID, "--%s must be 1 to %zu bytes of UTF-8", name, max);
    *ret = text;
    return 0;
}

static int read_otp_options(const struct cli_args *args, struct otp_new *ret, struct err *err)
{
    int rc = number_option(args, "ttl", OTP_TTL_MIN_S, OTP_TTL_MAX_S, OTP_TTL_S, &ret->ttl_s, err);
    if (rc == 0)
        rc = number_option(args, "uses", 1, OTP_USES_MAX, 1, &ret->uses, err);
    if (rc == 0)
        rc = text_option(args, "name", AGENT_NAME_MAX, &ret->name, err);
    if (rc == 0)
        rc = text_option(args, "host", OTP_HOST_MAX, &ret->expected_host, err);
    if (rc == 0)
        rc = text_option(args, "network", 64, &ret->network, err);
    if (ret->name == NULL)
        ret->name = "";
    ret->labels = "{}";
    return rc;
}

static void print_minted(struct command *c, const struct cli_args *args, const struct otp_minted *minted)
{
    json_t *json = otp_minted_json(c->app, minted);
    if (cli_switch(args, "json")) {
        command_print_json(json);
        return;
    }
    const char *expires = json_string_value(json_object_get(json, "expiresAt"));
    const char *command = json_string_value(json_object_get(json, "command"));
    printf("one-time password  %s\nexpires            %s\n\nOn the host:\n\n  %s\n", minted->otp,
           expires != NULL ? expires : "", command != NULL ? command : "");
    json_decref(json);
}

int fleet_command_otp_mint(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    struct otp_new otp = {0};
    struct otp_minted minted = {0};
    char owner[UUID_SIZE];
    int exit_code = CLI_OK;
    if (read_otp_options(args, &otp, &err) != 0)
        return cli_fail(args, CLI_USAGE, &err);
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    otp.now_ms = clock_now_ms(c.app->clock);
    otp.owner_id = owner;
    struct audit_entry entry = {.time_ms = otp.now_ms, .actor = command_actor()};
    int rc = auth_first_admin(c.db, owner, &err);
    if (rc == 0)
        rc = otp_mint(c.app, &otp, &entry, &minted, &err);
    if (rc != 0)
        exit_code = cli_fail(args, rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED, &err);
    else
        print_minted(&c, args, &minted);
    wipe(&minted, sizeof minted);
    command_close(&c);
    return exit_code;
}

/* --- agent list --- */

/* What scripts rely on. */
static json_t *short_json(json_t *agent)
{
    return json_pack("{s:O,s:O,s:O,s:O,s:O,s:O,s:O}", "id", json_object_get(agent, "id"), "name",
                     json_object_get(agent, "name"), "state", json_object_get(agent, "status"), "version",
                     json_object_get(agent, "version"), "platform", json_object_get(agent, "platform"), "last_seen_ms",
                     json_object_get(agent, "last_seen_ms"), "last_backup", json_object_get(agent, "lastBackup"));
}

static int append_agent(struct command *c, const char *id, json_t *list, struct err *err)
{
    json_t *agent = NULL;
    int rc = agent_json(c->db, id, clock_now_ms(c->app->clock), &agent, err);
    if (rc == 0 && json_array_append_new(list, short_json(agent)) != 0)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    json_decref(agent);
    return rc;
}

static int list_all(struct command *c, json_t *list, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(c->db, DB_AGENT_PAGE,
                      DB_ARGS(DB_INT("see_all", 1), DB_TEXT("viewer", ""), DB_TEXT("q", ""), DB_TEXT("version", ""),
                              DB_TEXT("platform", ""), DB_TEXT("status", ""), DB_TEXT("label_first", ""),
                              DB_TEXT("label_next", ""), DB_INT("now", clock_now_ms(c->app->clock)),
                              DB_INT("limit", INT64_MAX), DB_INT("offset", 0)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = append_agent(c, db_rows_text(&rows, 0), list, err);
    db_rows_done(&rows);
    return rc;
}

static void print_list(const json_t *list)
{
    size_t i;
    json_t *agent;
    printf("%-36s  %-12s %-10s %-25s %s\n", "ID", "STATE", "VERSION", "LAST SEEN", "NAME");
    json_array_foreach(list, i, agent)
    {
        char seen[CLOCK_RFC3339_SIZE] = "never";
        const json_t *ms = json_object_get(agent, "last_seen_ms");
        if (json_is_integer(ms))
            clock_format_rfc3339(json_integer_value(ms), seen);
        printf("%-36s  %-12s %-10s %-25s %s\n", json_string_value(json_object_get(agent, "id")),
               json_string_value(json_object_get(agent, "state")), json_string_value(json_object_get(agent, "version")),
               seen, json_string_value(json_object_get(agent, "name")));
    }
}

int fleet_command_agent_list(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    json_t *list = json_array();
    if (list_all(&c, list, &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_incref(list));
    else
        print_list(list);
    json_decref(list);
    command_close(&c);
    return exit_code;
}

/* --- acts --- */

static int write_change(struct db *db, void *ctx, struct err *err)
{
    return agent_change(db, ctx, err);
}

static int act(struct command *c, enum agent_act act, const char *id, struct err *err)
{
    struct agent_change change = {
        .act = act,
        .id = id,
        .key = secrets_audit_key(c->app->secrets),
        .audit = {.time_ms = clock_now_ms(c->app->clock), .actor = command_actor()},
    };
    return db_write(c->app->writer, write_change, &change, err);
}

/* Active and held back are two things: an agent may be both. */
static bool is_quarantined(struct command *c, const char *id)
{
    json_t *agent = NULL;
    struct err err;
    if (agent_json(c->db, id, clock_now_ms(c->app->clock), &agent, &err) != 0)
        return false;
    const char *status = json_string_value(json_object_get(agent, "status"));
    bool quarantined = status != NULL && strcmp(status, "quarantined") == 0;
    json_decref(agent);
    return quarantined;
}

static int run_act(const struct cli_args *args, enum agent_act what, const char *done)
{
    struct command c = {0};
    struct err err = {0};
    char id[UUID_SIZE] = "";
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    int rc = fleet_agent_resolve(c.db, cli_operand(args, 0), id, &err);
    if (rc == 0 && what == AGENT_DELETE && !cli_switch(args, "yes"))
        rc = err_set(&err, ERR_DENIED, "agent %s and its events would be deleted; its backups stay. Add --yes", id);
    if (rc == 0)
        rc = act(&c, what, id, &err);
    if (rc != 0)
        exit_code = cli_fail(args, rc == ERR_DENIED ? CLI_USAGE : CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:b,s:s}", "success", 1, "id", id));
    else if (what == AGENT_ACTIVATE && is_quarantined(&c, id))
        printf("agent %s is active but quarantined: look at it, then run 'muster-app agent approve %s'\n", id, id);
    else
        printf("agent %s is %s\n", id, done);
    command_close(&c);
    return exit_code;
}

int fleet_command_agent_deactivate(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_act(args, AGENT_DEACTIVATE, "deactivated");
}

int fleet_command_agent_activate(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_act(args, AGENT_ACTIVATE, "active");
}

int fleet_command_agent_approve(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_act(args, AGENT_APPROVE, "approved");
}

int fleet_command_agent_delete(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_act(args, AGENT_DELETE, "deleted");
}
