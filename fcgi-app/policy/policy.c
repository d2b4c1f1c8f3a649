#include "policy/policy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "common/log.h"
#include "ops/changes.h"
#include "policy/rules.h"

struct policy_cache {
    pthread_mutex_t lock;
    bool read; /* at least once */
    struct policy rules;
};

struct policy_cache *policy_new(void)
{
    struct policy_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    if (pthread_mutex_init(&cache->lock, NULL) != 0) {
        free(cache);
        return NULL;
    }
    return cache;
}

void policy_free(struct policy_cache *cache)
{
    if (cache == NULL)
        return;
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static void take(const char *name, const char *value, struct policy *ret)
{
    const struct rule *rule = rule_find(name);
    if (rule != NULL && !rule_parse(rule, value, ret))
        log_warning("the rule %s is out of bounds in the database; its default is in force", name);
}

int policy_load(struct db *db, struct policy *ret, struct err *err)
{
    struct policy rules;
    struct db_rows rows;
    policy_defaults(&rules);
    int rc = db_query(db, DB_POLICY_LIST, DB_NO_ARGS, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        take(db_rows_text(&rows, 0), db_rows_text(&rows, 1), &rules);
        rc = 0;
    }
    db_rows_done(&rows);
    if (rc == 0)
        *ret = rules;
    return rc;
}

static int on_policy_changed(struct db *db, void *ctx)
{
    struct policy_cache *cache = ctx;
    struct policy rules;
    struct err err = {0};
    if (policy_load(db, &rules, &err) != 0) {
        log_warning("rules not read, the ones before stay in force: %s", err.msg);
        return err.code;
    }
    (void)pthread_mutex_lock(&cache->lock);
    cache->rules = rules;
    cache->read = true;
    (void)pthread_mutex_unlock(&cache->lock);
    return 0;
}

int policy_watch(struct app *app, struct err *err)
{
    return changes_watch(app->changes, "policy", on_policy_changed, app->policy, err);
}

void policy_get(struct app *app, struct db *db, struct policy *ret)
{
    struct err err = {0};
    if (app->policy != NULL) {
        (void)pthread_mutex_lock(&app->policy->lock);
        bool read = app->policy->read;
        *ret = app->policy->rules;
        (void)pthread_mutex_unlock(&app->policy->lock);
        if (read)
            return;
    }
    if (policy_load(db, ret, &err) != 0) {
        log_warning("rules not read, their defaults are in force: %s", err.msg);
        policy_defaults(ret);
    }
}
