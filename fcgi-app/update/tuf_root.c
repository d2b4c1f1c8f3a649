/* What stands in a root, and what snapshot and timestamp say of other documents. */
#include <string.h>

#include "update/tuf_document.h"

static const json_t *role_of(const json_t *root_signed, enum tuf_role role)
{
    return json_object_get(json_object_get(root_signed, "roles"), tuf_role_names[role]);
}

static bool role_lists(const json_t *root_signed, enum tuf_role role, const char *id)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(role_of(root_signed, role), "keyids"), i, one)
    {
        if (strcmp(json_string_value(one), id) == 0)
            return true;
    }
    return false;
}

bool tuf_root_has_key(const json_t *root, enum tuf_role role, const char *id)
{
    return role_lists(tuf_document_signed(root), role, id);
}

int64_t tuf_root_threshold(const json_t *root, enum tuf_role role)
{
    return json_integer_value(json_object_get(role_of(tuf_document_signed(root), role), "threshold"));
}

json_t *tuf_root_keys(const json_t *root, enum tuf_role role)
{
    json_t *keys = json_object();
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(role_of(tuf_document_signed(root), role), "keyids"), i, one)
    {
        const char *id = json_string_value(one);
        json_t *key = json_object_get(json_object_get(tuf_document_signed(root), "keys"), id);
        if (json_object_set(keys, id, key) != 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

static void drop_unused_keys(json_t *root_signed)
{
    json_t *keys = json_object_get(root_signed, "keys");
    void *next = NULL;
    for (void *at = json_object_iter(keys); at != NULL; at = next) {
        const char *id = json_object_iter_key(at);
        bool used = false;
        for (int i = 0; i < TUF_ROLES; i++)
            used = used || role_lists(root_signed, (enum tuf_role)i, id);
        next = json_object_iter_next(keys, at);
        if (!used)
            (void)json_object_del(keys, id);
    }
}

static json_t *member(json_t *object, const char *name)
{
    if (json_object_get(object, name) == NULL)
        (void)json_object_set_new(object, name, json_object());
    return json_object_get(object, name);
}

int tuf_root_set_role(json_t *root_signed, enum tuf_role role, json_t *keys, int64_t threshold, struct err *err)
{
    json_t *ids = json_array();
    const char *id;
    json_t *key;
    bool ok = true;
    if (threshold < 1 || (size_t)threshold > json_object_size(keys) || json_object_size(keys) > TUF_KEYS_MAX) {
        json_decref(ids);
        return err_set(err, ERR_INVALID, "%s: a threshold of %lld with %zu keys; it must be 1 to their number",
                       tuf_role_names[role], (long long)threshold, json_object_size(keys));
    }
    json_object_foreach(keys, id, key)
    {
        ok = ok && json_array_append_new(ids, json_string(id)) == 0 &&
             json_object_set(member(root_signed, "keys"), id, key) == 0;
    }
    json_t *entry = json_pack("{s:o, s:I}", "keyids", ids, "threshold", (json_int_t)threshold);
    ok = json_object_set_new(member(root_signed, "roles"), tuf_role_names[role], entry) == 0 && ok;
    drop_unused_keys(root_signed);
    return ok ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* --- meta --- */

int tuf_meta_set(json_t *signed_part, const char *name, const json_t *document, const struct buf *bytes,
                 struct err *err)
{
    char sha256[DIGEST_HEX_SIZE];
    digest_sha256_hex(bytes->data, bytes->len, sha256);
    json_t *entry = json_pack("{s:I, s:I, s:{s:s}}", "version", (json_int_t)tuf_document_version(document), "length",
                              (json_int_t)bytes->len, "hashes", "sha256", sha256);
    return json_object_set_new(member(signed_part, "meta"), name, entry) == 0
               ? 0
               : err_set(err, ERR_NOMEM, "out of memory");
}

static const json_t *meta_of(const json_t *document, const char *name)
{
    return json_object_get(json_object_get(tuf_document_signed(document), "meta"), name);
}

int64_t tuf_meta_version(const json_t *document, const char *name)
{
    return json_integer_value(json_object_get(meta_of(document, name), "version"));
}

int tuf_meta_check(const json_t *document, const char *name, struct span bytes, int64_t version, struct err *err)
{
    const json_t *entry = meta_of(document, name);
    const char *want = json_string_value(json_object_get(json_object_get(entry, "hashes"), "sha256"));
    char sha256[DIGEST_HEX_SIZE];
    digest_sha256_hex(bytes.ptr, bytes.len, sha256);
    if (tuf_meta_version(document, name) != version ||
        json_integer_value(json_object_get(entry, "length")) != (json_int_t)bytes.len || want == NULL ||
        strcmp(want, sha256) != 0)
        return err_set(err, ERR_CORRUPT, "%s is not what the %s says of it", name,
                       tuf_role_names[tuf_document_role(document)]);
    return 0;
}
