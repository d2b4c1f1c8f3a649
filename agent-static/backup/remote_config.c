#include <string.h>

#include "backup/remote.h"
#include "common/jsonread.h"

enum { NAME_BYTES = 200, PATH_BYTES = 4095, LIST_MAX = 1000 };

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

static void read_limits(struct jsonread *options, struct remote_config *c)
{
    enum { MINUTE_S = 60, YEAR_MINUTES = 366 * 24 * 60, KIB = 1024 };
    c->one_file_system = jsonread_bool_or(options, "oneFileSystem", false);
    c->max_file_size = jsonread_int_or(options, "maxFileSize", 0, INT64_MAX, -1);
    c->max_runtime_s = jsonread_int_or(options, "maxRuntimeMinutes", 0, YEAR_MINUTES, 0) * MINUTE_S;
    c->rate_bytes = jsonread_int_or(options, "rateLimitKbps", 0, INT32_MAX, 0) * KIB;
}

/* NULL when there is none. */
static const char *copy_name(struct jsonread *options, const char *key, struct arena *arena)
{
    const char *name = jsonread_str_or(options, key, 0, NAME_BYTES, NULL);
    return name == NULL || name[0] == '\0' ? NULL : arena_strdup(arena, name);
}

static int read_config(struct jsonread *r, struct arena *arena, struct remote_config *ret, struct err *err)
{
    static const char *const types[] = {"full", "incremental", NULL};
    static const char *const methods[] = {"none", "gzip", "zstd", NULL};
    struct remote_config c = {.max_file_size = -1};
    struct jsonread options;
    c.id = arena_strdup(arena, remote_read_id(r, "id"));
    c.name = arena_strdup(arena, jsonread_str(r, "name", 1, NAME_BYTES));
    jsonread_object_or_none(r, "options", &options);
    bool compression = jsonread_bool_or(&options, "compression", true);
    int method = jsonread_enum_or(&options, "method", methods, COMPRESS_ZSTD);
    c.method = compression ? (enum compress_method)method : COMPRESS_NONE;
    c.level = (int)jsonread_int_or(&options, "level", 0, 22, 0);
    c.encryption = jsonread_bool_or(&options, "encryption", false);
    c.incremental = jsonread_enum_or(&options, "type", types, 0) == 1;
    read_limits(&options, &c);
    c.pre_hook = copy_name(&options, "preHook", arena);
    c.post_hook = copy_name(&options, "postHook", arena);
    int rc = copy_list(r, "sources", true, 1, arena, &c.sources, &c.source_count);
    if (rc == 0)
        rc = copy_list(&options, "excludes", false, 0, arena, &c.excludes, &c.exclude_count);
    if (rc == 0)
        rc = copy_list(&options, "skipTags", false, 0, arena, &c.skip_tags, &c.skip_tag_count);
    if (rc == 0)
        rc = copy_list(&options, "recipients", false, 0, arena, &c.recipients, &c.recipient_count);
    if (rc != 0)
        return err_set(err, rc, "the configuration is too large");
    if (r->error->failed)
        return remote_bad_reply(r->error, err);
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
        return remote_bad_reply(&wrong, err);
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
