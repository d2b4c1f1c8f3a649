/* tuf_fixture.h: a TUF repository in memory, signed with keys made for the test, and a fetch callback that serves it.
 *
 * Signers are numbered; "02" means that numbers 0 and 2 sign, or may. Bodies (what will be "signed") are jansson values
 * that a test changes before repo_sign takes them. */
#ifndef MUSTER_TESTS_TUF_FIXTURE_H
#define MUSTER_TESTS_TUF_FIXTURE_H

#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/canonjson.h"
#include "common/encode.h"
#include "net/trust.h"
#include "tuf/metadata.h"
#include "tuf/tuf_meta.h"

#define REPO_NOW     INT64_C(1790000000000) /* September 2026 */
#define REPO_EXPIRES "2030-01-01T00:00:00Z"
#define REPO_EXPIRED "2026-01-01T00:00:00Z"

enum { REPO_SIGNERS = 6, REPO_FILES_MAX = 32, REPO_TEXT_MAX = 1024 * 1024 };

struct repo_signer {
    mbedtls_pk_context pk;
    json_t *key;
    char keyid[65];
};

struct repo_file {
    char name[80];
    char *text;
};

struct repo {
    struct repo_signer signers[REPO_SIGNERS];
    struct repo_file files[REPO_FILES_MAX];
    size_t file_count;
    char asked[1024]; /* names that were fetched, a blank after each */
};

static inline void repo_hash_canonical(const json_t *value, uint8_t ret[32])
{
    struct buf text;
    struct err err;
    buf_init(&text, REPO_TEXT_MAX);
    assert_int_equal(canonjson_encode(value, &text, &err), 0);
    assert_int_equal(mbedtls_sha256((const unsigned char *)text.data, text.len, ret, 0), 0);
    buf_done(&text);
}

static inline void repo_signer_make(struct repo_signer *s)
{
    unsigned char pem[1024];
    uint8_t digest[32];
    mbedtls_pk_init(&s->pk);
    assert_int_equal(mbedtls_pk_setup(&s->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
    assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(s->pk), trust_random, NULL), 0);
    assert_int_equal(mbedtls_pk_write_pubkey_pem(&s->pk, pem, sizeof pem), 0);
    s->key = json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ecdsa", "scheme", "ecdsa-sha2-nistp256", "keyval", "public",
                       (const char *)pem);
    assert_non_null(s->key);
    repo_hash_canonical(s->key, digest);
    hex_encode(digest, sizeof digest, s->keyid);
}

static inline void repo_make(struct repo *r)
{
    *r = (struct repo){.file_count = 0};
    for (size_t i = 0; i < REPO_SIGNERS; i++)
        repo_signer_make(&r->signers[i]);
}

static inline void repo_done(struct repo *r)
{
    for (size_t i = 0; i < REPO_SIGNERS; i++) {
        mbedtls_pk_free(&r->signers[i].pk);
        json_decref(r->signers[i].key);
    }
    for (size_t i = 0; i < r->file_count; i++)
        free(r->files[i].text);
}

/* --- bodies --- */

static inline json_t *repo_body(const char *type, int version)
{
    return json_pack("{s:s, s:s, s:i, s:s}", "_type", type, "spec_version", "1.0.31", "version", version, "expires",
                     REPO_EXPIRES);
}

static inline json_t *repo_keyids(const struct repo *r, const char *signers)
{
    json_t *list = json_array();
    for (; *signers != '\0'; signers++)
        (void)json_array_append_new(list, json_string(r->signers[*signers - '0'].keyid));
    return list;
}

static inline json_t *repo_keys(const struct repo *r)
{
    json_t *keys = json_object();
    for (size_t i = 0; i < REPO_SIGNERS; i++)
        (void)json_object_set(keys, r->signers[i].keyid, r->signers[i].key);
    return keys;
}

static inline void repo_set_role(const struct repo *r, json_t *root, const char *role, const char *signers,
                                 int threshold)
{
    assert_int_equal(
        json_object_set_new(json_object_get(root, "roles"), role,
                            json_pack("{s:o, s:i}", "keyids", repo_keyids(r, signers), "threshold", threshold)),
        0);
}

/* Root is 0's, timestamp 1's, snapshot 2's, targets 3's. */
static inline json_t *repo_root(const struct repo *r, int version)
{
    json_t *root = repo_body("root", version);
    (void)json_object_set_new(root, "consistent_snapshot", json_true());
    (void)json_object_set_new(root, "keys", repo_keys(r));
    (void)json_object_set_new(root, "roles", json_object());
    repo_set_role(r, root, "root", "0", 1);
    repo_set_role(r, root, "timestamp", "1", 1);
    repo_set_role(r, root, "snapshot", "2", 1);
    repo_set_role(r, root, "targets", "3", 1);
    return root;
}

static inline json_t *repo_timestamp(int version, int snapshot)
{
    json_t *body = repo_body("timestamp", version);
    (void)json_object_set_new(body, "meta", json_pack("{s:{s:i}}", "snapshot.json", "version", snapshot));
    return body;
}

static inline json_t *repo_snapshot(int version, int targets)
{
    json_t *body = repo_body("snapshot", version);
    (void)json_object_set_new(body, "meta", json_pack("{s:{s:i}}", "targets.json", "version", targets));
    return body;
}

static inline json_t *repo_targets(int version)
{
    json_t *body = repo_body("targets", version);
    (void)json_object_set_new(body, "targets", json_object());
    return body;
}

static inline void repo_add_target(json_t *targets, const char *path, int length)
{
    char hash[65];
    memset(hash, 'a', 64);
    hash[64] = '\0';
    (void)json_object_set_new(json_object_get(targets, "targets"), path,
                              json_pack("{s:i, s:{s:s}, s:{s:s}}", "length", length, "hashes", "sha256", hash, "custom",
                                        "product", "muster-agent"));
}

/* patterns: one, or two divided by a comma. */
static inline void repo_delegate(const struct repo *r, json_t *targets, const char *name, const char *signers,
                                 const char *pattern, bool terminating)
{
    json_t *delegations = json_object_get(targets, "delegations");
    if (delegations == NULL) {
        (void)json_object_set_new(targets, "delegations", json_pack("{s:o, s:[]}", "keys", repo_keys(r), "roles"));
        delegations = json_object_get(targets, "delegations");
    }
    (void)json_array_append_new(json_object_get(delegations, "roles"),
                                json_pack("{s:s, s:o, s:i, s:b, s:[s]}", "name", name, "keyids",
                                          repo_keyids(r, signers), "threshold", 1, "terminating", terminating, "paths",
                                          pattern));
}

/* --- files --- */

static inline json_t *repo_signature(const struct repo_signer *s, const json_t *body)
{
    uint8_t digest[32];
    unsigned char sig[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    char hex[HEX_SIZE(sizeof sig)];
    size_t len = 0;
    repo_hash_canonical(body, digest);
    assert_int_equal(mbedtls_pk_sign((mbedtls_pk_context *)(uintptr_t)&s->pk, MBEDTLS_MD_SHA256, digest, sizeof digest,
                                     sig, sizeof sig, &len, trust_random, NULL),
                     0);
    hex_encode(sig, len, hex);
    return json_pack("{s:s, s:s}", "keyid", s->keyid, "sig", hex);
}

/* Takes body; the caller frees the text. */
static inline char *repo_sign(const struct repo *r, json_t *body, const char *signers)
{
    json_t *signatures = json_array();
    for (; *signers != '\0'; signers++)
        (void)json_array_append_new(signatures, repo_signature(&r->signers[*signers - '0'], body));
    json_t *whole = json_pack("{s:o, s:o}", "signatures", signatures, "signed", body);
    char *text = json_dumps(whole, JSON_INDENT(1));
    json_decref(whole);
    assert_non_null(text);
    return text;
}

/* Takes text; NULL takes the file away. */
static inline void repo_put(struct repo *r, const char *name, char *text)
{
    size_t i = 0;
    while (i < r->file_count && strcmp(r->files[i].name, name) != 0)
        i++;
    assert_true(i < REPO_FILES_MAX);
    if (i == r->file_count)
        r->file_count++;
    free(r->files[i].text);
    r->files[i].text = text;
    (void)snprintf(r->files[i].name, sizeof r->files[i].name, "%s", name);
}

static inline const char *repo_text(const struct repo *r, const char *name)
{
    for (size_t i = 0; i < r->file_count; i++)
        if (strcmp(r->files[i].name, name) == 0)
            return r->files[i].text;
    return NULL;
}

static inline struct span repo_span(const struct repo *r, const char *name)
{
    return span_of(repo_text(r, name));
}

static inline int repo_fetch(void *ctx, const char *name, size_t max_bytes, struct buf *ret, struct err *err)
{
    struct repo *r = ctx;
    size_t len = strlen(r->asked);
    const char *text = repo_text(r, name);
    (void)snprintf(r->asked + len, sizeof r->asked - len, "%s ", name);
    assert_int_equal(ret->max, max_bytes);
    if (text == NULL)
        return err_set(err, ERR_NOT_FOUND, "404");
    buf_adds(ret, text);
    return 0;
}

#endif
