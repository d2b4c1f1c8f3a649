/* muster-app user …: the last way back in. Passwords come from standard input, never from the command line, where every
 * user of the machine can read them. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/secrets.h"
#include "auth/users.h"
#include "common/text.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "people/invitation.h"
#include "people/people.h"

const struct cli_option people_add_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"role", "ROLE", "viewer, operator or admin [viewer]"},
    {"name", "NAME", "what the person is called"},
    {0},
};

const struct cli_option people_invite_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"role", "ROLE", "viewer, operator or admin [viewer]"},
    {0},
};

const char people_invite_details[] =
    "Prints a link that is good once and for 24 hours: whoever has it sets a name and a password and has the account. "
    "Send "
    "it on a way that nobody else reads. Inviting the same address again voids the link before.";

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
static int read_password(const char *email, char ret[PASSWORD_MAX + 2], struct err *err)
{
    char again[PASSWORD_MAX + 2] = "";
    int rc = read_line("New password", ret, PASSWORD_MAX + 2, err);
    if (rc == 0)
        rc = password_check_new_of(email, ret, strlen(ret), err);
    if (rc == 0 && isatty(STDIN_FILENO) == 1) {
        rc = read_line("Once more", again, sizeof again, err);
        if (rc == 0 && !wipe_equal_str(ret, again))
            rc = err_set(err, ERR_INVALID, "the two passwords differ");
    }
    wipe(again, sizeof again);
    return rc;
}

static int read_password_hash(const char *email, char ret[PASSWORD_HASH_SIZE], struct err *err)
{
    char password[PASSWORD_MAX + 2] = "";
    int rc = read_password(email, password, err);
    if (rc == 0)
        rc = password_hash(password, strlen(password), ret, err);
    wipe(password, sizeof password);
    return rc;
}

/* False after it was told: --role is there and none. */
static bool read_role(const struct cli_args *args, enum role *ret)
{
    struct err err = {0};
    const char *role = cli_option(args, "role");
    *ret = role_parse(role != NULL ? role : "viewer");
    if (*ret != ROLE_NONE)
        return true;
    (void)err_set(&err, ERR_INVALID, "--role must be viewer, operator or admin");
    (void)cli_fail(args, CLI_USAGE, &err);
    return false;
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
    int rc = auth_user_create(db, add->key, &add->user, add->id, err);
    return rc != 0 ? rc : db_changed(db, "users", err);
}

/* From a shell of whatever encoding: what is no UTF-8 would stand in the way of every page that shows people. */
static bool name_valid(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0, step; i < len; i += step) {
        uint32_t code;
        step = text_next(name + i, &code);
        if (text_is_control(code))
            return false;
    }
    return len <= PERSON_NAME_MAX;
}

static int add_user(struct command *c, const struct cli_args *args, enum role role, struct err *err)
{
    char hash[PASSWORD_HASH_SIZE] = "";
    struct user_add add = {
        .key = secrets_audit_key(c->app->secrets),
        .user = {.email = cli_operand(args, 0),
                 .name = cli_option(args, "name"),
                 .role = role,
                 .password_hash = hash,
                 .actor = command_actor(),
                 .now_ms = clock_now_ms(c->app->clock)},
    };
    if (add.user.name != NULL && !name_valid(add.user.name))
        return err_set(err, ERR_INVALID, "--name must be up to %d bytes of UTF-8 without control characters",
                       PERSON_NAME_MAX);
    int rc = read_password_hash(add.user.email, hash, err);
    if (rc == 0)
        rc = db_write(c->app->writer, write_user, &add, err);
    wipe(hash, sizeof hash);
    if (rc == 0 && cli_switch(args, "json"))
        command_print_json(json_pack("{s:s,s:s,s:s}", "id", add.id, "email", add.user.email, "role", role_name(role)));
    else if (rc == 0)
        printf("%s is now a user with the role %s\n", add.user.email, role_name(role));
    return rc;
}

int people_command_add(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    enum role role;
    int exit_code = CLI_OK;
    if (!read_role(args, &role))
        return CLI_USAGE;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    if (add_user(&c, args, role, &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    command_close(&c);
    return exit_code;
}

/* --- user invite --- */

static int invite(struct command *c, const struct cli_args *args, enum role role, struct err *err)
{
    struct invitation made = {0};
    char link[INVITATION_LINK_MAX], expires[CLOCK_RFC3339_SIZE];
    struct invitation_new want = {
        .act = {.key = secrets_audit_key(c->app->secrets),
                .audit = {.time_ms = clock_now_ms(c->app->clock), .actor = command_actor()}},
        .email = cli_operand(args, 0),
        .role = role,
    };
    int rc = invitation_create(c->app, &want, &made, err);
    if (rc != 0)
        return rc;
    invitation_link(c->app, &made, link);
    clock_format_rfc3339(made.expires_ms, expires);
    if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s,s:s,s:s,s:I,s:s}", "id", made.id, "email", made.email, "role",
                                     role_name(role), "expires_ms", (json_int_t)made.expires_ms, "link", link));
    else
        printf("%s\nThis link makes %s a user with the role %s, once, until %s.\n", link, made.email, role_name(role),
               expires);
    wipe(link, sizeof link);
    wipe(&made, sizeof made);
    return 0;
}

int people_command_invite(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    enum role role;
    int exit_code = CLI_OK;
    if (!read_role(args, &role))
        return CLI_USAGE;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    if (invite(&c, args, role, &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
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
    int rc = person_access_end(db, p->change.user_id, err);
    return rc != 0 ? rc : user_set_password(db, p->key, &p->change, err);
}

int people_command_passwd(const struct cli_args *args, void *ctx)
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
        rc = read_password_hash(user.email, hash, &err);
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
        printf("the password of %s is set; whatever they were signed in with has ended\n", user.email);
    wipe(hash, sizeof hash);
    command_close(&c);
    return exit_code;
}
