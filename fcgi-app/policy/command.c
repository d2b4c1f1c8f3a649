/* muster-app policy …: the rules, from the host. */
#include "command.h"

#include <stdio.h>

#include "auth/secrets.h"
#include "db/writer.h"
#include "policy/change.h"
#include "policy/policy.h"
#include "policy/show.h"

const char policy_set_details[] = "'policy show' lists the rules with what they mean. A running server obeys a change "
                                  "within a second.";

static void print_rules(const struct policy *rules)
{
    for (const struct rule *rule = policy_rules; rule->name != NULL; rule++) {
        char text[RULE_TEXT_SIZE];
        rule_format(rule, rules, text);
        printf("%-27s %-10s default %-8s %s\n", rule->name, text, rule->fallback, rule->help);
    }
}

int policy_command_show(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    struct policy rules;
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    if (policy_load(c.db, &rules, &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:o}", "rules", policy_json(c.settings, &rules)));
    else
        print_rules(&rules);
    command_close(&c);
    return exit_code;
}

static int change(const struct cli_args *args, const struct rule *rule, const char *text)
{
    struct command c = {0};
    struct err err = {0};
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    struct policy_edits edits = {
        .key = secrets_audit_key(c.app->secrets),
        .audit = {.time_ms = clock_now_ms(c.app->clock),
                  .actor = command_actor(),
                  .action = "policy.change",
                  .target = "policy"},
        .count = 1,
        .list = {{rule, text}},
    };
    if (db_write(c.app->writer, policy_edits_write, &edits, &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s,s:s}", "name", rule->name, "value", text != NULL ? text : rule->fallback));
    else
        printf("%s is %s now\n", rule->name, text != NULL ? text : rule->fallback);
    command_close(&c);
    return exit_code;
}

static int no_such_rule(const struct cli_args *args)
{
    struct err err = {0};
    (void)err_set(&err, ERR_NOT_FOUND, "%s is no rule; 'policy show' lists them", cli_operand(args, 0));
    return cli_fail(args, CLI_USAGE, &err);
}

int policy_command_set(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    const struct rule *rule = rule_find(cli_operand(args, 0));
    return rule != NULL ? change(args, rule, cli_operand(args, 1)) : no_such_rule(args);
}

int policy_command_reset(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    const struct rule *rule = rule_find(cli_operand(args, 0));
    return rule != NULL ? change(args, rule, NULL) : no_such_rule(args);
}
