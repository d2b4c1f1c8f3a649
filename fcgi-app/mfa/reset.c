#include "mfa/reset.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "auth/users.h"
#include "command.h"
#include "db/writer.h"
#include "http/request.h"
#include "mfa/mfa.h"
#include "ops/alert.h"

static int expect_user(struct db *db, const char *user_id, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_MFA_RESET_USER, DB_ARGS(DB_TEXT("user", user_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such user.");
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return rc < 0 ? rc : 0;
}

static int end_everything(struct db *db, const char *user_id, struct err *err)
{
    static const enum db_statement statements[] = {DB_MFA_TOTP_DELETE, DB_MFA_BACKUP_CODE_DELETE_ALL,
                                                   DB_MFA_PASSKEY_DELETE_ALL, DB_MFA_CHALLENGE_DELETE_ALL,
                                                   DB_MFA_LOCKOUT_DELETE};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof statements[0]; i++)
        rc = db_exec(db, statements[i], DB_ARGS(DB_TEXT("user", user_id)), NULL, err);
    return rc != 0 ? rc : auth_sign_out_everywhere(db, user_id, NULL, err);
}

int mfa_reset_write(struct db *db, void *ctx, struct err *err)
{
    const struct mfa_reset *w = ctx;
    const struct alert alert = {
        .kind = "mfa.reset", .message = w->message, .user_id = w->user_id, .time_ms = w->audit.time_ms, .repeat = true};
    int rc = expect_user(db, w->user_id, err);
    if (rc == 0)
        rc = end_everything(db, w->user_id, err);
    if (rc == 0)
        rc = audit_append(db, w->key, &w->audit, err);
    return rc != 0 ? rc : alert_raise(db, &alert, err);
}

/* --- POST /api/users/{id}/reset-mfa --- */

void mfa_user_reset(struct req *r)
{
    const char *user_id = r->params[0];
    struct err err = {0};
    if (strcmp(user_id, r->principal.id) == 0) {
        reply_problem(r, PROBLEM_CONFLICT,
                      "This is yourself: disable your factor under \"My account\", or ask another admin.");
        return;
    }
    struct mfa_reset w = {
        .key = secrets_audit_key(r->app->secrets),
        .user_id = user_id,
        .message = "An admin has reset your second factor and ended your sessions. Set a new one up; if you had not "
                   "asked for it, change your password and tell your admin.",
        .audit = audit_of_request(r, "user.reset_mfa", arena_printf(r->arena, "user:%.64s", user_id)),
    };
    if (db_write(r->app->writer, mfa_reset_write, &w, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

/* --- muster-app user reset-mfa --- */

const char mfa_reset_details[] =
    "For somebody who has lost every second factor and every backup code. Their password stays; their one-time codes, "
    "backup codes, passkeys, trusted browsers and sessions end, and they are told. They set a factor up anew after "
    "they have signed in.";

static int reset_of(struct command *c, const char *email, struct err *err)
{
    struct user user;
    char target[5 + UUID_SIZE];
    int rc = user_by_email(c->db, email, &user, err);
    if (rc != 0)
        return rc;
    (void)snprintf(target, sizeof target, "user:%s", user.id);
    struct mfa_reset w = {
        .key = secrets_audit_key(c->app->secrets),
        .user_id = user.id,
        .message = "Your second factor was reset on the server's command line, and your sessions were ended. Set a new "
                   "one up; if you had not asked for it, change your password and tell your admin.",
        .audit = {.time_ms = clock_now_ms(c->app->clock),
                  .actor = command_actor(),
                  .action = "user.reset_mfa",
                  .target = target},
    };
    return db_write(c->app->writer, mfa_reset_write, &w, err);
}

int mfa_command_user_reset(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    if (reset_of(&c, cli_operand(args, 0), &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else
        printf("%s signs in with the password alone now; every session and every factor of theirs is gone\n",
               cli_operand(args, 0));
    command_close(&c);
    return exit_code;
}
