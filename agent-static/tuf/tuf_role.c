#include "tuf/tuf_role.h"

#include <string.h>

#include "common/canonjson.h"
#include "common/encode.h"

enum { SIGNATURE_MAX = 512 }; /* bytes: RSA of 4096 bits */

static void hold(json_t *keys, const json_t *role, struct tuf_role *ret)
{
    *ret = (struct tuf_role){.keys = json_incref(keys),
                             .keyids = json_incref(json_object_get(role, "keyids")),
                             .threshold = json_integer_value(json_object_get(role, "threshold"))};
}

void tuf_role_of_root(const struct tuf_meta *root, enum tuf_kind kind, struct tuf_role *ret)
{
    hold(json_object_get(root->body, "keys"),
         json_object_get(json_object_get(root->body, "roles"), tuf_kind_name(kind)), ret);
}

void tuf_role_of_delegation(const struct tuf_meta *targets, const json_t *delegation, struct tuf_role *ret)
{
    hold(json_object_get(json_object_get(targets->body, "delegations"), "keys"), delegation, ret);
}

void tuf_role_done(struct tuf_role *role)
{
    json_decref(role->keys);
    json_decref(role->keyids);
    *role = (struct tuf_role){.keys = NULL};
}

static bool has_keyid(const struct tuf_role *role, const char *keyid)
{
    for (size_t i = 0; i < json_array_size(role->keyids); i++)
        if (strcmp(json_string_value(json_array_get(role->keyids, i)), keyid) == 0)
            return true;
    return false;
}

static bool hash_canonical(const json_t *value, enum tuf_hash hash, uint8_t ret[TUF_DIGEST_MAX])
{
    struct tuf_hasher *h = tuf_hasher_new(hash);
    if (h == NULL)
        return false;
    bool whole = canonjson_write(value, tuf_hasher_add, h, NULL) == 0;
    return tuf_hasher_end(h, ret) && whole;
}

static bool keyid_is_right(const json_t *key, const char *keyid)
{
    uint8_t digest[TUF_DIGEST_MAX];
    char hex[TUF_HEX_MAX];
    if (!hash_canonical(key, TUF_SHA256, digest))
        return false;
    hex_encode(digest, tuf_hash_size(TUF_SHA256), hex);
    return strcmp(hex, keyid) == 0;
}

static const uint8_t *digest_of(struct tuf_meta *m, enum tuf_hash hash)
{
    if (!m->hashed[hash])
        m->hashed[hash] = hash_canonical(m->body, hash, m->digest[hash]);
    return m->hashed[hash] ? m->digest[hash] : NULL;
}

/* The key's public part when the signature is good, else NULL. */
static const char *signer_of(const struct tuf_role *role, struct tuf_meta *m, const json_t *signature)
{
    const char *keyid = json_string_value(json_object_get(signature, "keyid"));
    const char *sig = json_string_value(json_object_get(signature, "sig"));
    const json_t *key = json_object_get(role->keys, keyid);
    const char *public = json_string_value(json_object_get(json_object_get(key, "keyval"), "public"));
    uint8_t bytes[SIGNATURE_MAX];
    size_t len = strlen(sig) / 2;
    if (public == NULL || len == 0 || len > sizeof bytes || !has_keyid(role, keyid) || !keyid_is_right(key, keyid))
        return NULL;
    const struct tuf_scheme *scheme = tuf_scheme_find(json_string_value(json_object_get(key, "keytype")),
                                                      json_string_value(json_object_get(key, "scheme")));
    const uint8_t *digest = scheme != NULL ? digest_of(m, scheme->hash) : NULL;
    bool good = digest != NULL && hex_decode(sig, bytes, len) && tuf_verify(scheme, public, digest, bytes, len);
    return good ? public : NULL;
}

int tuf_role_verify(const struct tuf_role *role, struct tuf_meta *m, struct err *err)
{
    const json_t *signatures = json_object_get(m->json, "signatures");
    const char *signers[TUF_SIGNATURES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(signatures) && count < (uint64_t)role->threshold; i++) {
        const char *signer = signer_of(role, m, json_array_get(signatures, i));
        bool known = signer == NULL;
        for (size_t k = 0; k < count && !known; k++)
            known = strcmp(signers[k], signer) == 0;
        if (!known)
            signers[count++] = signer;
    }
    if (count < (uint64_t)role->threshold)
        return err_set(err, ERR_DENIED, "%zu valid signatures of the %lld that are asked for", count,
                       (long long)role->threshold);
    return 0;
}

bool tuf_role_rotated(const struct tuf_role *before, const struct tuf_role *after)
{
    for (size_t i = 0; i < json_array_size(before->keyids); i++)
        if (!has_keyid(after, json_string_value(json_array_get(before->keyids, i))))
            return true;
    return false;
}
