#include "restore/remote_restore.h"

#include <string.h>

#include "backup/remote.h"
#include "common/jsonread.h"

enum { NAME_BYTES = 200, URL_BYTES = 8000, SHA256_HEX = 64 };

static const char *read_id(struct jsonread *r, struct arena *arena)
{
    return arena_strdup(arena, remote_read_id(r, "logId"));
}

static const char *read_hash(struct jsonread *r, struct arena *arena)
{
    const char *hash = jsonread_str_or(r, "sha256", SHA256_HEX, SHA256_HEX, NULL);
    if (hash != NULL && strspn(hash, "0123456789abcdef") != SHA256_HEX)
        jsonread_fail(r, "sha256", "must be hexadecimal");
    const char *copy = arena_strdup(arena, hash);
    return hash != NULL && copy == NULL ? "" : copy; /* one there is no room for must not pass for none */
}

static struct remote_object read_object(struct jsonread *r, struct arena *arena)
{
    return (struct remote_object){
        .size = jsonread_int(r, "size", 0, INT64_MAX),
        .url = arena_strdup(arena, jsonread_str(r, "url", 1, URL_BYTES)),
    };
}

/* Volumes are numbered 1, 2, … and make up the archive's size; else an archive could be cut where one of them ends. */
static void read_volumes(struct jsonread *r, struct arena *arena, struct remote_archive *a)
{
    const json_t *list = NULL;
    size_t count = jsonread_array(r, "volumes", 1, REMOTE_VOLUMES_MAX, &list);
    struct remote_object *volumes = arena_array(arena, count, sizeof *volumes);
    int64_t left = a->size;
    for (size_t i = 0; volumes != NULL && i < count; i++) {
        struct jsonread item;
        jsonread_item(r, "volumes", list, i, &item);
        if (jsonread_int(&item, "number", 1, REMOTE_VOLUMES_MAX) != (int64_t)i + 1)
            jsonread_fail(&item, "number", "must count from 1");
        volumes[i] = read_object(&item, arena);
        if (volumes[i].size > left)
            jsonread_fail(&item, "size", "is more than the archive has");
        left -= volumes[i].size;
    }
    if (volumes != NULL && count > 0 && left != 0)
        jsonread_fail(r, "size", "is not that of the volumes");
    a->volumes = volumes;
    a->volume_count = volumes == NULL ? 0 : count;
}

static void read_archive(struct jsonread *r, size_t seq, struct arena *arena, struct remote_archive *ret)
{
    static const char *const types[] = {"full", "incremental", NULL};
    struct jsonread index;
    *ret = (struct remote_archive){
        .log_id = read_id(r, arena),
        .filename = arena_strdup(arena, jsonread_str_or(r, "filename", 0, NAME_BYTES, "")),
        .size = jsonread_int(r, "size", 0, INT64_MAX),
        .sha256 = read_hash(r, arena),
        .encrypted = jsonread_bool_or(r, "encrypted", false),
    };
    if ((jsonread_enum(r, "type", types) == 1) != (seq > 0) || jsonread_int(r, "seq", 0, INT64_MAX) != (int64_t)seq)
        jsonread_fail(r, "seq", "is not the next one of a chain");
    read_volumes(r, arena, ret);
    if (jsonread_has(r, "index")) {
        jsonread_object(r, "index", &index);
        ret->index = read_object(&index, arena);
    }
}

static void read_chain(struct jsonread *r, struct arena *arena, struct remote_chain *ret)
{
    const json_t *list = NULL;
    size_t count = jsonread_array(r, "chain", 1, REMOTE_CHAIN_MAX, &list);
    struct remote_archive *archives = arena_array(arena, count, sizeof *archives);
    for (size_t i = 0; archives != NULL && i < count; i++) {
        struct jsonread item;
        jsonread_item(r, "chain", list, i, &item);
        read_archive(&item, i, arena, &archives[i]);
        if (count > 1 && !jsonread_has(&item, "sha256"))
            jsonread_fail(&item, "sha256", "is missing");
    }
    ret->archives = archives;
    ret->count = archives == NULL ? 0 : count;
    if (ret->count > 0 && archives[count - 1].log_id != NULL && ret->log_id != NULL &&
        strcmp(archives[count - 1].log_id, ret->log_id) != 0)
        jsonread_fail(r, "chain", "ends with another run");
}

static void read_single(struct jsonread *r, struct arena *arena, struct remote_chain *ret)
{
    struct remote_archive *archive = arena_alloc(arena, sizeof *archive);
    struct remote_object *volume = arena_alloc(arena, sizeof *volume);
    if (archive == NULL || volume == NULL)
        return;
    volume->size = jsonread_int_or(r, "size", 0, INT64_MAX, -1);
    volume->url = arena_strdup(arena, jsonread_str(r, "url", 1, URL_BYTES));
    *archive = (struct remote_archive){
        .log_id = ret->log_id,
        .filename = ret->filename,
        .size = volume->size,
        .sha256 = read_hash(r, arena),
        .encrypted = jsonread_bool_or(r, "encrypted", false),
        .volumes = volume,
        .volume_count = 1,
    };
    ret->archives = archive;
    ret->count = 1;
}

/* Whether every copy into the arena found room. */
static bool is_whole(const struct remote_chain *c)
{
    bool whole = c->log_id != NULL && c->config_name != NULL && c->filename != NULL && c->count > 0;
    for (size_t i = 0; whole && i < c->count; i++) {
        const struct remote_archive *a = &c->archives[i];
        bool hashed = a->sha256 == NULL || *a->sha256 != '\0';
        whole = a->log_id != NULL && a->filename != NULL && a->volume_count > 0 && hashed;
        for (size_t k = 0; whole && k < a->volume_count; k++)
            whole = a->volumes[k].url != NULL;
    }
    return whole;
}

int remote_chain_parse(const json_t *reply, struct arena *arena, struct remote_chain *ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, reply, &wrong);
    struct remote_chain chain = {
        .log_id = read_id(&r, arena),
        .config_name = arena_strdup(arena, jsonread_str_or(&r, "configName", 0, NAME_BYTES, "")),
        .filename = arena_strdup(arena, jsonread_str_or(&r, "filename", 0, NAME_BYTES, "")),
    };
    if (jsonread_has(&r, "chain"))
        read_chain(&r, arena, &chain);
    else
        read_single(&r, arena, &chain);
    if (wrong.failed)
        return remote_bad_reply(&wrong, err);
    if (!is_whole(&chain))
        return err_set(err, ERR_NOMEM, "the chain is too long for this agent");
    *ret = chain;
    return 0;
}

int remote_restore(struct api *api, const struct remote_which *which, struct arena *arena, struct remote_chain *ret,
                   struct err *err)
{
    json_t *reply = NULL;
    json_t *at = which->at_ms > 0 ? json_integer(which->at_ms) : NULL;
    json_t *body = json_pack("{s:s*, s:s*, s:s*, s:o*}", "logId", which->log_id, "configId", which->config_id,
                             "configName", which->config_name, "at_ms", at);
    int rc = api_call(api, "POST", "/api/agent/restore", body, 0, &reply, NULL, err);
    if (rc == 0)
        rc = remote_chain_parse(reply, arena, ret, err);
    json_decref(reply);
    return rc;
}

int remote_verified(struct api *api, const struct remote_verdict *verdict, struct err *err)
{
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:I, s:I}", "logId", verdict->log_id, "result", verdict->result, "detail",
                  verdict->detail, "entries", (json_int_t)verdict->entries, "bytes", (json_int_t)verdict->bytes);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return api_call(api, "POST", "/api/agent/backup/verified", body, 0, NULL, NULL, err);
}

int remote_job(struct api *api, const struct remote_job *job, bool *ret_cancel, struct err *err)
{
    enum { SHORT_MS = 10000 };
    json_t *reply = NULL;
    json_t *errors = job->errors == NULL ? json_array() : json_incref(job->errors);
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "jobId", job->job_id, "status", job->status, "detail",
                  job->detail, "files", (json_int_t)job->files, "bytes", (json_int_t)job->bytes, "totalBytes",
                  (json_int_t)job->total_bytes, "errorCount", (json_int_t)job->error_count, "errors", errors);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = api_call(api, "POST", "/api/agent/backup/job", body, SHORT_MS, &reply, NULL, err);
    if (rc != 0)
        return rc;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, reply, &wrong);
    bool cancel = jsonread_bool_or(&r, "cancel", false);
    json_decref(reply);
    if (wrong.failed)
        return remote_bad_reply(&wrong, err);
    *ret_cancel = cancel;
    return 0;
}
