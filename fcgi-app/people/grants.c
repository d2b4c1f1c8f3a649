/* GET and PUT /api/users/{id}/grants: what somebody may see of what is not theirs. A grant makes an object visible;
 * what may be done with it is a matter of the role. The statements of every area ask the table for themselves. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "http/problem.h"
#include "people/people.h"
#include "people/person.h"

enum { GRANTS_MAX = 500 };

static const char *const kinds[] = {"agent", "config", NULL};

static int append_grant(const struct db_rows *rows, json_t *list, struct err *err)
{
    json_t *grant = json_pack("{s:s,s:s,s:s?,s:s?}", "kind", db_rows_text(rows, 0), "objectId", db_rows_text(rows, 1),
                              "name", db_rows_text(rows, 2), "owner_id", db_rows_text(rows, 3));
    return json_array_append_new(list, grant) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int list_grants(struct db *db, const char *user_id, json_t *list, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, DB_GRANT_LIST, DB_ARGS(DB_TEXT("user", user_id)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = append_grant(&rows, list, err);
    db_rows_done(&rows);
    return rc;
}

static void reply_grants(struct req *r)
{
    struct err err = {0};
    json_t *list = json_array(), *person = NULL;
    int rc = person_json(r->db, r->params[0], &person, &err);
    if (rc == 0)
        rc = list_grants(r->db, r->params[0], list, &err);
    json_decref(person);
    if (rc == 0) {
        reply_json(r, 200, json_pack("{s:o}", "grants", list));
        return;
    }
    json_decref(list);
    reply_error(r, &err);
}

void people_grants(struct req *r)
{
    reply_grants(r);
}

/* --- setting --- */

struct grant {
    const char *kind;
    const char *object_id;
};

struct setting {
    struct person_act act;
    const struct grant *list;
    size_t count;
    const char *detail;
};

static int add(struct db *db, struct setting *s, const struct grant *grant, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_GRANT_OBJECT_EXISTS,
                          DB_ARGS(DB_TEXT("kind", grant->kind), DB_TEXT("object", grant->object_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_INVALID, "there is no such %s: %.40s", grant->kind, grant->object_id);
    if (rc < 0)
        return rc;
    db_rows_done(&rows);
    return db_exec(db, DB_GRANT_ADD,
                   DB_ARGS(DB_TEXT("user", s->act.id), DB_TEXT("kind", grant->kind),
                           DB_TEXT("object", grant->object_id), DB_INT("now", s->act.audit.time_ms)),
                   NULL, err);
}

static int write_setting(struct db *db, void *ctx, struct err *err)
{
    struct setting *s = ctx;
    json_t *person = NULL;
    int rc = person_json(db, s->act.id, &person, err);
    json_decref(person);
    if (rc == 0)
        rc = db_exec(db, DB_GRANT_CLEAR, DB_ARGS(DB_TEXT("user", s->act.id)), NULL, err);
    for (size_t i = 0; rc == 0 && i < s->count; i++)
        rc = add(db, s, &s->list[i], err);
    if (rc == 0)
        rc = person_audit(db, &s->act, "user.grants", s->detail, err);
    return rc != 0 ? rc : db_changed(db, "users", err);
}

/* The grants of the body; NULL when memory is out, or after a field was found wrong. */
static struct grant *read_grants(struct req *r, struct jsonread *body, size_t *ret_count)
{
    const json_t *array = NULL;
    size_t count = jsonread_array(body, "grants", 0, GRANTS_MAX, &array);
    struct grant *list = arena_array(r->arena, count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        struct jsonread item;
        jsonread_item(body, "grants", array, i, &item);
        list[i].kind = kinds[jsonread_enum(&item, "kind", kinds)];
        list[i].object_id = jsonread_str(&item, "objectId", 1, UUID_SIZE - 1);
    }
    *ret_count = count;
    return list;
}

/* {"grants":["agent:…"]}: ids alone, so that the trail tells who could see what. */
static const char *detail_of(struct req *r, const struct grant *list, size_t count)
{
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(names, json_sprintf("%s:%s", list[i].kind, list[i].object_id));
    json_t *detail = json_pack("{s:o}", "grants", names);
    char *text = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;
    const char *copy = arena_strdup(r->arena, text);
    free(text);
    json_decref(detail);
    return copy;
}

void people_grants_set(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    struct setting s = {.act = {secrets_audit_key(r->app->secrets), audit_of_request(r, "", ""), r->params[0]}};
    if (!req_json(r, &wrong, &body))
        return;
    s.list = read_grants(r, &body, &s.count);
    if (!req_fields_ok(r, &wrong))
        return;
    s.detail = s.list != NULL ? detail_of(r, s.list, s.count) : NULL;
    if (s.detail == NULL) {
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return;
    }
    int rc = db_write(r->app->writer, write_setting, &s, &err);
    if (rc == ERR_INVALID)
        reply_invalid_field(r, "/grants", NULL, err.msg);
    else if (rc != 0)
        reply_error(r, &err);
    else
        reply_grants(r);
}
