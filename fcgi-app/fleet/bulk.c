/* POST /api/agents/bulk: one act on many agents, each judged, done and audited as if it were the only one.
 *
 * The agents are named, or described as the list describes them; then it is those that the list would show at this
 * moment. Whoever is not there for this person is reported as not there. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/version.h"
#include "db/writer.h"
#include "fleet/agent_list.h"
#include "fleet/agents.h"
#include "fleet/fleet.h"
#include "http/problem.h"
#include "rollout/rollout.h"

enum { BULK_MAX = 1000, BULK_CHUNK = 100, DETAIL_MAX = 160 };

enum bulk_act { BULK_LABEL, BULK_UNLABEL, BULK_ACTIVATE, BULK_DEACTIVATE };
static const char *const act_names[] = {"label", "unlabel", "activate", "deactivate", NULL};

struct bulk_result {
    bool ok;
    const char *detail; /* why not, or what became of it; NULL: nothing to say */
};

struct bulk {
    struct req *r;
    enum bulk_act act;
    const json_t *labels; /* to set: an object; to take away: a list of names */
    const char **ids;
    size_t count;
    struct bulk_result *results;
    size_t begin, end; /* the chunk */
};

/* --- which --- */

static void read_ids(struct req *r, struct jsonread *body, struct bulk *b)
{
    const json_t *list = NULL;
    b->count = jsonread_array(body, "ids", 1, BULK_MAX, &list);
    b->ids = arena_array(r->arena, b->count, sizeof *b->ids);
    for (size_t i = 0; i < b->count && b->ids != NULL; i++)
        b->ids[i] = jsonread_item_str(body, "ids", list, i, UUID_SIZE - 1, UUID_SIZE - 1);
}

static void read_filter(struct jsonread *body, struct agent_filter *ret)
{
    struct jsonread f;
    *ret = (struct agent_filter){.status = "", .version = "", .platform = ""};
    jsonread_object(body, "filter", &f);
    list_pattern(jsonread_str_or(&f, "q", 0, LIST_Q_MAX, ""), ret->pattern);
    ret->version = jsonread_str_or(&f, "version", 0, 64, "");
    ret->platform = jsonread_str_or(&f, "platform", 0, 32, "");
    int state = jsonread_enum_or(&f, "status", agent_states, -1);
    ret->status = state >= 0 ? agent_states[state] : "";
    if (!label_patterns(jsonread_str_or(&f, "label", 0, LABEL_NAME_MAX + LABEL_VALUE_MAX, ""), &ret->label))
        jsonread_fail(&f, "label", "must be a name, or name=value");
}

/* False after a reply was set. */
static bool find_agents(struct req *r, struct jsonread *body, struct jsonread_error *wrong, struct bulk *b)
{
    struct agent_filter filter;
    struct err err = {0};
    int64_t count = 0;
    bool named = jsonread_has(body, "ids"), described = jsonread_has(body, "filter");
    if (described)
        read_filter(body, &filter);
    if (named)
        read_ids(r, body, b);
    if (named == described)
        jsonread_fail(body, "ids", "or else filter must be given");
    if (!req_fields_ok(r, wrong))
        return false;
    if (!named && agent_filter_ids(r, &filter, BULK_MAX, &b->ids, &count, &err) != 0) {
        reply_error(r, &err);
        return false;
    }
    if (count > BULK_MAX) {
        reply_invalid_field(
            r, "/filter", NULL,
            arena_printf(r->arena, "lets %lld agents through; at most %d at once", (long long)count, BULK_MAX));
        return false;
    }
    b->count = named ? b->count : (size_t)count;
    b->results = arena_array(r->arena, b->count + 1, sizeof *b->results);
    if (b->results != NULL && b->ids != NULL)
        return true;
    reply_problem(r, PROBLEM_INTERNAL, NULL);
    return false;
}

/* Those that are not theirs get their answer here and are left out of all that follows. */
static int check_sight(struct req *r, struct bulk *b, struct err *err)
{
    for (size_t i = 0; i < b->count; i++) {
        struct err why = {0};
        int rc = fleet_agent_may_see(r, b->ids[i], &why);
        if (rc != 0 && rc != ERR_NOT_FOUND) {
            *err = why;
            return rc;
        }
        b->results[i] = (struct bulk_result){rc == 0, rc == 0 ? NULL : "There is no such agent."};
    }
    return 0;
}

static void reply_results(struct req *r, const struct bulk *b)
{
    json_t *items = json_array();
    size_t done = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct bulk_result *result = &b->results[i];
        done += result->ok;
        (void)json_array_append_new(items, json_pack("{s:s,s:b,s:s}", "id", b->ids[i], "ok", result->ok, "detail",
                                                     result->detail != NULL ? result->detail : ""));
    }
    reply_json(
        r, 200,
        json_pack("{s:o,s:I,s:I}", "items", items, "done", (json_int_t)done, "failed", (json_int_t)(b->count - done)));
}

/* --- labels --- */

static int read_labels(struct db *db, const char *id, json_t **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_AGENT_LABELS, DB_ARGS(DB_TEXT("id", id)), &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_NOT_FOUND, "There is no such agent.");
    const char *text = db_rows_text(&rows, 0);
    json_t *labels = text != NULL ? json_loads(text, 0, NULL) : NULL;
    db_rows_done(&rows);
    *ret = labels != NULL ? labels : json_object();
    return 0;
}

static void change_labels(const struct bulk *b, json_t *labels)
{
    size_t i;
    json_t *name;
    if (b->act == BULK_LABEL)
        (void)json_object_update(labels, jsonread_iterable(b->labels));
    else
        json_array_foreach(jsonread_iterable(b->labels), i, name)(void)
            json_object_del(labels, json_string_value(name));
}

static int write_labels(struct db *db, const struct bulk *b, const char *id, struct err *err)
{
    json_t *before = NULL;
    int rc = read_labels(db, id, &before, err);
    if (rc != 0)
        return rc;
    json_t *after = json_deep_copy(before);
    change_labels(b, after);
    bool same = json_equal(before, after);
    char *text = labels_valid(after) ? labels_text(after) : NULL;
    if (text == NULL)
        rc = err_set(err, ERR_INVALID, "It would have more than %d labels.", LABELS_MAX);
    if (rc == 0 && !same)
        rc = db_exec(db, DB_AGENT_SET_LABELS,
                     DB_ARGS(DB_TEXT("id", id), DB_TEXT("labels", text), DB_INT("now", b->r->now_ms)), NULL, err);
    if (rc == 0 && !same) {
        struct req *r = b->r;
        struct audit_entry entry = audit_of_request(r, "agent.label", arena_printf(r->arena, "agent:%s", id));
        entry.detail = arena_printf(r->arena, "{\"labels\":%s}", text);
        rc = audit_append(db, secrets_audit_key(r->app->secrets), &entry, err);
    }
    free(text);
    json_decref(before);
    json_decref(after);
    return rc;
}

/* --- acting --- */

static int write_one(struct db *db, const struct bulk *b, const char *id, struct err *err)
{
    struct req *r = b->r;
    if (b->act == BULK_LABEL || b->act == BULK_UNLABEL)
        return write_labels(db, b, id, err);
    struct agent_change change = {
        .act = b->act == BULK_ACTIVATE ? AGENT_ACTIVATE : AGENT_DEACTIVATE,
        .id = id,
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
    };
    return agent_change(db, &change, err);
}

/* Whatever an act can refuse it refuses before it has written anything; any other failure takes the chunk back. */
static int write_chunk(struct db *db, void *ctx, struct err *err)
{
    struct bulk *b = ctx;
    int rc = 0;
    for (size_t i = b->begin; rc == 0 && i < b->end; i++) {
        struct err why = {0};
        if (!b->results[i].ok)
            continue;
        rc = write_one(db, b, b->ids[i], &why);
        if (rc == ERR_NOT_FOUND || rc == ERR_INVALID || rc == ERR_CONFLICT) {
            b->results[i] = (struct bulk_result){false, arena_strndup(b->r->arena, why.msg, DETAIL_MAX)};
            rc = 0;
        } else if (rc != 0) {
            *err = why;
        }
    }
    return rc == 0 ? db_changed(db, "presence", err) : rc;
}

/* In chunks, so that other writes get their turn. What is done when one fails stays done, and is said. */
static int act_on_all(struct req *r, struct bulk *b, struct err *err)
{
    int rc = 0;
    for (b->begin = 0; rc == 0 && b->begin < b->count; b->begin = b->end) {
        b->end = b->begin + BULK_CHUNK < b->count ? b->begin + BULK_CHUNK : b->count;
        rc = db_write(r->app->writer, write_chunk, b, err);
        for (size_t i = b->begin; rc != 0 && b->begin > 0 && i < b->count; i++)
            b->results[i] = (struct bulk_result){false, "The server could not store it; try again."};
        if (rc != 0 && b->begin > 0)
            return 0;
    }
    return rc;
}

static void wake_all(struct req *r, const struct bulk *b)
{
    for (size_t i = 0; b->act >= BULK_ACTIVATE && i < b->count; i++)
        if (b->results[i].ok)
            fleet_agent_wake(r->app, b->ids[i]);
}

static void read_args(struct jsonread *body, struct bulk *b)
{
    struct jsonread args, labels;
    if (b->act != BULK_LABEL && b->act != BULK_UNLABEL)
        return;
    jsonread_object(body, "args", &args);
    if (b->act == BULK_UNLABEL) {
        size_t count = jsonread_array(&args, "names", 1, LABELS_MAX, &b->labels);
        for (size_t i = 0; i < count; i++)
            (void)jsonread_item_str(&args, "names", b->labels, i, 1, LABEL_NAME_MAX);
        return;
    }
    jsonread_object(&args, "labels", &labels);
    b->labels = labels.object;
    if (b->labels != NULL && (json_object_size(b->labels) == 0 || !labels_valid(b->labels)))
        jsonread_fail(&args, "labels", "must be 1 to %d names of up to %d bytes with texts of up to %d", LABELS_MAX,
                      LABEL_NAME_MAX, LABEL_VALUE_MAX);
}

void fleet_agent_bulk(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct bulk b = {.r = r};
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    b.act = (enum bulk_act)jsonread_enum(&body, "action", act_names);
    if (!wrong.failed)
        read_args(&body, &b);
    if (!find_agents(r, &body, &wrong, &b))
        return;
    int rc = check_sight(r, &b, &err);
    if (rc == 0)
        rc = act_on_all(r, &b, &err);
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    wake_all(r, &b);
    reply_results(r, &b);
}

/* --- updating: a route of its own, with the scope and the proof that an order for one agent asks for --- */

void fleet_agent_bulk_update(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct bulk b = {.r = r};
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    const char *version = jsonread_str(&body, "version", 1, UPDATE_VERSION_SIZE - 1);
    if (version != NULL && !version_valid(version))
        jsonread_fail(&body, "version", "must be a version such as 0.2.0");
    if (!find_agents(r, &body, &wrong, &b))
        return;
    if (check_sight(r, &b, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    for (size_t i = 0; i < b.count; i++) {
        struct err why = {0};
        char rollout_id[UUID_SIZE];
        if (!b.results[i].ok || rollout_order_agent(r, b.ids[i], version, rollout_id, &why) == 0)
            continue;
        bool ours = why.code != ERR_NOT_FOUND && why.code != ERR_CONFLICT && why.code != ERR_INVALID;
        b.results[i] = (struct bulk_result){false, ours ? "The server could not store it; try again."
                                                        : arena_strndup(r->arena, why.msg, DETAIL_MAX)};
    }
    reply_results(r, &b);
}
