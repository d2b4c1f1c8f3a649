#include "backup/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "common/jsonread.h"

enum { NAME_BYTES = 200, PATH_BYTES = 4095, URL_BYTES = 8000, LIST_MAX = 1000 };

bool remote_id_valid(const char *s)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(s);
    return len > 0 && len < REMOTE_ID_SIZE && strspn(s, allowed) == len;
}

static int bad_reply(const struct jsonread_error *wrong, struct err *err)
{
    return err_set(err, ERR_INVALID, "the server's reply is not understood: %.100s %.150s", wrong->pointer,
                   wrong->reason);
}

static const char *read_id(struct jsonread *r, const char *key)
{
    const char *id = jsonread_str(r, key, 1, REMOTE_ID_SIZE - 1);
    if (id != NULL && !remote_id_valid(id))
        jsonread_fail(r, key, "must be an id");
    return id;
}

/* --- configs ----------------------------------------------------------------------------------------------------- */

/* Strings of a list into the arena: of objects by their "path", or plain ones. */
static int copy_list(struct jsonread *r, const char *key, bool objects, size_t min, struct arena *arena,
                     const char ***ret, size_t *ret_count)
{
    const json_t *list = NULL;
    size_t count =
        objects ? jsonread_array(r, key, min, LIST_MAX, &list) : jsonread_array_or_none(r, key, LIST_MAX, &list);
    const char **items = arena_array(arena, count, sizeof *items);
    if (items == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        struct jsonread item;
        const char *text;
        if (objects) {
            jsonread_item(r, key, list, i, &item);
            text = jsonread_text(&item, "path", 1, PATH_BYTES);
        } else {
            text = jsonread_item_str(r, key, list, i, 1, PATH_BYTES);
        }
        items[i] = arena_strdup(arena, text == NULL ? "" : text);
        if (items[i] == NULL)
            return ERR_NOMEM;
    }
    *ret = items;
    *ret_count = count;
    return 0;
}

static int read_config(struct jsonread *r, struct arena *arena, struct remote_config *ret, struct err *err)
{
    static const char *const methods[] = {"none", "gzip", "zstd", NULL};
    struct remote_config c = {.max_file_size = -1};
    struct jsonread options;
    c.id = arena_strdup(arena, read_id(r, "id"));
    c.name = arena_strdup(arena, jsonread_str(r, "name", 1, NAME_BYTES));
    jsonread_object_or_none(r, "options", &options);
    bool compression = jsonread_bool_or(&options, "compression", true);
    int method = jsonread_enum_or(&options, "method", methods, COMPRESS_ZSTD);
    c.method = compression ? (enum compress_method)method : COMPRESS_NONE;
    c.level = (int)jsonread_int_or(&options, "level", 0, 22, 0);
    c.encryption = jsonread_bool_or(&options, "encryption", false);
    int rc = copy_list(r, "sources", true, 1, arena, &c.sources, &c.source_count);
    if (rc == 0)
        rc = copy_list(&options, "excludes", false, 0, arena, &c.excludes, &c.exclude_count);
    if (rc != 0)
        return err_set(err, rc, "the configuration is too large");
    if (r->error->failed)
        return bad_reply(r->error, err);
    if (c.id == NULL || c.name == NULL)
        return err_set(err, ERR_NOMEM, "the configuration is too large");
    *ret = c;
    return 0;
}

int remote_config_parse(const json_t *reply, const char *id, const char *name, struct arena *arena,
                        struct remote_config *ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    const json_t *configs = NULL;
    jsonread_init(&r, reply, &wrong);
    size_t count = jsonread_array(&r, "configs", 0, LIST_MAX, &configs);
    for (size_t i = 0; i < count; i++) {
        struct jsonread item;
        jsonread_item(&r, "configs", configs, i, &item);
        const char *wanted = id != NULL ? id : name;
        const char *have = jsonread_str(&item, id != NULL ? "id" : "name", 1, NAME_BYTES);
        if (have != NULL && wanted != NULL && strcmp(have, wanted) == 0)
            return read_config(&item, arena, ret, err);
    }
    if (wrong.failed)
        return bad_reply(&wrong, err);
    return err_set(err, ERR_NOT_FOUND, "the server has no backup configuration \"%.100s\" for this host",
                   id != NULL ? id : name);
}

int remote_config_get(struct api *api, const char *id, const char *name, struct arena *arena, struct remote_config *ret,
                      struct err *err)
{
    json_t *reply = NULL;
    int rc = api_call(api, "GET", "/api/agent/configs", NULL, 0, &reply, NULL, err);
    if (rc == 0)
        rc = remote_config_parse(reply, id, name, arena, ret, err);
    json_decref(reply);
    return rc;
}

/* --- a run ------------------------------------------------------------------------------------------------------- */

int remote_start(struct api *api, const char *config_id, const char *filename, struct remote_run *ret, struct err *err)
{
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s, s:s, s:b}", "configId", config_id, "filename", filename, "multipart", 1);
    int rc = api_call(api, "POST", "/api/agent/backup/start", body, 0, &reply, NULL, err);
    if (rc != 0)
        return rc;
    struct jsonread_error wrong = {0};
    struct jsonread r, upload;
    struct remote_run run = {0};
    jsonread_init(&r, reply, &wrong);
    const char *log_id = read_id(&r, "logId");
    jsonread_object(&r, "upload", &upload);
    int64_t size = jsonread_int_or(&upload, "partSize", REMOTE_PART_MIN, INT64_MAX, REMOTE_PART_DEFAULT);
    if (wrong.failed) {
        rc = bad_reply(&wrong, err);
    } else {
        (void)snprintf(run.log_id, sizeof run.log_id, "%s", log_id);
        run.part_size = size < REMOTE_PART_DEFAULT ? (size_t)size : REMOTE_PART_DEFAULT;
        *ret = run;
    }
    json_decref(reply);
    return rc;
}

int remote_part_url(struct api *api, const char *log_id, const struct remote_part *part, char **ret_url,
                    struct api_result *ret_result, struct err *err)
{
    char md5[HEX_SIZE(16)];
    hex_encode(part->md5, 16, md5);
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s, s:I, s:I, s:s, s:I, s:I}", "logId", log_id, "number", (json_int_t)part->number,
                             "size", (json_int_t)part->size, "md5", md5, "filesProcessed", (json_int_t)part->files,
                             "bytesRead", (json_int_t)part->bytes);
    int rc = api_call(api, "POST", "/api/agent/backup/parts", body, 0, &reply, ret_result, err);
    if (rc != 0)
        return rc;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, reply, &wrong);
    const char *url = jsonread_str(&r, "url", 1, URL_BYTES);
    if (url == NULL) {
        rc = bad_reply(&wrong, err);
    } else {
        char *copy = strdup(url);
        if (copy == NULL)
            rc = err_set(err, ERR_NOMEM, "out of memory");
        else
            *ret_url = copy;
    }
    json_decref(reply);
    return rc;
}

int remote_progress(struct api *api, const char *log_id, uint64_t files, uint64_t bytes, uint64_t sent,
                    bool *ret_cancel, struct err *err)
{
    enum { SHORT_MS = 10000 }; /* progress is worth little when it is late */
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s, s:I, s:I, s:I}", "logId", log_id, "filesProcessed", (json_int_t)files, "bytesRead",
                             (json_int_t)bytes, "bytesTransferred", (json_int_t)sent);
    int rc = api_call(api, "POST", "/api/agent/backup/progress", body, SHORT_MS, &reply, NULL, err);
    if (rc != 0)
        return rc;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, reply, &wrong);
    bool cancel = jsonread_bool_or(&r, "cancel", false);
    json_decref(reply);
    if (wrong.failed)
        return bad_reply(&wrong, err);
    *ret_cancel = cancel;
    return 0;
}

static json_t *parts_json(const struct remote_stored *parts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < count; i++) {
        json_t *item = json_pack("{s:I, s:s, s:I}", "number", (json_int_t)i + 1, "etag", parts[i].etag, "size",
                                 (json_int_t)parts[i].size);
        if (item == NULL || json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int remote_complete(struct api *api, const char *log_id, const struct remote_outcome *outcome,
                    struct api_result *ret_result, struct err *err)
{
    json_t *errors = outcome->errors != NULL ? json_incref(outcome->errors) : json_array();
    json_t *parts = parts_json(outcome->parts, outcome->part_count);
    json_t *body = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:s*}", "logId", log_id, "status", outcome->status,
        "filesProcessed", (json_int_t)outcome->files, "bytesRead", (json_int_t)outcome->bytes_read, "bytesTransferred",
        (json_int_t)outcome->bytes_sent, "duration", (json_int_t)outcome->duration_ms, "errorCount",
        (json_int_t)outcome->error_count, "errors", errors, "parts", parts, "sha256", outcome->sha256);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return api_call(api, "POST", "/api/agent/backup/complete", body, 0, NULL, ret_result, err);
}

/* --- restore ----------------------------------------------------------------------------------------------------- */

int remote_restore(struct api *api, const char *log_id, const char *config_id, const char *config_name,
                   struct arena *arena, struct remote_stored_run *ret, struct err *err)
{
    enum { SHA256_HEX = 64 };
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s*, s:s*, s:s*}", "logId", log_id, "configId", config_id, "configName", config_name);
    int rc = api_call(api, "POST", "/api/agent/restore", body, 0, &reply, NULL, err);
    if (rc != 0)
        return rc;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, reply, &wrong);
    struct remote_stored_run run = {
        .log_id = arena_strdup(arena, read_id(&r, "logId")),
        .config_name = arena_strdup(arena, jsonread_str_or(&r, "configName", 0, NAME_BYTES, "")),
        .filename = arena_strdup(arena, jsonread_str_or(&r, "filename", 0, NAME_BYTES, "")),
        .size = jsonread_int_or(&r, "size", 0, INT64_MAX, -1),
        .sha256 = arena_strdup(arena, jsonread_str_or(&r, "sha256", SHA256_HEX, SHA256_HEX, NULL)),
        .url = arena_strdup(arena, jsonread_str(&r, "url", 1, URL_BYTES)),
    };
    json_decref(reply);
    if (wrong.failed)
        return bad_reply(&wrong, err);
    if (run.log_id == NULL || run.config_name == NULL || run.filename == NULL || run.url == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = run;
    return 0;
}
