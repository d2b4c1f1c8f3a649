/* muster-app audit verify. */
#include "command.h"

#include <stdio.h>

#include "auth/auth.h"
#include "auth/secrets.h"

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
