/* POST /api/agent/restore: a backup to be read back, with links to all it takes; and POST /api/agent/backup/verified:
 * what reading one back has shown. */
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "common/clock.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "http/request.h"
#include "restore/pathtext.h"
#include "restore/restorable.h"
#include "restore/thaw.h"
#include "restore/verified.h"
#include "store/store.h"

enum { GET_EXPIRES_S = 3600, CONFIG_NAME_BYTES = 120, DETAIL_BYTES = 1000 };

/* --- the links ------------------------------------------------------------------------------------------------------
 */

struct linking {
    struct req *r;
    struct arena *arena;
    int64_t expires_ms; /* of the last one made */
};

static int object_url(struct linking *l, const char *path, const char **ret, struct err *err)
{
    const struct store_url want = {.agent_id = l->r->principal.id,
                                   .method = "GET",
                                   .path = path,
                                   .now_ms = l->r->now_ms,
                                   .expires_s = GET_EXPIRES_S};
    return store_presign(l->r->app->store, &want, l->arena, ret, &l->expires_ms, err);
}

static int add_objects(struct linking *l, const struct restorable_link *link, json_t *json, struct err *err)
{
    json_t *volumes = json_array();
    json_t *index = json_null();
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < link->object_count; i++) {
        const struct restorable_object *o = &link->objects[i];
        const char *url = NULL;
        rc = object_url(l, o->path, &url, err);
        if (rc != 0)
            break;
        if (o->number == 0)
            index = json_pack("{s:I, s:s}", "size", (json_int_t)o->size, "url", url);
        else
            (void)json_array_append_new(volumes, json_pack("{s:I, s:I, s:s}", "number", (json_int_t)o->number, "size",
                                                           (json_int_t)o->size, "url", url));
    }
    (void)json_object_set_new(json, "volumes", volumes);
    (void)json_object_set_new(json, "index", index);
    return rc;
}

static int add_link(struct linking *l, const struct restorable_link *link, json_t *chain, struct err *err)
{
    json_t *json = json_pack("{s:s, s:s, s:I, s:s, s:I, s:s?, s:b, s:I, s:I}", "logId", link->run_id, "type",
                             link->type, "seq", (json_int_t)link->seq, "filename", link->filename, "size",
                             (json_int_t)link->size, "sha256", link->sha256, "encrypted", link->encrypted,
                             "finished_ms", (json_int_t)link->finished_ms, "files", (json_int_t)link->files);
    if (json == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a chain");
    int rc = add_objects(l, link, json, err);
    if (json_array_append_new(chain, json) != 0 && rc == 0)
        rc = err_set(err, ERR_NOMEM, "no memory for a chain");
    return rc;
}

/* Agents that know of no chains read the fields of the run alone, and its url when that is all of it. */
static json_t *reply_of(struct linking *l, const struct restorable *b, json_t *chain)
{
    const struct restorable_link *t = restorable_target(b);
    char expires[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(l->expires_ms, expires);
    json_t *json = json_pack("{s:b, s:s, s:s?, s:s, s:s, s:I, s:s?, s:s, s:I, s:s, s:b, s:s?, s:s, s:O}", "success", 1,
                             "logId", b->run_id, "configId", b->config_id, "configName", b->config_name, "filename",
                             t->filename, "size", (json_int_t)t->size, "sha256", t->sha256, "status", b->status,
                             "finished_ms", (json_int_t)t->finished_ms, "expiresAt", expires, "encrypted", t->encrypted,
                             "method", restorable_method(t), "type", t->type, "chain", chain);
    const json_t *volumes = json_object_get(json_array_get(chain, 0), "volumes");
    if (b->count == 1 && json_array_size(volumes) == 1)
        (void)json_object_set(json, "url", json_object_get(json_array_get(volumes, 0), "url"));
    return json;
}

static void free_arena(void *arena)
{
    arena_free(arena);
}

static int links(struct req *r, const struct restorable *b, struct arena *arena, json_t **ret, struct err *err)
{
    struct linking l = {.r = r, .arena = arena};
    json_t *chain = json_array();
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->count; i++)
        rc = add_link(&l, &b->links[i], chain, err);
    if (rc == 0)
        *ret = reply_of(&l, b, chain);
    json_decref(chain);
    return rc;
}

static bool read_wanted(struct req *r, struct restorable_wanted *w)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    w->run_id = jsonread_str_or(&body, "logId", 1, UUID_SIZE, NULL);
    w->config_id = jsonread_str_or(&body, "configId", 1, UUID_SIZE, NULL);
    w->config_name = jsonread_str_or(&body, "configName", 1, CONFIG_NAME_BYTES, NULL);
    w->at_ms = jsonread_int_or(&body, "at_ms", 1, INT64_MAX, 0);
    w->agent_id = r->principal.id;
    return req_fields_ok(r, &wrong);
}

void backup_restore(struct req *r)
{
    struct restorable_wanted wanted = {0};
    struct restorable found;
    struct thaw thaw;
    struct err err = {0};
    json_t *json = NULL;
    if (!read_wanted(r, &wanted))
        return;
    struct arena *arena = arena_new(RESTORABLE_ARENA_BYTES);
    int rc = arena == NULL || arena_cleanup(r->arena, free_arena, arena) != 0
                 ? err_set(&err, ERR_NOMEM, "no memory for a chain")
                 : restorable_find(r->db, &wanted, arena, &found, &err);
    if (rc == 0)
        rc = thaw_chain(r->app, &found, r->now_ms, arena, &thaw, &err);
    if (rc == 0 && thaw.waiting > 0) {
        reply_retry_after(r, PROBLEM_ARCHIVED, THAW_RETRY_S,
                          "The store was asked to bring this backup back from its archive, which takes hours.");
        return;
    }
    if (rc == 0)
        rc = links(r, &found, arena, &json, &err);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json);
}

/* --- what reading has shown -----------------------------------------------------------------------------------------
 */

static bool read_verified(struct req *r, struct verified *v)
{
    static const char *const verdicts[] = {"proven", "intact", "failed", NULL};
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    v->run_id = jsonread_str(&body, "logId", 1, UUID_SIZE);
    if (v->run_id != NULL && !uuid_valid(v->run_id))
        jsonread_fail(&body, "logId", "must be a UUID in lower case");
    int verdict = jsonread_enum(&body, "result", verdicts);
    v->verdict = verdict >= 0 ? (enum verdict)verdict : VERDICT_FAILED;
    v->detail = jsonread_text_or(&body, "detail", 0, DETAIL_BYTES, "");
    (void)jsonread_int_or(&body, "entries", 0, INT64_MAX, 0);
    (void)jsonread_int_or(&body, "bytes", 0, INT64_MAX, 0);
    return req_fields_ok(r, &wrong);
}

void backup_verified(struct req *r)
{
    struct verified v = {.agent_id = r->principal.id, .now_ms = r->now_ms};
    struct db_rows rows;
    struct err err = {0};
    if (!read_verified(r, &v))
        return;
    const struct restorable_wanted wanted = {.agent_id = r->principal.id, .run_id = v.run_id};
    int rc = restorable_query(r->db, &wanted, 1, r->arena, &rows, &err);
    if (rc == 0)
        rc = db_rows_next(&rows, &err);
    if (rc == DB_ROW) {
        v.owner_id = arena_strdup(r->arena, db_rows_text(&rows, 3));
        v.config_name = arena_strdup(r->arena, db_rows_text(&rows, 2));
        rc = v.owner_id == NULL || v.config_name == NULL ? err_set(&err, ERR_NOMEM, "no memory") : 0;
    } else if (rc == DB_DONE) {
        rc = err_set(&err, ERR_NOT_FOUND, "There is no such backup that this agent may read.");
    }
    db_rows_done(&rows);
    if (rc == 0)
        rc = db_write(r->app->writer, verified_write, &v, &err);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
