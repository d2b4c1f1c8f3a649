/* muster-app backup-config retention, backup pin, unpin, delete-chain. A running server removes the objects. */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "auth/secrets.h"
#include "backup/backup.h"
#include "backup/config.h"
#include "common/clock.h"
#include "db/writer.h"
#include "retention/retention_act.h"

enum { ARENA_BYTES = 64 << 20 };

const struct cli_option backup_retention_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"apply", NULL, "delete now what is shown as deleted"},
    {0},
};

const struct cli_option backup_delete_chain_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"force", NULL, "also the newest good backup of a config, and one whose config is gone"},
    {0},
};

static struct audit_entry by_command(int64_t now_ms)
{
    return (struct audit_entry){.time_ms = now_ms, .actor = command_actor(), .address = "", .request_id = ""};
}

/* --- retention ------------------------------------------------------------------------------------------------------
 */

static void print_chain(const struct retention_kept *k)
{
    char day[32] = "-";
    time_t seconds = (time_t)(k->verdict.newest_ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) != NULL)
        (void)strftime(day, sizeof day, "%Y-%m-%d %H:%M", &tm);
    (void)printf("%-6s  %-16s  %5zu  %14" PRId64 "  %s ", k->verdict.keep ? "keep" : "delete", day, k->runs.count,
                 k->size, k->chain_id);
    for (const struct retention_reason *r = k->verdict.reasons; r != NULL; r = r->next)
        (void)printf(" %s%s", r->text, r->next != NULL ? "," : "");
    (void)putchar('\n');
}

static void print_view(const struct retention_view *view)
{
    (void)printf("%-6s  %-16s  %5s  %14s  %-36s  %s\n", "", "NEWEST RUN (UTC)", "RUNS", "BYTES", "CHAIN", "WHY");
    for (size_t i = 0; i < view->count; i++)
        print_chain(&view->chains[i]);
}

struct shown {
    struct retention_policy policy;
    struct retention_view view;
    struct retention_apply apply;
};

static int look_and_apply(const struct cli_args *args, struct command *c, struct arena *arena, struct shown *s,
                          struct err *err)
{
    char id[UUID_SIZE];
    int64_t now_ms = clock_now_ms(c->app->clock);
    struct arena *scratch = NULL;
    int rc = config_resolve(c->db, cli_operand(args, 0), id, err);
    if (rc == 0)
        rc = retention_policy_get(c->db, id, &s->policy, err);
    if (rc == 0)
        rc = retention_view(c->db, id, &s->policy, now_ms, arena, &s->view, err);
    if (rc != 0 || !cli_switch(args, "apply"))
        return rc;
    scratch = arena_new(ARENA_BYTES);
    s->apply = (struct retention_apply){.audit_key = secrets_audit_key(c->app->secrets),
                                        .audit = by_command(now_ms),
                                        .config_id = id,
                                        .now_ms = now_ms,
                                        .arena = scratch};
    rc = scratch == NULL ? err_set(err, ERR_NOMEM, "no memory")
                         : db_write(c->app->writer, retention_apply, &s->apply, err);
    arena_free(scratch);
    return rc;
}

static void print_shown(const struct cli_args *args, const struct shown *s)
{
    if (cli_switch(args, "json")) {
        command_print_json(json_pack("{s:o, s:o, s:I, s:I}", "policy", retention_policy_json(&s->policy), "chains",
                                     retention_view_json(&s->view), "freedBytes", (json_int_t)s->view.freed_bytes,
                                     "deletedChains", (json_int_t)s->apply.chains));
        return;
    }
    print_view(&s->view);
    if (cli_switch(args, "apply"))
        (void)printf("%" PRId64 " chains of %" PRId64 " bytes deleted\n", s->apply.chains, s->apply.freed_bytes);
}

int backup_command_retention(const struct cli_args *args, void *ctx)
{
    struct command c;
    struct err err = {0};
    struct shown shown = {0};
    int code = CLI_OK;
    (void)ctx;
    if (command_open(args, &c, &code) != 0)
        return code;
    struct arena *arena = arena_new(ARENA_BYTES);
    int rc = arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : look_and_apply(args, &c, arena, &shown, &err);
    if (rc != 0)
        code = cli_fail(args, CLI_FAILED, &err);
    else
        print_shown(args, &shown);
    arena_free(arena);
    command_close(&c);
    return code;
}

/* --- acts -----------------------------------------------------------------------------------------------------------
 */

static int act(const struct cli_args *args, struct command *c, struct arena *arena, db_write_fn *fn, struct err *err)
{
    char chain_id[UUID_SIZE];
    int64_t now_ms = clock_now_ms(c->app->clock);
    int rc = retention_chain_of(c->db, cli_operand(args, 0), NULL, chain_id, err);
    struct retention_act a = {.audit_key = secrets_audit_key(c->app->secrets),
                              .audit = by_command(now_ms),
                              .run_id = cli_operand(args, 0),
                              .chain_id = chain_id,
                              .force = fn == retention_delete && cli_switch(args, "force"),
                              .now_ms = now_ms,
                              .arena = arena};
    return rc == 0 ? db_write(c->app->writer, fn, &a, err) : rc;
}

static int act_command(const struct cli_args *args, db_write_fn *fn)
{
    struct command c;
    struct err err = {0};
    int code = CLI_OK;
    if (command_open(args, &c, &code) != 0)
        return code;
    struct arena *arena = arena_new(ARENA_BYTES);
    int rc = arena == NULL ? err_set(&err, ERR_NOMEM, "no memory") : act(args, &c, arena, fn, &err);
    if (rc != 0)
        code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:b}", "success", 1));
    arena_free(arena);
    command_close(&c);
    return code;
}

int backup_command_pin(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return act_command(args, retention_pin);
}

int backup_command_unpin(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return act_command(args, retention_unpin);
}

int backup_command_delete_chain(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return act_command(args, retention_delete);
}
