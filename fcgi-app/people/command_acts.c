/* muster-app user role, disable, enable, delete, restore, list. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include "auth/secrets.h"
#include "db/writer.h"
#include "people/people.h"
#include "people/person.h"

const struct cli_option people_delete_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"yes", NULL, "delete without asking"},
    {0},
};

const char people_delete_details[] =
    "Nothing of the person works any more, at once: no sign-in, no agent, no backup. What is theirs stays for "
    "MUSTER_USER_GRACE, within which 'user restore' takes it back; then their backups, agents and all that is known of "
    "them "
    "are removed. The audit trail keeps an id that stands for nobody.";

static struct person_act act_of(struct command *c, const char *id)
{
    return (struct person_act){.key = secrets_audit_key(c->app->secrets),
                               .audit = {.time_ms = clock_now_ms(c->app->clock), .actor = command_actor()},
                               .id = id};
}

static int print_person(struct command *c, const struct cli_args *args, const char *id, const char *done,
                        struct err *err)
{
    json_t *person = NULL;
    int rc = person_json(c->db, id, &person, err);
    if (rc != 0)
        return rc;
    if (cli_switch(args, "json")) {
        command_print_json(person);
        return 0;
    }
    printf("%s %s\n", json_string_value(json_object_get(person, "email")), done);
    json_decref(person);
    return 0;
}

/* --- role, disable, enable --- */

static int run_change(const struct cli_args *args, struct person_change *change, const char *done)
{
    struct command c = {0};
    struct err err = {0};
    char id[UUID_SIZE] = "";
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    change->act = act_of(&c, id);
    int rc = person_resolve(c.db, cli_operand(args, 0), id, &err);
    if (rc == 0)
        rc = db_write(c.app->writer, person_change, change, &err);
    if (rc == 0)
        rc = print_person(&c, args, id, done, &err);
    if (rc != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    command_close(&c);
    return exit_code;
}

int people_command_role(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    char done[40];
    struct person_change change = {.role = role_parse(cli_operand(args, 1))};
    if (change.role == ROLE_NONE) {
        (void)err_set(&err, ERR_INVALID, "ROLE must be viewer, operator or admin");
        return cli_fail(args, CLI_USAGE, &err);
    }
    (void)snprintf(done, sizeof done, "has the role %s", role_name(change.role));
    return run_change(args, &change, done);
}

int people_command_disable(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_change(args, &(struct person_change){.enable = PERSON_DISABLE},
                      "is disabled; whatever they were signed in with has ended");
}

int people_command_enable(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run_change(args, &(struct person_change){.enable = PERSON_ENABLE}, "may sign in");
}

/* --- delete, restore --- */

static int delete_person(struct command *c, const struct cli_args *args, struct err *err)
{
    char id[UUID_SIZE] = "", until[CLOCK_RFC3339_SIZE], done[100];
    struct person_delete d = {.act = act_of(c, id), .grace_ms = c->settings->user_grace_s * 1000};
    int rc = person_resolve(c->db, cli_operand(args, 0), id, err);
    if (rc == 0 && !cli_switch(args, "yes"))
        rc = err_set(err, ERR_DENIED, "%s, their agents and their backups would be deleted. Add --yes",
                     cli_operand(args, 0));
    if (rc == 0)
        rc = db_write(c->app->writer, person_delete, &d, err);
    if (rc != 0)
        return rc;
    clock_format_rfc3339(d.purge_after_ms, until);
    (void)snprintf(done, sizeof done, "is deleted; 'muster-app user restore' undoes it until %s", until);
    return print_person(c, args, id, done, err);
}

int people_command_delete(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    int rc = delete_person(&c, args, &err);
    if (rc != 0)
        exit_code = cli_fail(args, rc == ERR_DENIED ? CLI_USAGE : CLI_FAILED, &err);
    command_close(&c);
    return exit_code;
}

int people_command_restore(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    char id[UUID_SIZE] = "";
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    struct person_act act = act_of(&c, id);
    int rc = person_resolve(c.db, cli_operand(args, 0), id, &err);
    if (rc == 0)
        rc = db_write(c.app->writer, person_restore, &act, &err);
    if (rc == 0)
        rc = print_person(&c, args, id, "is back, and so are their agents", &err);
    if (rc != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    command_close(&c);
    return exit_code;
}

/* --- list --- */

static int list_people(struct db *db, json_t *list, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, DB_PEOPLE_PAGE,
                      DB_ARGS(DB_TEXT("q", ""), DB_TEXT("role", ""), DB_TEXT("state", ""), DB_TEXT("sort", "email"),
                              DB_INT("desc", 0), DB_INT("limit", INT64_MAX), DB_INT("offset", 0)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *person = NULL;
        rc = person_json(db, db_rows_text(&rows, 0), &person, err);
        if (rc == 0 && json_array_append_new(list, person) != 0)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return rc;
}

static void print_people(const json_t *list)
{
    size_t i;
    json_t *person;
    printf("%-10s %-10s %-30s %s\n", "ROLE", "STATE", "E-MAIL", "NAME");
    json_array_foreach(list, i, person)
    {
        printf("%-10s %-10s %-30s %s\n", json_string_value(json_object_get(person, "role")),
               json_string_value(json_object_get(person, "state")), json_string_value(json_object_get(person, "email")),
               json_string_value(json_object_get(person, "name")));
    }
}

int people_command_list(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    struct err err = {0};
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    json_t *list = json_array();
    if (list_people(c.db, list, &err) != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_incref(list));
    else
        print_people(list);
    json_decref(list);
    command_close(&c);
    return exit_code;
}
