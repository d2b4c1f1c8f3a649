/* GET and PATCH /api/policy. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "http/problem.h"
#include "policy/change.h"
#include "policy/show.h"

void policy_show(struct req *r)
{
    struct policy rules;
    struct err err = {0};
    if (policy_load(r->db, &rules, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:o}", "rules", policy_json(r->app->settings, &rules)));
}

/* --- reading a change --- */

/* The value as the text that is stored; NULL after the reader was told what is wrong. */
static const char *text_of(struct req *r, struct jsonread *body, const struct rule *rule, const json_t *value)
{
    const char *text = NULL;
    struct policy scratch;
    if (rule->type == RULE_BOOL && json_is_boolean(value))
        text = json_is_true(value) ? "true" : "false";
    if (rule->type == RULE_INT && json_is_integer(value))
        text = arena_printf(r->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (rule->type == RULE_TEXT && json_is_string(value) &&
        strlen(json_string_value(value)) == json_string_length(value))
        text = json_string_value(value);
    if (text != NULL && rule_parse(rule, text, &scratch))
        return text;
    if (rule->type == RULE_BOOL)
        jsonread_fail(body, rule->name, "must be true or false");
    else if (rule->type == RULE_TEXT)
        jsonread_fail(body, rule->name, "must be a printable text of %d to %d bytes without a colon", (int)rule->min,
                      (int)rule->max);
    else if (rule->least > 0)
        jsonread_fail(body, rule->name, "must be 0, or a whole number from %" PRId64 " to %" PRId64, rule->least,
                      rule->max);
    else
        jsonread_fail(body, rule->name, "must be a whole number from %" PRId64 " to %" PRId64, rule->min, rule->max);
    return NULL;
}

/* As it stands in a JSON pointer (RFC 6901 §3). */
static const char *pointer_of(struct req *r, const char *name)
{
    char *text = arena_alloc(r->arena, 2 * strlen(name) + 1), *at = text;
    for (; text != NULL && *name != '\0'; name++) {
        if (*name == '~' || *name == '/')
            *at++ = '~';
        *at++ = *name == '~' ? '0' : *name == '/' ? '1' : *name;
    }
    if (text == NULL)
        return "";
    *at = '\0';
    return text;
}

/* A name that is no rule is refused: a slip of the pen must not look like a rule that was set. */
static void read_edits(struct req *r, struct jsonread *body, struct policy_edits *ret)
{
    const char *name;
    json_t *value;
    if (body->object == NULL)
        return;
    json_object_foreach(jsonread_iterable(body->object), name, value)
    {
        const struct rule *rule = rule_find(name);
        if (rule == NULL || ret->count == POLICY_EDITS_MAX) {
            jsonread_fail(body, pointer_of(r, name), "is no rule; GET /api/policy lists them");
            return;
        }
        const char *text = json_is_null(value) ? NULL : text_of(r, body, rule, value);
        if (body->error->failed)
            return;
        ret->list[ret->count++] = (struct policy_edit){rule, text};
    }
}

/* What is to blame when two rules do not go together: the one of them that was to be changed. */
static void blame(struct req *r, const struct policy_edits *e, const char *why)
{
    const char *name = e->list[0].rule->name;
    for (size_t i = 0; i < e->count; i++)
        if (strncmp(e->list[i].rule->name, "auth.mfa.", 9) == 0)
            name = e->list[i].rule->name;
    reply_invalid_field(r, arena_printf(r->arena, "/%s", name), NULL, why);
}

void policy_change(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    struct policy_edits edits = {.key = secrets_audit_key(r->app->secrets),
                                 .audit = audit_of_request(r, "policy.change", "policy")};
    if (!req_json(r, &wrong, &body))
        return;
    read_edits(r, &body, &edits);
    if (!req_fields_ok(r, &wrong))
        return;
    int rc = edits.count > 0 ? db_write(r->app->writer, policy_edits_write, &edits, &err) : 0;
    if (rc == ERR_INVALID)
        blame(r, &edits, err.msg);
    else if (rc != 0)
        reply_error(r, &err);
    else
        policy_show(r);
}
