#include "update/tuf_document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/canonjson.h"
#include "common/clock.h"
#include "common/jsonread.h"

#define SPEC_VERSION "1.0.31"

enum { SIGNATURES_MAX = 2 * TUF_KEYS_MAX }; /* of the roots before and after */

const char *const tuf_role_names[TUF_ROLES + 1] = {"root", "targets", "snapshot", "timestamp", NULL};

bool tuf_role_parse(const char *name, enum tuf_role *ret)
{
    for (int i = 0; i < TUF_ROLES; i++) {
        if (strcmp(name, tuf_role_names[i]) == 0) {
            *ret = (enum tuf_role)i;
            return true;
        }
    }
    return false;
}

/* --- making documents --- */

/* The specification has no fractions of a second. */
static json_t *time_json(int64_t ms)
{
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(ms, text);
    (void)snprintf(text + 19, sizeof text - 19, "Z");
    return json_string(text);
}

json_t *tuf_signed_new(enum tuf_role role, int64_t version, int64_t expires_ms)
{
    return json_pack("{s:s, s:s, s:I, s:o}", "_type", tuf_role_names[role], "spec_version", SPEC_VERSION, "version",
                     (json_int_t)version, "expires", time_json(expires_ms));
}

json_t *tuf_signed_next(const json_t *document, int64_t expires_ms)
{
    json_t *next = json_deep_copy(tuf_document_signed(document));
    if (json_object_set_new(next, "version", json_integer(tuf_document_version(document) + 1)) != 0 ||
        json_object_set_new(next, "expires", time_json(expires_ms)) != 0) {
        json_decref(next);
        return NULL;
    }
    return next;
}

json_t *tuf_document_new(json_t *take_signed)
{
    return take_signed != NULL ? json_pack("{s:[], s:o}", "signatures", "signed", take_signed) : NULL;
}

int tuf_document_encode(const json_t *document, struct buf *ret, struct err *err)
{
    char *text = json_dumps(document, JSON_INDENT(1) | JSON_SORT_KEYS);
    if (text != NULL) {
        buf_adds(ret, text);
        buf_addc(ret, '\n');
    }
    int rc = text != NULL && buf_ok(ret) ? 0 : err_set(err, ERR_TOO_BIG, "metadata of more than %zu bytes", ret->max);
    free(text);
    return rc;
}

/* --- reading them --- */

static int check_signatures(const json_t *list, struct err *err)
{
    size_t i;
    const json_t *one;
    if (!json_is_array(list) || json_array_size(list) > SIGNATURES_MAX)
        return err_set(err, ERR_INVALID, "signatures: not a list of a reasonable length");
    json_array_foreach(list, i, one)
    {
        if (!json_is_string(json_object_get(one, "keyid")) || !json_is_string(json_object_get(one, "sig")))
            return err_set(err, ERR_INVALID, "signatures: one without keyid or sig");
    }
    return 0;
}

static int check_role(const json_t *root_signed, enum tuf_role role, struct err *err)
{
    const json_t *entry = json_object_get(json_object_get(root_signed, "roles"), tuf_role_names[role]);
    const json_t *ids = json_object_get(entry, "keyids");
    json_int_t threshold = json_integer_value(json_object_get(entry, "threshold"));
    size_t i;
    const json_t *id;
    if (!json_is_array(ids) || threshold < 1 || (size_t)threshold > json_array_size(ids) ||
        json_array_size(ids) > TUF_KEYS_MAX)
        return err_set(err, ERR_INVALID, "root: no keys, or no threshold that they can reach, for %s",
                       tuf_role_names[role]);
    json_array_foreach(ids, i, id)
    {
        const json_t *key = json_object_get(json_object_get(root_signed, "keys"), json_string_value(id));
        if (!json_is_string(id) || !json_is_object(key))
            return err_set(err, ERR_INVALID, "root: a key of %s is missing", tuf_role_names[role]);
    }
    return 0;
}

static int check_body(const json_t *signed_part, enum tuf_role role, struct err *err)
{
    if (role == TUF_TARGETS)
        return json_is_object(json_object_get(signed_part, "targets"))
                   ? 0
                   : err_set(err, ERR_INVALID, "targets: no object of targets");
    if (role != TUF_ROOT)
        return json_is_object(json_object_get(signed_part, "meta"))
                   ? 0
                   : err_set(err, ERR_INVALID, "%s: no object of meta", tuf_role_names[role]);
    if (!json_is_true(json_object_get(signed_part, "consistent_snapshot")))
        return err_set(err, ERR_INVALID, "root: consistent_snapshot is not true");
    int rc = 0;
    for (int i = 0; rc == 0 && i < TUF_ROLES; i++)
        rc = check_role(signed_part, (enum tuf_role)i, err);
    return rc;
}

static int check_document(const json_t *document, struct err *err)
{
    const json_t *signed_part = json_object_get(document, "signed");
    const char *type = json_string_value(json_object_get(signed_part, "_type"));
    const char *spec = json_string_value(json_object_get(signed_part, "spec_version"));
    const char *expires = json_string_value(json_object_get(signed_part, "expires"));
    enum tuf_role role;
    int64_t ms;
    if (type == NULL || !tuf_role_parse(type, &role))
        return err_set(err, ERR_INVALID, "not update metadata: no _type that is known");
    if (spec == NULL || strncmp(spec, "1.", 2) != 0)
        return err_set(err, ERR_INVALID, "%s: not of version 1 of the specification", type);
    if (json_integer_value(json_object_get(signed_part, "version")) < 1)
        return err_set(err, ERR_INVALID, "%s: no version of 1 or more", type);
    if (expires == NULL || !clock_parse_rfc3339(expires, &ms))
        return err_set(err, ERR_INVALID, "%s: no time at which it expires", type);
    int rc = check_signatures(json_object_get(document, "signatures"), err);
    return rc == 0 ? check_body(signed_part, role, err) : rc;
}

int tuf_document_parse(struct span text, json_t **ret, struct err *err)
{
    json_t *document = jsonread_parse(text, err);
    if (document == NULL)
        return err != NULL && err->code != 0 ? err->code : ERR_INVALID;
    int rc = check_document(document, err);
    if (rc != 0)
        json_decref(document);
    else
        *ret = document;
    return rc;
}

json_t *tuf_document_signed(const json_t *document)
{
    return json_object_get(document, "signed");
}

enum tuf_role tuf_document_role(const json_t *document)
{
    enum tuf_role role = TUF_ROLES;
    const char *type = json_string_value(json_object_get(tuf_document_signed(document), "_type"));
    (void)(type != NULL && tuf_role_parse(type, &role));
    return role;
}

int64_t tuf_document_version(const json_t *document)
{
    return json_integer_value(json_object_get(tuf_document_signed(document), "version"));
}

int64_t tuf_document_expires_ms(const json_t *document)
{
    int64_t ms = 0;
    const char *text = json_string_value(json_object_get(tuf_document_signed(document), "expires"));
    (void)(text != NULL && clock_parse_rfc3339(text, &ms));
    return ms;
}

/* --- signatures --- */

static int canonical_signed(const json_t *document, struct buf *ret, struct err *err)
{
    buf_init(ret, TUF_DOCUMENT_MAX);
    return canonjson_encode(tuf_document_signed(document), ret, err);
}

static void drop_signature(json_t *signatures, const char *key_id)
{
    for (size_t i = json_array_size(signatures); i-- > 0;) {
        const char *id = json_string_value(json_object_get(json_array_get(signatures, i), "keyid"));
        if (id != NULL && strcmp(id, key_id) == 0)
            (void)json_array_remove(signatures, i);
    }
}

int tuf_document_sign(json_t *document, const struct tuf_key *key, struct err *err)
{
    struct buf text;
    char signature[TUF_SIGNATURE_SIZE];
    json_t *signatures = json_object_get(document, "signatures");
    int rc = canonical_signed(document, &text, err);
    if (rc == 0)
        rc = tuf_key_sign(key, text.data, text.len, signature, err);
    buf_done(&text);
    if (rc != 0)
        return rc;
    drop_signature(signatures, tuf_key_id(key));
    json_t *entry = json_pack("{s:s, s:s}", "keyid", tuf_key_id(key), "sig", signature);
    return json_array_append_new(signatures, entry) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int tuf_document_sign_all(json_t *document, const json_t *root, const struct tuf_keyring *ring, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; root != NULL && rc == 0 && i < ring->count; i++)
        if (tuf_root_has_key(root, tuf_document_role(document), tuf_key_id(ring->keys[i])))
            rc = tuf_document_sign(document, ring->keys[i], err);
    return rc;
}

static bool signed_by(const json_t *document, const json_t *root, const char *id, const struct buf *text)
{
    struct tuf_key *key = NULL;
    size_t i;
    const json_t *entry;
    bool found = false;
    struct err ignored = {0};
    if (tuf_key_from_json(json_object_get(json_object_get(tuf_document_signed(root), "keys"), id), &key, &ignored) != 0)
        return false;
    json_array_foreach(json_object_get(document, "signatures"), i, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "keyid")), id) == 0 &&
            tuf_key_verify(key, text->data, text->len, json_string_value(json_object_get(entry, "sig"))))
            found = true;
    }
    tuf_key_free(key);
    return found;
}

int tuf_document_judge(const json_t *document, const json_t *root, struct tuf_verdict *ret, struct err *err)
{
    enum tuf_role role = tuf_document_role(document);
    struct tuf_verdict verdict = {.threshold = tuf_root_threshold(root, role)};
    struct buf text;
    const char *id;
    json_t *key;
    json_t *keys = tuf_root_keys(root, role); /* by id, so that one key listed twice counts once */
    int rc = keys != NULL ? canonical_signed(document, &text, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (keys == NULL)
        return rc;
    json_object_foreach(keys, id, key)
    {
        if (rc == 0 && signed_by(document, root, id, &text))
            verdict.valid++;
    }
    buf_done(&text);
    json_decref(keys);
    if (rc == 0)
        *ret = verdict;
    return rc;
}

int tuf_document_verify(const json_t *document, const json_t *root, struct err *err)
{
    struct tuf_verdict verdict;
    int rc = tuf_document_judge(document, root, &verdict, err);
    if (rc == 0 && (verdict.threshold < 1 || verdict.valid < verdict.threshold))
        rc = err_set(err, ERR_DENIED, "%s version %lld has %lld of the %lld signatures that root version %lld asks for",
                     tuf_role_names[tuf_document_role(document)], (long long)tuf_document_version(document),
                     (long long)verdict.valid, (long long)verdict.threshold, (long long)tuf_document_version(root));
    return rc;
}
