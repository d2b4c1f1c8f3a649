#include "policy/change.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "policy/show.h"

static int store(struct db *db, const struct policy_edit *edit, int64_t now_ms, struct err *err)
{
    if (edit->text == NULL)
        return db_exec(db, DB_POLICY_UNSET, DB_ARGS(DB_TEXT("name", edit->rule->name)), NULL, err);
    return db_exec(db, DB_POLICY_SET,
                   DB_ARGS(DB_TEXT("name", edit->rule->name), DB_TEXT("value", edit->text), DB_INT("now", now_ms)),
                   NULL, err);
}

/* Puts an edit into next; story gets what changes. */
static int apply(const struct policy_edit *edit, const struct policy *now, struct policy *next, json_t *story,
                 struct err *err)
{
    char was[RULE_TEXT_SIZE], is[RULE_TEXT_SIZE];
    const struct rule *rule = edit->rule;
    if (!rule_parse(rule, edit->text != NULL ? edit->text : rule->fallback, next))
        return err_set(err, ERR_INVALID, "%s is out of bounds", rule->name);
    rule_format(rule, now, was);
    rule_format(rule, next, is);
    if (strcmp(was, is) == 0)
        return 0;
    json_t *both = json_pack("{s:o,s:o}", "old", rule_value_json(rule, was), "new", rule_value_json(rule, is));
    return json_object_set_new(story, rule->name, both) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int append(struct db *db, const struct policy_edits *e, const json_t *story, struct err *err)
{
    struct audit_entry entry = e->audit;
    char *detail = json_dumps(story, JSON_COMPACT);
    entry.detail = detail;
    int rc = detail != NULL ? audit_append(db, e->key, &entry, err) : err_set(err, ERR_NOMEM, "out of memory");
    free(detail);
    return rc;
}

static int apply_all(struct db *db, const struct policy_edits *e, json_t *story, struct err *err)
{
    struct policy now, next;
    int rc = policy_load(db, &now, err);
    next = now;
    for (size_t i = 0; rc == 0 && i < e->count; i++)
        rc = apply(&e->list[i], &now, &next, story, err);
    if (rc == 0 && rules_conflict(&next) != NULL)
        rc = err_set(err, ERR_INVALID, "%s", rules_conflict(&next));
    for (size_t i = 0; rc == 0 && i < e->count; i++)
        rc = store(db, &e->list[i], e->audit.time_ms, err);
    return rc;
}

int policy_edits_write(struct db *db, void *edits, struct err *err)
{
    const struct policy_edits *e = edits;
    json_t *story = json_object();
    int rc = story != NULL ? apply_all(db, e, story, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0 && json_object_size(story) > 0)
        rc = append(db, e, story, err);
    if (rc == 0)
        rc = db_changed(db, "policy", err);
    json_decref(story);
    return rc;
}
