/* muster-app user … and audit verify. Passwords come from standard input, never from the command line, where every user
 * of the machine can read them. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/secrets.h"
#include "auth/users.h"
#include "common/wipe.h"
#include "db/writer.h"

const struct cli_option auth_user_add_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"role", "ROLE", "viewer, operator or admin [viewer]"},
    {0},
};

/* --- reading a password --- */

static int read_line(const char *prompt, char *ret, size_t size, struct err *err)
{
    struct termios quiet, before;
    bool terminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)fprintf(stderr, "%s: ", prompt);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool got = fgets(ret, (int)size, stdin) != NULL;
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    if (!got)
        return err_set(err, ERR_INVALID, "no password on standard input");
    ret[strcspn(ret, "\r\n")] = '\0';
    return 0;
}

/* Twice on a terminal, where a slip of the finger is not seen. */
static int read_password(char ret[PASSWORD_MAX + 2], struct err *err)
{
    char again[PASSWORD_MAX + 2] = "";
    int rc = read_line("New password", ret, PASSWORD_MAX + 2, err);
    if (rc == 0)
        rc = password_check_new(ret, strlen(ret), err);
    if (rc == 0 && isatty(STDIN_FILENO) == 1) {
        rc = read_line("Once more", again, sizeof again, err);
        if (rc == 0 && !wipe_equal_str(ret, again))
            rc = err_set(err, ERR_INVALID, "the two passwords differ");
    }
    wipe(again, sizeof again);
    return rc;
}

static int read_password_hash(char ret[PASSWORD_HASH_SIZE], struct err *err)
{
    char password[PASSWORD_MAX + 2] = "";
    int rc = read_password(password, err);
    if (rc == 0)
        rc = password_hash(password, strlen(password), ret, err);
    wipe(password, sizeof password);
    return rc;
}

/* --- user add --- */

struct user_add {
    const struct audit_key *key;
    struct auth_user_new user;
    char id[UUID_SIZE];
};

static int write_user(struct db *db, void *ctx, struct err *err)
{
    struct user_add *add = ctx;
    return auth_user_create(db, add->key, &add->user, add->id, err);
}

int auth_command_user_add(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    char hash[PASSWORD_HASH_SIZE] = "";
    const char *role = cli_option(args, "role") != NULL ? cli_option(args, "role") : "viewer";
    int exit_code = CLI_OK;
    if (role_parse(role) == ROLE_NONE) {
        (void)err_set(&err, ERR_INVALID, "--role must be viewer, operator or admin");
        return cli_fail(args, CLI_USAGE, &err);
    }
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    struct user_add add = {
        .key = secrets_audit_key(c.app->secrets),
        .user = {.email = cli_operand(args, 0),
                 .role = role_parse(role),
                 .password_hash = hash,
                 .actor = command_actor(),
                 .now_ms = clock_now_ms(c.app->clock)},
    };
    int rc = read_password_hash(hash, &err);
    if (rc == 0)
        rc = db_write(c.app->writer, write_user, &add, &err);
    if (rc != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s,s:s,s:s}", "id", add.id, "email", add.user.email, "role", role));
    else
        printf("%s is now a user with the role %s\n", add.user.email, role);
    wipe(hash, sizeof hash);
    command_close(&c);
    return exit_code;
}

/* --- user passwd --- */

struct passwd {
    const struct audit_key *key;
    struct user_password change;
};

static int write_passwd(struct db *db, void *ctx, struct err *err)
{
    const struct passwd *p = ctx;
    return user_set_password(db, p->key, &p->change, err);
}

int auth_command_user_passwd(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    struct user user;
    char hash[PASSWORD_HASH_SIZE] = "";
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    int rc = user_by_email(c.db, cli_operand(args, 0), &user, &err);
    if (rc == 0)
        rc = read_password_hash(hash, &err);
    if (rc == 0) {
        struct passwd p = {secrets_audit_key(c.app->secrets),
                           {.user_id = user.id,
                            .password_hash = hash,
                            .actor = command_actor(),
                            .now_ms = clock_now_ms(c.app->clock)}};
        rc = db_write(c.app->writer, write_passwd, &p, &err);
    }
    if (rc != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else
        printf("the password of %s is set; every session of theirs has ended\n", user.email);
    wipe(hash, sizeof hash);
    command_close(&c);
    return exit_code;
}

/* --- user list --- */

static int list_users(struct db *db, json_t *list, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, DB_AUTH_USER_LIST, DB_NO_ARGS, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *user = json_pack("{s:s,s:s,s:s,s:b,s:I}", "id", db_rows_text(&rows, 0), "email", db_rows_text(&rows, 1),
                                 "role", db_rows_text(&rows, 2), "disabled", !db_rows_null(&rows, 3), "created_ms",
                                 (json_int_t)db_rows_int(&rows, 4, 0));
        rc = user != NULL && json_array_append_new(list, user) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return rc;
}

static void print_users(const json_t *list)
{
    size_t i;
    json_t *user;
    printf("%-10s %s\n", "ROLE", "E-MAIL");
    json_array_foreach(list, i, user)
    {
        printf("%-10s %s%s\n", json_string_value(json_object_get(user, "role")),
               json_string_value(json_object_get(user, "email")),
               json_is_true(json_object_get(user, "disabled")) ? " (disabled)" : "");
    }
}

int auth_command_user_list(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    json_t *list = json_array();
    if (list_users(c.db, list, &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_incref(list));
    else
        print_users(list);
    json_decref(list);
    command_close(&c);
    return exit_code;
}

/* --- audit verify --- */

int auth_command_audit_verify(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    int64_t rows = 0;
    char head[AUDIT_HEAD_SIZE];
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    int rc = db_read_begin(c.db, &err);
    if (rc == 0) {
        rc = audit_verify(c.db, secrets_audit_key(c.app->secrets), &rows, &err);
        if (rc == 0)
            rc = audit_head(c.db, head, &err);
        db_read_end(c.db);
    }
    if (rc != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:b,s:I,s:s}", "ok", 1, "rows", (json_int_t)rows, "head", head));
    else
        printf("the audit trail is whole: %lld rows, head %s\n", (long long)rows, head);
    command_close(&c);
    return exit_code;
}
