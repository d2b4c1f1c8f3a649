/* muster-app audit verify. */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>

#include "audit/pass.h"
#include "audit/trail.h"
#include "auth/secrets.h"

struct finding {
    struct trail_pass pass;
    int64_t cut_ms;
    char head[AUDIT_HEAD_SIZE];
};

/* In one view of the database: nothing is cut or added meanwhile. */
static int go_over(struct command *c, struct finding *ret, struct err *err)
{
    const struct audit_key *key = secrets_audit_key(c->app->secrets);
    struct trail_mark mark;
    struct trail_fault fault;
    int rc = trail_mark_load(c->db, key, &mark, &fault, err);
    if (rc == 0)
        rc = trail_pass_step(c->db, key, &mark, INT64_MAX, &ret->pass, err);
    if (rc == 0)
        rc = audit_begin(c->db, key, &(struct audit_place){0}, &ret->cut_ms, err);
    return rc != 0 ? rc : audit_head(c->db, ret->head, err);
}

static void print_text(const struct finding *f)
{
    char time[CLOCK_RFC3339_SIZE];
    printf("the audit trail is whole: %" PRId64 " rows, head %s\n", f->pass.rows, f->head);
    if (f->pass.begin.seq == 0)
        return;
    clock_format_rfc3339(f->cut_ms, time);
    printf("it begins behind row %" PRId64 ", where it was cut on %s\n", f->pass.begin.seq, time);
}

int trail_command_verify(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    struct finding found = {.pass = {.full = true}};
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    int rc = db_read_begin(c.db, &err);
    if (rc == 0) {
        rc = go_over(&c, &found, &err);
        db_read_end(c.db);
    }
    if (rc != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:b,s:I,s:s,s:I}", "ok", 1, "rows", (json_int_t)found.pass.rows, "head",
                                     found.head, "cut_seq", (json_int_t)found.pass.begin.seq));
    else
        print_text(&found);
    command_close(&c);
    return exit_code;
}
