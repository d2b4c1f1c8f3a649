#include "retention/retention_config.h"

#include "backup/size_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAYS_DEFAULT = 30 };

#define HOUR_MS INT64_C(3600000)

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a config's chains");
}

/* --- the policy -----------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *key;
    size_t offset;
} rules[] = {
    {"keepLast", offsetof(struct retention_policy, last)},
    {"keepDaily", offsetof(struct retention_policy, daily)},
    {"keepWeekly", offsetof(struct retention_policy, weekly)},
    {"keepMonthly", offsetof(struct retention_policy, monthly)},
    {"keepYearly", offsetof(struct retention_policy, yearly)},
};

enum { RULES = sizeof rules / sizeof rules[0] };

static int64_t *rule_of(struct retention_policy *p, size_t rule)
{
    return (int64_t *)(void *)((char *)p + rules[rule].offset);
}

/* As the engine may have it: a number out of range keeps more, not less. */
static int64_t bounded(const json_t *number, int64_t max)
{
    json_int_t value = json_integer_value(number);
    return value > max || value < 0 ? max : value;
}

int retention_policy_read(const char *options, struct retention_policy *ret, struct err *err)
{
    struct retention_policy p = {.days = DAYS_DEFAULT};
    json_t *json = json_loads(options, 0, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        return err_set(err, ERR_CORRUPT, "the options of a backup config are no JSON object");
    }
    const json_t *keep = json_object_get(json, "retention");
    for (size_t i = 0; i < RULES; i++)
        *rule_of(&p, i) = bounded(json_object_get(keep, rules[i].key), RETENTION_KEEP_MAX);
    const json_t *days = json_object_get(json, "retentionDays");
    if (days != NULL)
        p.days = bounded(days, RETENTION_DAYS_MAX); /* null: 0, off */
    json_decref(json);
    *ret = p;
    return 0;
}

int retention_policy_get(struct db *db, const char *config_id, struct retention_policy *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_RETENTION_CONFIG, DB_ARGS(DB_TEXT("id", config_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup config.");
    if (rc != DB_ROW)
        return rc;
    rc = retention_policy_read(db_rows_text(&rows, 0), ret, err);
    db_rows_done(&rows);
    return rc;
}

json_t *retention_policy_json(const struct retention_policy *p)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "keepLast", (json_int_t)p->last, "keepDaily",
                     (json_int_t)p->daily, "keepWeekly", (json_int_t)p->weekly, "keepMonthly", (json_int_t)p->monthly,
                     "keepYearly", (json_int_t)p->yearly, "retentionDays", (json_int_t)p->days);
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

/* A row, kept until it is known how many there are. */
struct row {
    const char *chain_id;
    const char *run_id;
    struct retention_run run;
    int64_t size;
    bool encrypted;
    struct row *next;
};

static int read_row(const struct db_rows *rows, struct arena *arena, struct row ***end, struct err *err)
{
    struct row *row = arena_alloc(arena, sizeof *row);
    if (row == NULL)
        return nomem(err);
    row->chain_id = arena_strdup(arena, db_rows_text(rows, 0));
    row->run = (struct retention_run){
        .seq = db_rows_int(rows, 1, 0),
        .received_ms = db_rows_int(rows, 2, 0),
        .good = db_rows_int(rows, 3, 0) != 0,
        .busy = db_rows_int(rows, 4, 0) != 0,
        .asked = db_rows_int(rows, 5, 0) != 0,
        .pinned = db_rows_int(rows, 6, 0) != 0,
        .proven = db_rows_int(rows, 7, 0) != 0,
        .damaged = db_rows_int(rows, 8, 0) != 0,
    };
    row->size = db_rows_int(rows, 9, 0);
    row->encrypted = db_rows_int(rows, 10, 0) != 0;
    row->run_id = arena_strdup(arena, db_rows_text(rows, 11));
    if (row->chain_id == NULL || row->run_id == NULL)
        return nomem(err);
    **end = row;
    *end = &row->next;
    return 0;
}

static int read_rows(struct db *db, const char *config_id, struct arena *arena, struct row **ret, size_t *ret_count,
                     struct err *err)
{
    struct db_rows rows;
    struct row **end = ret;
    size_t count = 0;
    *ret = NULL;
    int rc = db_query(db, DB_RETENTION_RUNS, DB_ARGS(DB_TEXT("config_id", config_id)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = read_row(&rows, arena, &end, err);
        count++;
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

/* The rows, which come chain by chain, as chains. */
static int group(const struct row *row, size_t rows, struct arena *arena, struct retention_view *view, struct err *err)
{
    struct retention_run *runs = arena_array(arena, rows + 1, sizeof *runs);
    const char **ids = arena_array(arena, rows + 1, sizeof *ids);
    view->chains = arena_array(arena, rows + 1, sizeof *view->chains);
    if (runs == NULL || ids == NULL || view->chains == NULL)
        return nomem(err);
    struct retention_kept *chain = NULL;
    for (size_t i = 0; row != NULL; row = row->next, i++) {
        if (chain == NULL || strcmp(chain->chain_id, row->chain_id) != 0) {
            chain = &view->chains[view->count++];
            *chain = (struct retention_kept){
                .chain_id = row->chain_id, .runs.runs = &runs[i], .run_ids = &ids[i], .encrypted = row->encrypted};
        }
        runs[i] = row->run;
        ids[i] = row->run_id;
        chain->runs.count++;
        chain->size += row->size;
        chain->pinned = chain->pinned || row->run.pinned;
    }
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct retention_kept *c = a, *d = b;
    if (c->verdict.newest_ms != d->verdict.newest_ms)
        return c->verdict.newest_ms < d->verdict.newest_ms ? 1 : -1;
    return -strcmp(c->chain_id, d->chain_id);
}

static int judge(struct retention_view *view, const struct retention_policy *policy, int64_t now_ms,
                 struct arena *arena, struct err *err)
{
    struct retention_chain *chains = arena_array(arena, view->count + 1, sizeof *chains);
    struct retention_verdict *verdicts = arena_array(arena, view->count + 1, sizeof *verdicts);
    if (chains == NULL || verdicts == NULL)
        return nomem(err);
    for (size_t i = 0; i < view->count; i++)
        chains[i] = view->chains[i].runs;
    int rc = retention_judge(chains, view->count, policy, now_ms, arena, verdicts, err);
    for (size_t i = 0; rc == 0 && i < view->count; i++) {
        view->chains[i].verdict = verdicts[i];
        if (!verdicts[i].keep)
            view->freed_bytes += view->chains[i].size;
    }
    if (rc == 0)
        qsort(view->chains, view->count, sizeof *view->chains, newest_first);
    return rc;
}

int retention_view(struct db *db, const char *config_id, const struct retention_policy *policy, int64_t now_ms,
                   struct arena *arena, struct retention_view *ret, struct err *err)
{
    struct retention_view view = {0};
    struct row *rows = NULL;
    size_t count = 0;
    int rc = read_rows(db, config_id, arena, &rows, &count, err);
    if (rc == 0)
        rc = group(rows, count, arena, &view, err);
    if (rc == 0)
        rc = judge(&view, policy, now_ms, arena, err);
    if (rc == 0)
        *ret = view;
    return rc;
}

json_t *retention_kept_json(const struct retention_kept *k)
{
    json_t *reasons = json_array();
    for (const struct retention_reason *r = k->verdict.reasons; r != NULL; r = r->next)
        (void)json_array_append_new(reasons, json_string(r->text));
    json_t *newest = k->runs.count > 0 ? json_integer((json_int_t)k->verdict.newest_ms) : json_null();
    return json_pack("{s:s, s:o, s:s, s:o, s:I, s:I}", "chainId", k->chain_id, "newest_ms", newest, "action",
                     k->verdict.keep ? "keep" : "delete", "reasons", reasons, "size", (json_int_t)k->size, "runs",
                     (json_int_t)k->runs.count);
}

json_t *retention_view_json(const struct retention_view *view)
{
    json_t *list = json_array();
    for (size_t i = 0; i < view->count; i++) {
        if (json_array_append_new(list, retention_kept_json(&view->chains[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* --- acting ---------------------------------------------------------------------------------------------------------
 */

static int give_up(struct db *db, struct retention_apply *a, const struct retention_kept *k, struct err *err)
{
    char target[64], detail[200];
    struct audit_entry entry = a->audit;
    int64_t changed = 0;
    int rc = db_exec(db, DB_RETENTION_CHAIN_DELETE,
                     DB_ARGS(DB_TEXT("chain_id", k->chain_id), DB_INT("now", a->now_ms),
                             DB_TEXT("reason", "No rule of the config's retention keeps it.")),
                     &changed, err);
    if (rc != 0 || changed == 0)
        return rc;
    (void)snprintf(target, sizeof target, "chain:%s", k->chain_id);
    (void)snprintf(detail, sizeof detail, "{\"why\":\"retention\",\"config\":\"%s\",\"runs\":%zu,\"bytes\":%lld}",
                   a->config_id, k->runs.count, (long long)k->size);
    entry.action = "chain.delete";
    entry.target = target;
    entry.detail = detail;
    a->chains++;
    a->freed_bytes += k->size;
    return audit_append(db, a->audit_key, &entry, err);
}

static int claim(struct db *db, const struct retention_apply *a, bool *ret, struct err *err)
{
    int64_t changed = 0;
    int rc = db_exec(db, DB_RETENTION_CLAIM,
                     DB_ARGS(DB_TEXT("id", a->config_id), DB_INT("now", a->now_ms), DB_INT("next", a->now_ms + HOUR_MS),
                             DB_INT("horizon", a->now_ms + 2 * HOUR_MS)),
                     &changed, err);
    *ret = changed > 0 || !a->only_due;
    return rc;
}

int retention_apply(struct db *db, void *ctx, struct err *err)
{
    struct retention_apply *a = ctx;
    struct retention_policy policy;
    struct retention_view view = {0};
    bool ours = false;
    a->chains = a->freed_bytes = 0;
    int rc = claim(db, a, &ours, err);
    if (rc != 0 || !ours)
        return rc;
    rc = retention_policy_get(db, a->config_id, &policy, err);
    if (rc == 0)
        rc = retention_view(db, a->config_id, &policy, a->now_ms, a->arena, &view, err);
    for (size_t i = 0; rc == 0 && i < view.count; i++)
        if (!view.chains[i].verdict.keep)
            rc = give_up(db, a, &view.chains[i], err);
    return rc == 0 && a->chains > 0 ? db_changed(db, "runs", err) : rc;
}

int retention_run_stored(struct db *db, const char *run_id, int64_t now_ms, struct err *err)
{
    int rc = db_exec(db, DB_RETENTION_DUE_NOW, DB_ARGS(DB_TEXT("run_id", run_id), DB_INT("now", now_ms)), NULL, err);
    return rc == 0 ? size_check(db, run_id, now_ms, err) : rc;
}
