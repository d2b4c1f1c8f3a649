#include "tuf/tuf_meta.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/encode.h"
#include "common/jsonread.h"

/* A digest is 128 characters at most; what is longer is of a kind we do not know. */
enum { HASH_TEXT_MAX = 256, HASHES_MAX = 8, SIGNATURE_TEXT_MAX = 16 * 1024, WORD_MAX = 64, PREFIXES_MAX = 64 * 1024 };

static const char *const kind_names[] = {"root", "timestamp", "snapshot", "targets", NULL};

/* How many values a file of the kind may have: what bounds the memory that hostile text can make us take. */
static const size_t values_max[TUF_KINDS] = {
    [TUF_ROOT] = 8192, [TUF_TIMESTAMP] = 1024, [TUF_SNAPSHOT] = 8192, [TUF_TARGETS] = 16384};

const char *tuf_kind_name(enum tuf_kind kind)
{
    return kind_names[kind];
}

/* --- the parts that several kinds have --- */

static bool is_hex(const char *s, size_t len)
{
    return strlen(s) == len && strspn(s, "0123456789abcdef") == len;
}

/* The object's fields are names of hash functions; those of a function that we know must look like a digest of it. */
static void check_hashes(struct jsonread *r, bool required)
{
    struct jsonread hashes;
    json_t *object = json_object_get(r->object, "hashes");
    if (!required && !jsonread_has(r, "hashes"))
        return;
    jsonread_object(r, "hashes", &hashes);
    if (json_object_size(object) == 0 || json_object_size(object) > HASHES_MAX)
        jsonread_fail(r, "hashes", "must have 1 to %d fields", HASHES_MAX);
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        const char *text = jsonread_str(&hashes, name, 1, HASH_TEXT_MAX);
        enum tuf_hash hash;
        if (text != NULL && tuf_hash_named(name, &hash) && !is_hex(text, 2 * tuf_hash_size(hash)))
            jsonread_fail(&hashes, name, "must be a digest in lower-case hex");
    }
}

static void check_file(struct jsonread *meta, const char *name)
{
    struct jsonread file;
    jsonread_object(meta, name, &file);
    (void)jsonread_int(&file, "version", 1, INT64_MAX - 1);
    (void)jsonread_int_or(&file, "length", 0, INT64_MAX, -1);
    check_hashes(&file, false);
}

static void check_keys(struct jsonread *r)
{
    struct jsonread keys;
    json_t *object = json_object_get(r->object, "keys");
    jsonread_object(r, "keys", &keys);
    if (json_object_size(object) > TUF_KEYS_MAX)
        jsonread_fail(r, "keys", "must have at most %d fields", TUF_KEYS_MAX);
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        struct jsonread key;
        struct jsonread value;
        jsonread_object(&keys, json_object_iter_key(at), &key);
        (void)jsonread_str(&key, "keytype", 1, WORD_MAX);
        (void)jsonread_str(&key, "scheme", 1, WORD_MAX);
        jsonread_object(&key, "keyval", &value);
    }
}

/* Who may sign, and how many must. More than there are keys is no error of form: it just can never be met. */
static void check_role(struct jsonread *role)
{
    const json_t *keyids = NULL;
    size_t count = jsonread_array(role, "keyids", 0, TUF_KEYIDS_MAX, &keyids);
    for (size_t i = 0; i < count; i++)
        (void)jsonread_item_str(role, "keyids", keyids, i, 1, TUF_KEYID_MAX);
    (void)jsonread_int(role, "threshold", 1, INT32_MAX);
}

/* --- the four kinds --- */

static void check_root(struct jsonread *r)
{
    struct jsonread roles;
    check_keys(r);
    jsonread_object(r, "roles", &roles);
    for (int i = 0; i < TUF_KINDS; i++) {
        struct jsonread role;
        jsonread_object(&roles, kind_names[i], &role);
        check_role(&role);
    }
    (void)jsonread_bool_or(r, "consistent_snapshot", false);
}

static void check_timestamp(struct jsonread *r)
{
    struct jsonread meta;
    jsonread_object(r, "meta", &meta);
    check_file(&meta, "snapshot.json");
}

static void check_snapshot(struct jsonread *r)
{
    struct jsonread meta;
    json_t *object = json_object_get(r->object, "meta");
    jsonread_object(r, "meta", &meta);
    if (json_object_size(object) > TUF_SNAPSHOT_FILES_MAX)
        jsonread_fail(r, "meta", "must have at most %d fields", TUF_SNAPSHOT_FILES_MAX);
    if (!jsonread_has(&meta, "targets.json"))
        jsonread_fail(&meta, "targets.json", "is missing");
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at))
        check_file(&meta, json_object_iter_key(at));
}

static void check_target(struct jsonread *targets, const char *path)
{
    struct jsonread target;
    struct jsonread custom;
    if (path[0] == '\0' || strlen(path) > TUF_PATH_MAX)
        jsonread_fail(targets, path, "is not a path of 1 to %d bytes", TUF_PATH_MAX);
    jsonread_object(targets, path, &target);
    (void)jsonread_int(&target, "length", 0, INT64_MAX);
    check_hashes(&target, true);
    jsonread_object_or_none(&target, "custom", &custom);
}

/* Brackets of glob(7) are not in the specification's text: refused rather than understood in two ways. */
static void check_patterns(struct jsonread *role)
{
    const json_t *list = NULL;
    if (jsonread_has(role, "paths") && jsonread_has(role, "path_hash_prefixes"))
        jsonread_fail(role, "paths", "must not stand beside path_hash_prefixes");
    size_t count = jsonread_array_or_none(role, "paths", TUF_PATH_MAX, &list);
    for (size_t i = 0; i < count; i++) {
        const char *pattern = jsonread_item_str(role, "paths", list, i, 1, TUF_PATH_MAX);
        if (pattern != NULL && strchr(pattern, '[') != NULL)
            jsonread_fail(role, "paths", "must have no brackets");
    }
    count = jsonread_array_or_none(role, "path_hash_prefixes", PREFIXES_MAX, &list);
    for (size_t i = 0; i < count; i++) {
        const char *prefix = jsonread_item_str(role, "path_hash_prefixes", list, i, 1, 64);
        if (prefix != NULL && !is_hex(prefix, strlen(prefix)))
            jsonread_fail(role, "path_hash_prefixes", "must be lower-case hex");
    }
}

static bool name_taken(const json_t *roles, size_t before, const char *name)
{
    for (int i = 0; i < TUF_KINDS; i++)
        if (strcmp(kind_names[i], name) == 0)
            return true;
    for (size_t i = 0; i < before; i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(roles, i), "name")), name) == 0)
            return true;
    return false;
}

static void check_delegations(struct jsonread *r)
{
    struct jsonread delegations;
    const json_t *roles = NULL;
    if (!jsonread_has(r, "delegations"))
        return;
    jsonread_object(r, "delegations", &delegations);
    if (jsonread_has(&delegations, "succinct_roles"))
        jsonread_fail(&delegations, "succinct_roles", "is not supported");
    check_keys(&delegations);
    size_t count = jsonread_array(&delegations, "roles", 0, TUF_DELEGATIONS_MAX, &roles);
    for (size_t i = 0; i < count && !r->error->failed; i++) {
        struct jsonread role;
        jsonread_item(&delegations, "roles", roles, i, &role);
        const char *name = jsonread_str(&role, "name", 1, TUF_ROLE_NAME_MAX);
        if (name != NULL && name_taken(roles, i, name))
            jsonread_fail(&role, "name", "is taken");
        check_role(&role);
        check_patterns(&role);
        (void)jsonread_bool(&role, "terminating");
    }
}

static void check_targets(struct jsonread *r)
{
    struct jsonread targets;
    json_t *object = json_object_get(r->object, "targets");
    jsonread_object(r, "targets", &targets);
    for (void *at = json_object_iter(object); at != NULL && !r->error->failed; at = json_object_iter_next(object, at))
        check_target(&targets, json_object_iter_key(at));
    check_delegations(r);
}

/* --- a whole file --- */

/* A key that signs twice would count twice where nobody looks; and the specification forbids it. */
static void check_signatures(struct jsonread *r)
{
    const json_t *list = NULL;
    const char *seen[TUF_SIGNATURES_MAX];
    size_t count = jsonread_array(r, "signatures", 0, TUF_SIGNATURES_MAX, &list);
    for (size_t i = 0; i < count && !r->error->failed; i++) {
        struct jsonread item;
        jsonread_item(r, "signatures", list, i, &item);
        seen[i] = jsonread_str(&item, "keyid", 1, TUF_KEYID_MAX);
        (void)jsonread_str(&item, "sig", 0, SIGNATURE_TEXT_MAX);
        if (seen[i] == NULL)
            return;
        for (size_t k = 0; k < i; k++)
            if (strcmp(seen[k], seen[i]) == 0)
                jsonread_fail(&item, "keyid", "has signed already");
    }
}

static void check_body(struct tuf_meta *m, struct jsonread *r)
{
    static void (*const check_kind[TUF_KINDS])(struct jsonread *) = {
        [TUF_ROOT] = check_root,
        [TUF_TIMESTAMP] = check_timestamp,
        [TUF_SNAPSHOT] = check_snapshot,
        [TUF_TARGETS] = check_targets,
    };
    const char *type = jsonread_str(r, "_type", 1, WORD_MAX);
    const char *spec = jsonread_str(r, "spec_version", 1, WORD_MAX);
    m->version = jsonread_int(r, "version", 1, INT64_MAX - 1);
    const char *expires = jsonread_str(r, "expires", 1, WORD_MAX);
    if (r->error->failed)
        return;
    if (strcmp(type, kind_names[m->kind]) != 0)
        jsonread_fail(r, "_type", "must be \"%s\"", kind_names[m->kind]);
    else if (strncmp(spec, "1.", 2) != 0)
        jsonread_fail(r, "spec_version", "must be 1.x");
    else if (!clock_parse_rfc3339(expires, &m->expires_ms))
        jsonread_fail(r, "expires", "must be a time");
    else
        check_kind[m->kind](r);
    if (m->kind == TUF_ROOT)
        m->consistent_snapshot = json_is_true(json_object_get(r->object, "consistent_snapshot"));
}

static int check_whole(struct tuf_meta *m, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct jsonread body;
    jsonread_init(&r, m->json, &wrong);
    check_signatures(&r);
    jsonread_object(&r, "signed", &body);
    if (!wrong.failed)
        check_body(m, &body);
    m->body = json_object_get(m->json, "signed");
    return wrong.failed ? err_set(err, ERR_INVALID, "%s %s", wrong.pointer, wrong.reason) : 0;
}

int tuf_meta_parse(enum tuf_kind kind, struct span text, struct tuf_meta **ret, struct err *err)
{
    struct tuf_meta *m = calloc(1, sizeof *m);
    if (m == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->kind = kind;
    m->json = jsonread_parse_max(text, values_max[kind], err);
    int rc = m->json != NULL ? check_whole(m, err) : ERR_INVALID;
    if (rc != 0) {
        tuf_meta_free(m);
        return rc;
    }
    *ret = m;
    return 0;
}

void tuf_meta_free(struct tuf_meta *m)
{
    if (m == NULL)
        return;
    json_decref(m->json);
    free(m);
}

/* --- other files --- */

bool tuf_meta_file(const struct tuf_meta *m, const char *name, struct tuf_file *ret)
{
    const json_t *file = json_object_get(json_object_get(m->body, "meta"), name);
    if (file == NULL)
        return false;
    const json_t *length = json_object_get(file, "length");
    const json_t *hashes = json_object_get(file, "hashes");
    *ret = (struct tuf_file){.version = json_integer_value(json_object_get(file, "version")),
                             .length = json_is_integer(length) ? json_integer_value(length) : -1,
                             .hashes = json_is_object(hashes) ? hashes : NULL};
    return true;
}

int tuf_digest_hex(enum tuf_hash hash, struct span bytes, char ret[TUF_HEX_MAX], struct err *err)
{
    uint8_t digest[TUF_DIGEST_MAX];
    struct tuf_hasher *h = tuf_hasher_new(hash);
    if (h == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    tuf_hasher_add(h, bytes.ptr, bytes.len);
    if (!tuf_hasher_end(h, digest))
        return err_set(err, ERR_INTERNAL, "cannot hash");
    hex_encode(digest, tuf_hash_size(hash), ret);
    return 0;
}

int tuf_file_check(const struct tuf_file *f, struct span bytes, struct err *err)
{
    static const char *const names[] = {"sha256", "sha384", "sha512"};
    bool known = false;
    if (f->length >= 0 && (uint64_t)f->length != bytes.len)
        return err_set(err, ERR_DENIED, "%zu bytes, not the %lld promised (mix and match)", bytes.len,
                       (long long)f->length);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *want = json_string_value(json_object_get(f->hashes, names[i]));
        char have[TUF_HEX_MAX];
        enum tuf_hash hash;
        if (want == NULL || !tuf_hash_named(names[i], &hash))
            continue;
        int rc = tuf_digest_hex(hash, bytes, have, err);
        if (rc != 0)
            return rc;
        if (strcmp(have, want) != 0)
            return err_set(err, ERR_DENIED, "its %s is not the one promised (mix and match)", names[i]);
        known = true;
    }
    if (f->hashes != NULL && !known)
        return err_set(err, ERR_DENIED, "promised with no hash that we know");
    return 0;
}
