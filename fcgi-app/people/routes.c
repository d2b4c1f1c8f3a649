/* The routes under /api/users, all of them for admins. */
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "http/list.h"
#include "http/problem.h"
#include "people/people.h"
#include "people/person.h"

static struct person_act act_of(struct req *r)
{
    return (struct person_act){secrets_audit_key(r->app->secrets), audit_of_request(r, "", ""), r->params[0]};
}

/* What nobody does to themselves: who is locked out by their own hand cannot undo it. */
static bool is_oneself(struct req *r, const char *detail)
{
    if (strcmp(r->params[0], r->principal.id) != 0)
        return false;
    reply_problem(r, PROBLEM_CONFLICT, detail);
    return true;
}

static void reply_person(struct req *r)
{
    struct err err = {0};
    json_t *person = NULL;
    if (person_json(r->db, r->params[0], &person, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:o}", "user", person));
}

void people_get(struct req *r)
{
    reply_person(r);
}

/* --- the list --- */

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"e-mail", "email", CSV_PLAIN},
    {"name", "name", CSV_PLAIN},
    {"role", "role", CSV_PLAIN},
    {"state", "state", CSV_PLAIN},
    {"codes", "mfa.totp", CSV_PLAIN},
    {"passkeys", "mfa.passkeys", CSV_PLAIN},
    {"agents", "agents", CSV_PLAIN},
    {"configs", "configs", CSV_PLAIN},
    {"added", "created_ms", CSV_TIME},
    {"last sign-in", "lastLogin_ms", CSV_TIME},
    {"deleted", "deleted_ms", CSV_TIME},
    {NULL, NULL, CSV_PLAIN},
};

struct list_query {
    struct list_ask ask;
    const char *role, *state;
};

static int list_people(struct req *r, const struct list_query *q, struct list_out *out, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, DB_PEOPLE_PAGE,
                      DB_ARGS(DB_TEXT("q", q->ask.pattern), DB_TEXT("role", q->role), DB_TEXT("state", q->state),
                              DB_TEXT("sort", q->ask.sort), DB_INT("desc", q->ask.descending),
                              DB_INT("limit", q->ask.limit), DB_INT("offset", q->ask.offset)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *person = NULL;
        rc = person_json(r->db, db_rows_text(&rows, 0), &person, err);
        if (rc == 0)
            rc = list_add(out, person, err);
    }
    db_rows_done(&rows);
    return rc;
}

void people_list(struct req *r)
{
    static const char *const roles[] = {"viewer", "operator", "admin", NULL};
    static const char *const states[] = {"active", "disabled", "deleted", NULL};
    static const char *const sorts[] = {"email", "name", "role", "created", "last_login", NULL};
    struct list_query query;
    struct list_out out;
    struct err err = {0};
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .name = "people"}, &query.ask) ||
        !list_choice(r, "role", roles, "", &query.role) || !list_choice(r, "state", states, "", &query.state))
        return;
    list_begin(&out, &query.ask, columns);
    int rc = db_read_begin(r->db, &err);
    if (rc == 0) {
        rc = db_query_number(
            r->db, DB_PEOPLE_COUNT,
            DB_ARGS(DB_TEXT("q", query.ask.pattern), DB_TEXT("role", query.role), DB_TEXT("state", query.state)),
            &total, &err);
        if (rc == 0)
            rc = list_people(r, &query, &out, &err);
        db_read_end(r->db);
    }
    list_reply(r, &out, rc, total, &err);
}

/* --- acts --- */

void people_change(struct req *r)
{
    static const char *const roles[] = {"viewer", "operator", "admin", NULL};
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    struct person_change c = {.act = act_of(r), .name = jsonread_str_or(&body, "name", 0, PERSON_NAME_MAX, NULL)};
    if (jsonread_has(&body, "role"))
        c.role = (enum role)(ROLE_VIEWER + jsonread_enum(&body, "role", roles));
    if (jsonread_has(&body, "disabled"))
        c.enable = jsonread_bool(&body, "disabled") ? PERSON_DISABLE : PERSON_ENABLE;
    if (!req_fields_ok(r, &wrong))
        return;
    if (c.role != ROLE_NONE && c.role != r->principal.role &&
        is_oneself(r, "Nobody changes their own role; ask another admin."))
        return;
    if (c.enable == PERSON_DISABLE && is_oneself(r, "Nobody disables themselves; ask another admin."))
        return;
    if (db_write(r->app->writer, person_change, &c, &err) != 0)
        reply_error(r, &err);
    else
        reply_person(r);
}

/* What somebody is called is their own affair; everything else is an admin's. */
void people_change_own(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    struct person_change c = {.act = {secrets_audit_key(r->app->secrets), audit_of_request(r, "", ""), r->principal.id},
                              .name = jsonread_str(&body, "name", 0, PERSON_NAME_MAX)};
    if (!req_fields_ok(r, &wrong))
        return;
    if (db_write(r->app->writer, person_change, &c, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b,s:s}", "success", 1, "name", c.name));
}

void people_delete(struct req *r)
{
    struct err err = {0};
    struct person_delete d = {.act = act_of(r), .grace_ms = r->app->settings->user_grace_s * 1000};
    if (is_oneself(r, "Nobody deletes themselves; ask another admin."))
        return;
    if (db_write(r->app->writer, person_delete, &d, &err) != 0)
        reply_error(r, &err);
    else
        reply_person(r);
}

void people_restore(struct req *r)
{
    struct err err = {0};
    struct person_act act = act_of(r);
    if (db_write(r->app->writer, person_restore, &act, &err) != 0)
        reply_error(r, &err);
    else
        reply_person(r);
}
