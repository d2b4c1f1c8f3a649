/* What this area does by the clock, and the command for its keys. */
#include <stdio.h>

#include "app.h"
#include "command.h"
#include "common/log.h"
#include "db/writer.h"
#include "token/keys.h"
#include "token/personal.h"
#include "token/refresh.h"
#include "token/token.h"

enum { TICK_MS = 60 * 1000 };

static int delete_over(struct db *db, void *ctx, struct err *err)
{
    const int64_t *now_ms = ctx;
    int rc = db_exec(db, DB_REFRESH_DELETE_OVER, DB_ARGS(DB_INT("now", *now_ms)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_REFRESH_UNSEAL_OVER, DB_ARGS(DB_INT("before", *now_ms - REFRESH_GRACE_MS)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_ACCESS_TOKEN_DELETE_OVER,
                     DB_ARGS(DB_INT("before", *now_ms - PERSONAL_KEPT_DAYS * INT64_C(24) * 3600 * 1000)), NULL, err);
    return rc;
}

void token_tick(struct app *app, struct token_schedule *schedule)
{
    int64_t now_ms = clock_now_ms(app->clock);
    struct err err = {0};
    if (now_ms >= schedule->due_ms - TICK_MS && now_ms < schedule->due_ms) /* a clock that was set back stops nothing */
        return;
    schedule->due_ms = now_ms + TICK_MS;
    if (keys_tick(app, now_ms, &err) != 0)
        log_error("signing keys not rotated: %s", err.msg);
    if (db_write(app->writer, delete_over, &now_ms, &err) != 0)
        log_error("tokens that are over not deleted: %s", err.msg);
}

/* --- muster-app token rotate-keys --- */

const char token_rotate_details[] =
    "Makes a new key that access tokens are signed with from now on. The one before stays until every token that it\n"
    "signed has expired. With --at-once it goes immediately, for when somebody may have it: programs get another "
    "access\n"
    "token with their refresh token and go on. The server rotates by itself every 30 days.";

const struct cli_option token_rotate_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"at-once", NULL, "end the keys before, and what they have signed"},
    {0},
};

int token_command_rotate_keys(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    char kid[ACCESS_KID_SIZE];
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    struct keys_rotation rotation = {.actor = command_actor(), .at_once = cli_switch(args, "at-once")};
    if (keys_rotate(c.app, &rotation, kid, &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s}", "kid", kid));
    else
        printf("access tokens are signed with key %s from now on\n", kid);
    command_close(&c);
    return exit_code;
}
