#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/muster/app.conf"

/* --config, else $MUSTER_CONFIG, else the usual place; NULL, which means built-in values, only when that is not there.
 */
const char *command_config_path(const struct cli_args *args)
{
    const char *path = cli_option(args, "config");
    if (path == NULL)
        path = getenv("MUSTER_CONFIG");
    if (path == NULL && access(DEFAULT_CONFIG, F_OK) == 0)
        path = DEFAULT_CONFIG;
    return path;
}

int command_settings(const struct cli_args *args, struct settings **ret, int *ret_exit)
{
    struct err err = {0};
    (void)umask(077); /* whatever is made from here on is ours alone */
    if (settings_load(command_config_path(args), ret, &err) == 0) {
        log_init(STDERR_FILENO, (*ret)->log_level, (*ret)->log_format);
        return 0;
    }
    *ret_exit = cli_fail(args, CLI_USAGE, &err);
    return err.code;
}

int command_open(const struct cli_args *args, struct command *ret, int *ret_exit)
{
    struct command c = {0};
    int rc = command_settings(args, &c.settings, ret_exit);
    if (rc != 0)
        return rc;
    struct err err = {0};
    rc = app_open(c.settings, &(struct app_options){.server = false}, &c.app, &err);
    if (rc == 0)
        rc = db_open(&(struct db_options){.path = c.settings->db_path, .read_only = true}, &c.db, &err);
    if (rc != 0) {
        *ret_exit = cli_fail(args, CLI_FAILED, &err);
        command_close(&c);
        return rc;
    }
    *ret = c;
    return 0;
}

void command_close(struct command *c)
{
    if (c == NULL)
        return;
    db_close(c->db);
    app_close(c->app);
    settings_free(c->settings);
    *c = (struct command){0};
}

void command_print_json(json_t *take)
{
    if (take == NULL || json_dumpf(take, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0)
        (void)fputs("null", stdout);
    (void)fputc('\n', stdout);
    json_decref(take);
}

const char *command_actor(void)
{
    static _Thread_local char actor[32];
    (void)snprintf(actor, sizeof actor, "cli:%u", (unsigned)getuid());
    return actor;
}
