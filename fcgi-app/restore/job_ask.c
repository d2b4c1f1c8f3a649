#include "restore/job_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restore/pathtext.h"
#include "restore/restorable.h"

enum { PATH_BYTES = 4095, PATHS_MAX = 1000, PATTERNS_MAX = 200 };

/* --- what a restore is to do ----------------------------------------------------------------------------------------
 */

static bool walks_up(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
            return true;
    return false;
}

/* With neither, the host makes a directory of its own. */
static void read_target(struct jsonread *body, json_t *out)
{
    const char *target = jsonread_text_or(body, "target", 1, PATH_BYTES, NULL);
    bool original = jsonread_bool_or(body, "original", false);
    if (target != NULL && (target[0] != '/' || walks_up(target)))
        jsonread_fail(body, "target", "must be an absolute path without ..");
    if (original && target != NULL)
        jsonread_fail(body, "target", "must not be given with original");
    if (original)
        (void)json_object_set_new(out, "original", json_true());
    else if (target != NULL)
        (void)json_object_set_new(out, "target", json_string(target));
}

/* NULL: it cannot be one. */
static json_t *path_of(struct arena *arena, const char *text)
{
    size_t len = 0;
    const char *path = pathtext_bytes(arena, text, &len);
    if (path == NULL || !pathtext_is_utf8(path, len) || walks_up(path))
        return NULL;
    for (; len > 0 && path[0] == '/'; len--)
        path++;
    while (len > 0 && path[len - 1] == '/')
        len--;
    return json_stringn(path, len);
}

static json_t *read_paths(struct jsonread *body, struct arena *arena)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(body, "paths", PATHS_MAX, &list);
    bool all = false;
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *text = jsonread_item_str(body, "paths", list, i, 1, PATH_BYTES);
        json_t *path = text != NULL ? path_of(arena, text) : NULL;
        if (path == NULL)
            jsonread_fail(body, "paths",
                          "must name files without ..; one whose name is not UTF-8 comes with its directory");
        all = all || (path != NULL && json_string_length(path) == 0);
        (void)json_array_append_new(out, path);
    }
    if (all)
        (void)json_array_clear(out);
    return out;
}

static json_t *read_patterns(struct jsonread *body)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(body, "patterns", PATTERNS_MAX, &list);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *text = jsonread_item_str(body, "patterns", list, i, 1, PATH_BYTES);
        if (text != NULL)
            (void)json_array_append_new(out, json_string(text));
    }
    return out;
}

json_t *job_restore_read(struct jsonread *body, struct arena *arena)
{
    static const char *const policies[] = {"never", "newer", "changed", "always", NULL};
    json_t *out = json_object();
    read_target(body, out);
    json_t *paths = read_paths(body, arena);
    json_t *patterns = read_patterns(body);
    int policy = jsonread_enum_or(body, "policy", policies, 0);
    bool dry = jsonread_bool_or(body, "dryRun", false);
    bool ok = json_object_set_new(out, "paths", paths) == 0 && json_object_set_new(out, "patterns", patterns) == 0 &&
              json_object_set_new(out, "policy", json_string(policies[policy >= 0 && policy < 4 ? policy : 0])) == 0 &&
              json_object_set_new(out, "dryRun", json_boolean(dry)) == 0;
    if (ok && !body->error->failed)
        return out;
    json_decref(out);
    return NULL;
}

/* --- who does it ----------------------------------------------------------------------------------------------------
 */

/* What is known of the run before anybody is asked. */
struct subject {
    const char *run_agent_id;
    const char *config_agent_id;
    const char *verify_agent_id;
    bool ended_well;
    bool deleted;
};

static const char *verify_agent(struct arena *arena, const char *options)
{
    json_t *json = options != NULL ? json_loads(options, 0, NULL) : NULL;
    const char *id = arena_strdup(arena, json_string_value(json_object_get(json, "verifyAgentId")));
    json_decref(json);
    return id;
}

static int read_subject(struct db *db, const char *run_id, const char *viewer, struct arena *arena, struct job_new *job,
                        struct subject *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_JOB_RUN, DB_ARGS(DB_TEXT("id", run_id), DB_TEXT("viewer", viewer)), &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_NOT_FOUND, "There is no such run.") : rc;
    const char *status = db_rows_text(&rows, 3);
    job->run_id = arena_strdup(arena, run_id);
    job->config_id = arena_strdup(arena, db_rows_text(&rows, 0));
    job->user_id = arena_strdup(arena, db_rows_text(&rows, 2));
    *ret = (struct subject){
        .run_agent_id = arena_strdup(arena, db_rows_text(&rows, 1)),
        .ended_well = strcmp(status, "completed") == 0 || strcmp(status, "warning") == 0,
        .deleted = !db_rows_null(&rows, 4),
        .config_agent_id = arena_strdup(arena, db_rows_text(&rows, 6)),
        .verify_agent_id = verify_agent(arena, db_rows_text(&rows, 7)),
    };
    db_rows_done(&rows);
    return job->run_id != NULL && job->user_id != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a job");
}

static const char *by_itself(const struct job_new *job, const struct subject *s)
{
    if (strcmp(job->kind, "verify") == 0 && s->verify_agent_id != NULL)
        return s->verify_agent_id;
    return s->config_agent_id != NULL ? s->config_agent_id : s->run_agent_id;
}

int job_ask_plan(struct db *db, const char *run_id, const char *viewer, const char *wanted, struct arena *arena,
                 struct job_new *job, struct err *err)
{
    struct subject s;
    struct restorable run;
    int rc = read_subject(db, run_id, viewer, arena, job, &s, err);
    if (rc != 0)
        return rc;
    if (s.deleted)
        return err_set(err, ERR_CONFLICT, "The run was deleted.");
    if (!s.ended_well)
        return err_set(err, ERR_CONFLICT, "Only a run that has ended well can be read back.");
    job->agent_id = wanted != NULL ? wanted : by_itself(job, &s);
    if (job->agent_id == NULL)
        return err_set(err, ERR_CONFLICT, "There is no agent to ask: assign the config to one.");
    const struct restorable_wanted which = {.agent_id = job->agent_id, .run_id = run_id};
    rc = restorable_find(db, &which, arena, &run, err);
    return rc == ERR_NOT_FOUND ? err_set(err, ERR_DENIED,
                                         "That agent may not read this run: it is neither the one "
                                         "that made it nor the one its config is assigned to.")
                               : rc;
}

/* --- making it ------------------------------------------------------------------------------------------------------
 */

/* How many paths rather than which, and none where to: the job has them, the trail is kept for ever, and a path may be
 * called after a person. NULL: out of memory. */
static char *audit_detail(const struct job_ask *ask)
{
    const json_t *request = ask->job.request;
    json_t *detail = json_pack("{s:s, s:s}", "job", ask->id, "agent", ask->job.agent_id);
    static const char *const kept[] = {"original", "policy", "dryRun"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        (void)json_object_set(detail, kept[i], json_object_get(request, kept[i]));
    size_t paths = json_array_size(json_object_get(request, "paths"));
    size_t patterns = json_array_size(json_object_get(request, "patterns"));
    if (paths > 0)
        (void)json_object_set_new(detail, "paths", json_integer((json_int_t)paths));
    if (patterns > 0)
        (void)json_object_set_new(detail, "patterns", json_integer((json_int_t)patterns));
    char *text = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;
    json_decref(detail);
    return text;
}

int job_ask_write(struct db *db, void *ctx, struct err *err)
{
    struct job_ask *ask = ctx;
    char target[64], action[32];
    int rc = job_create(db, &ask->job, ask->id, err);
    if (rc != 0)
        return rc;
    (void)snprintf(target, sizeof target, "run:%s", ask->job.run_id);
    (void)snprintf(action, sizeof action, "run.%s", ask->job.kind);
    char *text = audit_detail(ask);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a job");
    struct audit_entry entry = ask->audit;
    entry.action = action;
    entry.target = target;
    entry.detail = text;
    rc = audit_append(db, ask->audit_key, &entry, err);
    free(text);
    return rc;
}
