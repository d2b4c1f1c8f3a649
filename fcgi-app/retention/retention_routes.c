/* What is kept of a config, as people see it: its chains, what retention would do, pins, and giving up a chain. */
#include "app.h"
#include "auth/secrets.h"
#include "backup/backup.h"
#include "backup/config.h"
#include "backup/run.h"
#include "common/blocking.h"
#include "db/writer.h"
#include "http/problem.h"
#include "retention/retention_act.h"
#include "retention/retention_pick.h"

/* A run takes about 400 bytes, and an hourly config makes 9,000 a year: more than a request may hold by itself. */
enum { ARENA_BYTES = 64 << 20 };

static void free_arena(void *arena)
{
    arena_free(arena);
}

/* Lives as long as the request. NULL after a reply was set. */
static struct arena *large_arena(struct req *r)
{
    struct arena *a = arena_new(ARENA_BYTES);
    if (a != NULL && arena_cleanup(r->arena, free_arena, a) == 0)
        return a;
    arena_free(a);
    reply_problem(r, PROBLEM_INTERNAL, NULL);
    return NULL;
}

/* The config that the path names, if the person may see it. False after a reply was set. */
static bool find_config(struct req *r, struct backup_config *ret)
{
    struct err err = {0};
    if (config_get(r->db, r->params[0], run_viewer(r), r->arena, ret, &err) == 0)
        return true;
    reply_error(r, &err);
    return false;
}

/* Hundreds of milliseconds for ten thousand runs. */
static int look(struct req *r, const char *config_id, const struct retention_policy *policy, struct arena *arena,
                struct retention_view *ret, struct err *err)
{
    blocking_begin();
    int rc = retention_view(r->db, config_id, policy, r->now_ms, arena, ret, err);
    blocking_end();
    return rc;
}

/* --- preview --------------------------------------------------------------------------------------------------------
 */

static bool read_overrides(struct req *r, struct retention_policy *p)
{
    return req_query_int(r, "keepLast", 0, RETENTION_KEEP_MAX, p->last, &p->last) &&
           req_query_int(r, "keepDaily", 0, RETENTION_KEEP_MAX, p->daily, &p->daily) &&
           req_query_int(r, "keepWeekly", 0, RETENTION_KEEP_MAX, p->weekly, &p->weekly) &&
           req_query_int(r, "keepMonthly", 0, RETENTION_KEEP_MAX, p->monthly, &p->monthly) &&
           req_query_int(r, "keepYearly", 0, RETENTION_KEEP_MAX, p->yearly, &p->yearly) &&
           req_query_int(r, "retentionDays", 0, RETENTION_DAYS_MAX, p->days, &p->days);
}

static const struct csv_column preview_columns[] = {
    {"chain", "chainId", CSV_PLAIN},   {"up to", "newest_ms", CSV_TIME}, {"what happens", "action", CSV_PLAIN},
    {"reasons", "reasons", CSV_PLAIN}, {"bytes", "size", CSV_PLAIN},     {"runs", "runs", CSV_PLAIN},
    {NULL, NULL, CSV_PLAIN},
};

/* Of all chains, be the list narrowed as it may. */
static json_t *summary_json(const struct retention_policy *policy, const struct retention_view *view)
{
    json_int_t stay = 0;
    for (size_t i = 0; i < view->count; i++)
        stay += view->chains[i].verdict.keep;
    return json_pack("{s:o, s:I, s:I, s:I}", "policy", retention_policy_json(policy), "keep", stay, "delete",
                     (json_int_t)view->count - stay, "freedBytes", (json_int_t)view->freed_bytes);
}

static void reply_preview(struct req *r, const struct retention_pick *pick, const struct retention_policy *policy,
                          struct retention_view *view, int rc, struct err *err)
{
    struct list_out out;
    json_t *summary = rc == 0 ? summary_json(policy, view) : NULL;
    list_begin(&out, &pick->ask, preview_columns);
    if (rc == 0)
        retention_pick(view, pick);
    for (int64_t i = pick->ask.offset; rc == 0 && i < (int64_t)view->count && i < pick->ask.offset + pick->ask.limit;
         i++)
        rc = list_add(&out, retention_kept_json(&view->chains[i]), err);
    list_reply_more(r, &out, rc, (int64_t)view->count, summary, err);
}

void backup_retention_preview(struct req *r)
{
    static const char *const actions[] = {"keep", "delete", NULL};
    struct retention_pick pick = {0};
    struct backup_config config;
    struct retention_policy policy = {0};
    struct retention_view view = {0};
    struct err err = {0};
    struct arena *arena = large_arena(r);
    if (arena == NULL ||
        !list_ask_read(r, &(struct list_rules){retention_preview_sorts, true, "retention"}, &pick.ask) ||
        !list_choice(r, "action", actions, "", &pick.action) || !find_config(r, &config))
        return;
    int rc = retention_policy_read(config.options, &policy, &err);
    if (rc == 0 && !read_overrides(r, &policy))
        return;
    if (rc == 0)
        rc = look(r, config.id, &policy, arena, &view, &err);
    reply_preview(r, &pick, &policy, &view, rc, &err);
}

/* --- chains ---------------------------------------------------------------------------------------------------------
 */

static const struct csv_column chain_columns[] = {
    {"chain", "chainId", CSV_PLAIN},
    {"newest", "newest_ms", CSV_TIME},
    {"runs", "runs", CSV_PLAIN},
    {"bytes", "size", CSV_PLAIN},
    {"restorable", "restorable", CSV_PLAIN},
    {"pinned", "pinned", CSV_PLAIN},
    {"encrypted", "encrypted", CSV_PLAIN},
    {NULL, NULL, CSV_PLAIN},
};

/* A run of the list, without its errors: those of one run are as large as all else together. */
static int add_run(struct req *r, json_t *list, const char *run_id, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_BACKUP_RUN_GET, DB_ARGS(DB_TEXT("id", run_id), DB_NULL("viewer")), &rows, err);
    if (rc != DB_ROW)
        return rc; /* gone meanwhile */
    json_t *run = run_row_json(&rows);
    db_rows_done(&rows);
    (void)json_object_set_new(run, "errors", json_array());
    return json_array_append_new(list, run) == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for runs");
}

/* A file has a chain in a row, and of its runs how many there are. */
static int add_chain(struct req *r, struct list_out *out, const struct retention_kept *k, struct err *err)
{
    bool count_alone = out->ask->csv;
    json_t *runs = count_alone ? json_integer((json_int_t)k->runs.count) : json_array();
    int rc = 0;
    for (size_t i = 0; rc == 0 && !count_alone && i < k->runs.count; i++)
        rc = add_run(r, runs, k->run_ids[i], err);
    json_t *newest = k->runs.count > 0 ? json_integer((json_int_t)k->verdict.newest_ms) : json_null();
    json_t *chain = json_pack("{s:s, s:o, s:o, s:I, s:b, s:b, s:b}", "chainId", k->chain_id, "newest_ms", newest,
                              "runs", runs, "size", (json_int_t)k->size, "restorable", k->verdict.restorable, "pinned",
                              k->pinned, "encrypted", k->encrypted);
    int added = list_add(out, chain, err);
    return rc != 0 ? rc : added;
}

void backup_chain_list(struct req *r)
{
    static const char *const kinds[] = {"restorable", "broken", "pinned", NULL};
    const struct retention_policy none = {0};
    struct retention_pick pick = {0};
    struct backup_config config;
    struct retention_view view = {0};
    struct list_out out;
    struct err err = {0};
    struct arena *arena = large_arena(r);
    if (arena == NULL || !list_ask_read(r, &(struct list_rules){retention_chain_sorts, true, "chains"}, &pick.ask) ||
        !list_choice(r, "only", kinds, "", &pick.only) || !find_config(r, &config))
        return;
    int rc = look(r, config.id, &none, arena, &view, &err);
    list_begin(&out, &pick.ask, chain_columns);
    if (rc == 0)
        retention_pick(&view, &pick);
    for (int64_t i = pick.ask.offset; rc == 0 && i < (int64_t)view.count && i < pick.ask.offset + pick.ask.limit; i++)
        rc = add_chain(r, &out, &view.chains[i], &err);
    list_reply(r, &out, rc, (int64_t)view.count, &err);
}

/* --- acts -----------------------------------------------------------------------------------------------------------
 */

static struct retention_act new_act(struct req *r, struct arena *arena)
{
    return (struct retention_act){
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
        .now_ms = r->now_ms,
        .arena = arena,
    };
}

static void perform(struct req *r, db_write_fn *fn, struct retention_act *act)
{
    struct err err = {0};
    if (db_write(r->app->writer, fn, act, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

static void pin(struct req *r, db_write_fn *fn)
{
    char chain_id[UUID_SIZE];
    struct err err = {0};
    struct retention_act act = new_act(r, NULL);
    act.run_id = r->params[0];
    if (retention_chain_of(r->db, act.run_id, run_viewer(r), chain_id, &err) != 0)
        reply_error(r, &err);
    else
        perform(r, fn, &act);
}

void backup_run_pin(struct req *r)
{
    pin(r, retention_pin);
}

void backup_run_unpin(struct req *r)
{
    pin(r, retention_unpin);
}

/* For admins, who see all. */
void backup_chain_delete(struct req *r)
{
    int64_t force;
    struct arena *arena = large_arena(r);
    struct retention_act act = new_act(r, arena);
    act.chain_id = r->params[0];
    if (arena == NULL || !req_query_int(r, "force", 0, 1, 0, &force))
        return;
    act.force = force != 0;
    perform(r, retention_delete, &act);
}
