/* check-config, version */
#include <stdio.h>

#include "command.h"
#include "common/buf.h"
#include "common/config.h"
#include "ops/ops.h"

enum { PRINTED_MAX = 64 * 1024 };

static void print_text(const struct settings *s)
{
    struct buf b;
    char scratch[32];
    buf_init(&b, PRINTED_MAX);
    for (const struct config_key *key = settings_keys; key->name != NULL; key++) {
        const char *value = settings_value(s, key, scratch, sizeof scratch);
        buf_addf(&b, "# %s%s\n", key->help, config_given(s->config, key->name) ? "" : " (default)");
        if (config_write_line(&b, key->name, value, NULL) != 0)
            buf_addf(&b, "# %s cannot be printed\n", key->name);
    }
    (void)fputs(buf_str(&b), stdout);
    buf_done(&b);
}

static void print_json(const struct settings *s)
{
    json_t *all = json_object();
    char scratch[32];
    for (const struct config_key *key = settings_keys; key->name != NULL; key++)
        (void)json_object_set_new(all, key->name, json_string(settings_value(s, key, scratch, sizeof scratch)));
    command_print_json(all);
}

int ops_command_check_config(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct settings *s = NULL;
    int exit_code = CLI_OK;
    if (command_settings(args, &s, &exit_code) != 0)
        return exit_code;
    if (cli_switch(args, "json"))
        print_json(s);
    else
        print_text(s);
    settings_free(s);
    return CLI_OK;
}

int ops_command_version(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s}", "version", MUSTER_VERSION));
    else
        (void)printf("muster-app %s\n", MUSTER_VERSION);
    return CLI_OK;
}
