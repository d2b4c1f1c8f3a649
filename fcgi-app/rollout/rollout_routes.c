/* The routes under /api/rollouts. Whoever has made a rollout, and admins, may change it; whoever may see one of its
 * agents may see it, with the counts and members that are theirs to see. */
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/uuid.h"
#include "common/version.h"
#include "db/writer.h"
#include "http/list.h"
#include "http/problem.h"
#include "http/request.h"
#include "rollout/act.h"

enum { AGENTS_MAX = 1000, LABELS_MAX = 16, LABEL_MAX = 128, SALT_MAX = 64 };

/* :viewer of the statements: NULL sees all. */
static const char *viewer_of(const struct req *r)
{
    return r->principal.role == ROLE_ADMIN ? NULL : r->principal.id;
}

/* Whether the person may see it: 0 or ERR_NOT_FOUND. */
static int may_see(struct req *r, const char *id, bool *ret_owner, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_ROLLOUT_VISIBLE, DB_ARGS(DB_TEXT("id", id), DB_TEXT("viewer", viewer_of(r))), &rows,
                          err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such rollout");
    if (rc < 0)
        return rc;
    const char *owner = db_rows_text(&rows, 0);
    *ret_owner = owner != NULL && strcmp(owner, r->principal.id) == 0;
    db_rows_done(&rows);
    return 0;
}

/* Whoever has made it may have lost a grant since: nobody is shown more of it than is theirs to see. */
static int read_rollout(struct req *r, const char *id, json_t **ret, struct err *err)
{
    struct rollout rollout = {0};
    bool owner = false;
    int rc = may_see(r, id, &owner, err);
    if (rc == 0)
        rc = rollout_load(r->db, id, &rollout, err);
    if (rc == 0)
        rc = rollout_json(r->db, &rollout, viewer_of(r), ret, err);
    rollout_done(&rollout);
    return rc;
}

static void reply_rollout(struct req *r, int status, const char *id)
{
    struct err err = {0};
    json_t *json = NULL;
    if (read_rollout(r, id, &json, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, status, json);
}

void rollout_get(struct req *r)
{
    reply_rollout(r, 200, r->params[0]);
}

/* --- lists --- */

static const char *query_or_empty(struct req *r, const char *name)
{
    const char *value = req_query(r, name);
    return value != NULL ? value : "";
}

struct list_query {
    struct list_ask ask;
    const char *state, *version;
};

static const struct csv_column rollout_columns[] = {
    {"id", "id", CSV_PLAIN},         {"version", "version", CSV_PLAIN}, {"from", "previousVersion", CSV_PLAIN},
    {"kind", "kind", CSV_PLAIN},     {"state", "state", CSV_PLAIN},     {"reason", "reason", CSV_PLAIN},
    {"agents", "counts", CSV_PLAIN}, {"begun", "created_ms", CSV_TIME}, {"ended", "finished_ms", CSV_TIME},
    {NULL, NULL, CSV_PLAIN},
};

static bool read_list_query(struct req *r, struct list_query *ret)
{
    static const char *const sorts[] = {"created", "finished", "version", "state", NULL};
    enum rollout_state state;
    ret->state = query_or_empty(r, "state");
    ret->version = query_or_empty(r, "version");
    if (ret->state[0] != '\0' && !rollout_state_parse(ret->state, &state)) {
        reply_invalid_field(r, "", "state", "state must be one of a rollout's states");
        return false;
    }
    return list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "rollouts"}, &ret->ask);
}

static int list_rollouts(struct req *r, const struct list_query *q, struct list_out *out, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, DB_ROLLOUT_PAGE_SORTED,
                      DB_ARGS(DB_TEXT("viewer", viewer_of(r)), DB_TEXT("state", q->state),
                              DB_TEXT("version", q->version), DB_TEXT("q", q->ask.pattern),
                              DB_TEXT("sort", q->ask.sort), DB_INT("descending", q->ask.descending),
                              DB_INT("limit", q->ask.limit), DB_INT("offset", q->ask.offset)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *item = NULL;
        rc = read_rollout(r, db_rows_text(&rows, 0), &item, err);
        if (rc == 0)
            rc = list_add(out, item, err);
    }
    db_rows_done(&rows);
    return rc;
}

void rollout_list(struct req *r)
{
    struct list_query q;
    struct list_out out;
    struct err err = {0};
    int64_t total = 0;
    if (!read_list_query(r, &q))
        return;
    list_begin(&out, &q.ask, rollout_columns);
    int rc = db_read_begin(r->db, &err);
    if (rc == 0) {
        rc = db_query_number(r->db, DB_ROLLOUT_PAGE_COUNT,
                             DB_ARGS(DB_TEXT("viewer", viewer_of(r)), DB_TEXT("state", q.state),
                                     DB_TEXT("version", q.version), DB_TEXT("q", q.ask.pattern)),
                             &total, &err);
        if (rc == 0)
            rc = list_rollouts(r, &q, &out, &err);
        db_read_end(r->db);
    }
    list_reply(r, &out, rc, total, &err);
}

static json_t *int_or_null(const struct db_rows *rows, int column)
{
    return db_rows_null(rows, column) ? json_null() : json_integer((json_int_t)db_rows_int(rows, column, 0));
}

static json_t *member_json(const struct db_rows *rows)
{
    return json_pack("{s:s,s:s,s:s,s:I,s:o,s:s,s:s,s:o,s:s,s:b,s:o,s:o,s:I}", "agentId", db_rows_text(rows, 0),
                     "agentName", db_rows_text(rows, 1), "agentVersion", db_rows_text(rows, 2), "bucket",
                     (json_int_t)db_rows_int(rows, 3, 0), "stage", int_or_null(rows, 4), "direction",
                     db_rows_text(rows, 5), "state", db_rows_text(rows, 6), "percent", int_or_null(rows, 7), "reason",
                     db_rows_text(rows, 8), "forced", db_rows_int(rows, 9, 0) != 0, "offered_ms", int_or_null(rows, 10),
                     "deadline_ms", int_or_null(rows, 11), "state_ms", (json_int_t)db_rows_int(rows, 12, 0));
}

static const struct csv_column member_columns[] = {
    {"agent", "agentName", CSV_PLAIN},   {"id", "agentId", CSV_PLAIN},      {"version", "agentVersion", CSV_PLAIN},
    {"stage", "stage", CSV_PLAIN},       {"state", "state", CSV_PLAIN},     {"reason", "reason", CSV_PLAIN},
    {"offered", "offered_ms", CSV_TIME}, {"changed", "state_ms", CSV_TIME}, {NULL, NULL, CSV_PLAIN},
};

static int list_members(struct req *r, const char *viewer, const struct list_query *q, struct list_out *out,
                        struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, DB_ROLLOUT_MEMBER_PAGE_SORTED,
                      DB_ARGS(DB_TEXT("rollout", r->params[0]), DB_TEXT("viewer", viewer), DB_TEXT("state", q->state),
                              DB_TEXT("q", q->ask.pattern), DB_TEXT("sort", q->ask.sort),
                              DB_INT("descending", q->ask.descending), DB_INT("limit", q->ask.limit),
                              DB_INT("offset", q->ask.offset)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, member_json(&rows), err);
    db_rows_done(&rows);
    return rc;
}

void rollout_members(struct req *r)
{
    static const char *const sorts[] = {"trouble", "name", "state", "version", "changed", NULL};
    struct list_query q = {.state = query_or_empty(r, "state")};
    struct list_out out;
    enum member_state state;
    const char *viewer = viewer_of(r);
    bool owner = false;
    struct err err = {0};
    int64_t total = 0;
    if (q.state[0] != '\0' && !member_state_parse(q.state, &state)) {
        reply_invalid_field(r, "", "state", "state must be one of a member's states");
        return;
    }
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .name = "members"}, &q.ask))
        return;
    list_begin(&out, &q.ask, member_columns);
    int rc = may_see(r, r->params[0], &owner, &err);
    if (rc == 0)
        rc = db_query_number(r->db, DB_ROLLOUT_MEMBER_PAGE_COUNT,
                             DB_ARGS(DB_TEXT("rollout", r->params[0]), DB_TEXT("viewer", viewer),
                                     DB_TEXT("state", q.state), DB_TEXT("q", q.ask.pattern)),
                             &total, &err);
    if (rc == 0)
        rc = list_members(r, viewer, &q, &out, &err);
    list_reply(r, &out, rc, total, &err);
}

/* --- creating --- */

static void read_labels(struct jsonread *target)
{
    const char *key;
    json_t *value;
    struct jsonread labels;
    jsonread_object(target, "labels", &labels);
    if (labels.object == NULL)
        return;
    size_t count = json_object_size(labels.object);
    if (count == 0 || count > LABELS_MAX)
        jsonread_fail(target, "labels", "must be 1 to %d labels", LABELS_MAX);
    json_object_foreach(jsonread_iterable(labels.object), key, value)
    {
        size_t len = json_string_length(value);
        if (!json_is_string(value) || len > LABEL_MAX || strlen(key) > LABEL_MAX)
            jsonread_fail(target, "labels", "must be texts of at most %d bytes", LABEL_MAX);
    }
}

static void read_agents(struct jsonread *target)
{
    const json_t *list = NULL;
    size_t count = jsonread_array(target, "agents", 1, AGENTS_MAX, &list);
    for (size_t i = 0; i < count; i++)
        (void)jsonread_item_str(target, "agents", list, i, UUID_SIZE - 1, UUID_SIZE - 1);
}

/* The target as it is stored: one of its three forms and nothing beside. NULL when it is wrong or memory is out. */
static json_t *read_target(struct jsonread *body)
{
    struct jsonread target;
    jsonread_object(body, "target", &target);
    if (target.object == NULL)
        return NULL;
    bool all = jsonread_bool_or(&target, "all", false), labels = jsonread_has(&target, "labels"),
         agents = jsonread_has(&target, "agents");
    if (all + labels + agents != 1)
        jsonread_fail(body, "target", "must have one of all, labels and agents");
    if (labels)
        read_labels(&target);
    if (agents)
        read_agents(&target);
    if (target.error->failed)
        return NULL;
    const char *name = all ? "all" : labels ? "labels" : "agents";
    return json_pack("{s:O}", name, json_object_get(target.object, name));
}

static const char *read_version(struct jsonread *body, const char *key, bool required)
{
    const char *version = required ? jsonread_str(body, key, 1, UPDATE_VERSION_SIZE - 1)
                                   : jsonread_str_or(body, key, 1, UPDATE_VERSION_SIZE - 1, NULL);
    if (version != NULL && !version_valid(version))
        jsonread_fail(body, key, "must be a version such as 0.2.0");
    return version;
}

static int write_create(struct db *db, void *ctx, struct err *err)
{
    return act_create(db, ctx, err);
}

/* Agents that are not there or not theirs are a wrong field, as everywhere where a body names them. */
static void reply_create_error(struct req *r, const struct rollout_new *new, const struct err *err)
{
    if (err->code == ERR_NOT_FOUND && strncmp(err->msg, "no such agent", 13) == 0)
        reply_invalid_field(r, "/target/agents", NULL, "must be agents of yours");
    else if (err->code == ERR_NOT_FOUND)
        reply_problem(r, PROBLEM_CONFLICT, arena_printf(r->arena, "There is no release %s.", new->version));
    else
        reply_error(r, err);
}

void rollout_create(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    struct rollout_new new = {
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
        .kind = ROLLOUT_STAGED,
        .owner_id = r->principal.id,
        .version = read_version(&body, "version", true),
        .previous_version = read_version(&body, "previousVersion", false),
        .now_ms = r->now_ms,
    };
    rollout_plan_default(&new.plan);
    rollout_plan_read(&body, &new.plan);
    new.salt = jsonread_str_or(&body, "salt", 0, SALT_MAX, NULL);
    json_t *target = read_target(&body);
    new.target = target;
    if (req_fields_ok(r, &wrong)) {
        if (target == NULL)
            reply_problem(r, PROBLEM_INTERNAL, NULL);
        else if (db_write(r->app->writer, write_create, &new, &err) != 0)
            reply_create_error(r, &new, &err);
        else
            reply_rollout(r, 201, new.id);
    }
    json_decref(target);
}

/* --- acts --- */

static int write_change(struct db *db, void *ctx, struct err *err)
{
    return act_change(db, ctx, err);
}

/* Only who has made it, or an admin. Others who may see it are told so. */
static int may_change(struct req *r, const char *id, struct err *err)
{
    bool owner = false;
    int rc = may_see(r, id, &owner, err);
    if (rc == 0 && !owner && viewer_of(r) != NULL)
        rc = err_set(err, ERR_DENIED, "another person has made this rollout");
    return rc;
}

static void act(struct req *r, enum rollout_act act, const struct rollout_plan *plan)
{
    struct err err = {0};
    struct rollout_change change = {
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
        .act = act,
        .id = r->params[0],
        .plan = plan,
        .now_ms = r->now_ms,
    };
    int rc = may_change(r, change.id, &err);
    if (rc == 0)
        rc = db_write(r->app->writer, write_change, &change, &err);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_rollout(r, 200, change.id);
}

void rollout_pause(struct req *r)
{
    act(r, ACT_PAUSE, NULL);
}

void rollout_resume(struct req *r)
{
    act(r, ACT_RESUME, NULL);
}

void rollout_abort(struct req *r)
{
    act(r, ACT_ABORT, NULL);
}

void rollout_rollback(struct req *r)
{
    act(r, ACT_ROLLBACK, NULL);
}

void rollout_advance(struct req *r)
{
    act(r, ACT_ADVANCE, NULL);
}

void rollout_change(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    struct rollout rollout = {0};
    struct rollout_plan plan;
    if (!req_json(r, &wrong, &body))
        return;
    /* Before the object: what is wrong with the body is said whatever it is about. */
    rollout_plan_default(&plan);
    rollout_plan_read(&body, &plan);
    if (!req_fields_ok(r, &wrong))
        return;
    int rc = may_change(r, r->params[0], &err);
    if (rc == 0)
        rc = rollout_load(r->db, r->params[0], &rollout, &err);
    if (rc == 0) {
        rollout_plan_read(&body, &rollout.plan);
        act(r, ACT_CHANGE, &rollout.plan);
    } else {
        reply_error(r, &err);
    }
    rollout_done(&rollout);
}
