#include "update/tuf_key.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/canonjson.h"
#include "common/encode.h"
#include "common/file.h"
#include "common/wipe.h"

enum { KEY_FILE_MAX = 16 * 1024, PUBLIC_PEM_MAX = 1024, CANONICAL_MAX = 8 * 1024, SHOWN_ID = 8, PATH_SIZE = 4096 };

struct tuf_key {
    EVP_PKEY *pkey;
    bool is_private;
    char *pem; /* the public half */
    char id[DIGEST_HEX_SIZE];
    char *path;
};

/* --- making one --- */

/* Without it OpenSSL would ask the terminal for the pass phrase of PEM that calls itself encrypted. */
static int no_passphrase(char *buf, int size, int for_writing, void *ctx)
{
    (void)buf, (void)size, (void)for_writing, (void)ctx;
    return -1;
}

static bool is_p256(const EVP_PKEY *pkey)
{
    char group[32] = "";
    return EVP_PKEY_is_a(pkey, "EC") == 1 && EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static char *public_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    char *pem = NULL;
    if (bio != NULL && PEM_write_bio_PUBKEY(bio, pkey) == 1) {
        long len = BIO_get_mem_data(bio, &data);
        if (len > 0)
            pem = strndup(data, (size_t)len);
    }
    BIO_free(bio);
    return pem;
}

json_t *tuf_key_json(const struct tuf_key *key)
{
    return json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ecdsa", "scheme", "ecdsa-sha2-nistp256", "keyval", "public",
                     key->pem);
}

static int id_of_json(const json_t *json, char ret[DIGEST_HEX_SIZE], struct err *err)
{
    struct buf canonical;
    buf_init(&canonical, CANONICAL_MAX);
    int rc = canonjson_encode(json, &canonical, err);
    if (rc == 0)
        digest_sha256_hex(canonical.data, canonical.len, ret);
    buf_done(&canonical);
    return rc;
}

/* Takes pkey, also on failure. */
static int key_new(EVP_PKEY *pkey, bool is_private, const char *path, struct tuf_key **ret, struct err *err)
{
    struct tuf_key *key = calloc(1, sizeof *key);
    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    key->pkey = pkey;
    key->is_private = is_private;
    key->path = strdup(path);
    key->pem = is_p256(pkey) ? public_pem(pkey) : NULL;
    json_t *json = key->pem != NULL ? tuf_key_json(key) : NULL;
    int rc = !is_p256(pkey)                      ? err_set(err, ERR_INVALID, "not an EC key on P-256")
             : json == NULL || key->path == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                                                 : id_of_json(json, key->id, err);
    json_decref(json);
    if (rc != 0)
        tuf_key_free(key);
    else
        *ret = key;
    return rc;
}

int tuf_key_generate(struct tuf_key **ret, struct err *err)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    return pkey != NULL ? key_new(pkey, true, "", ret, err) : err_set(err, ERR_INTERNAL, "no P-256 key could be made");
}

void tuf_key_free(struct tuf_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key->pem);
    free(key->path);
    free(key);
}

const char *tuf_key_id(const struct tuf_key *key)
{
    return key->id;
}

const char *tuf_key_path(const struct tuf_key *key)
{
    return key->path;
}

/* --- files and metadata --- */

static int read_pem(const char *path, bool is_private, struct tuf_key **ret, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    int rc = is_private ? file_check_private(path, err) : 0;
    if (rc == 0)
        rc = file_read(path, KEY_FILE_MAX, &text, &len, err);
    if (rc != 0)
        return rc;
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    EVP_PKEY *pkey = bio == NULL  ? NULL
                     : is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                                  : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    ERR_clear_error();
    if (pkey == NULL)
        rc = err_set(err, ERR_INVALID, "%.200s: not a %s key in PEM without a pass phrase", path,
                     is_private ? "private" : "public");
    else if ((rc = key_new(pkey, is_private, path, ret, err)) != 0)
        (void)err_prefix(err, "%.200s", path);
    BIO_free(bio);
    wipe(text, len);
    free(text);
    return rc;
}

int tuf_key_read(const char *path, struct tuf_key **ret, struct err *err)
{
    return read_pem(path, true, ret, err);
}

int tuf_key_read_public(const char *path, struct tuf_key **ret, struct err *err)
{
    return read_pem(path, false, ret, err);
}

static bool is_text(const json_t *object, const char *key, const char *want)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, want) == 0;
}

int tuf_key_from_json(const json_t *json, struct tuf_key **ret, struct err *err)
{
    const char *pem = json_string_value(json_object_get(json_object_get(json, "keyval"), "public"));
    if (!is_text(json, "keytype", "ecdsa") || !is_text(json, "scheme", "ecdsa-sha2-nistp256") || pem == NULL ||
        strlen(pem) > PUBLIC_PEM_MAX)
        return err_set(err, ERR_INVALID, "a key that is not ECDSA on P-256");
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
    ERR_clear_error();
    BIO_free(bio);
    return pkey != NULL ? key_new(pkey, false, "", ret, err)
                        : err_set(err, ERR_INVALID, "a key whose public half is not PEM");
}

static int write_private(const struct tuf_key *key, const char *path, struct err *err)
{
    char *data = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    if (bio == NULL || PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        return err_set(err, ERR_NOMEM, "a key could not be written as PEM");
    }
    long len = BIO_get_mem_data(bio, &data);
    int rc = file_create(path, data, (size_t)len, 0600, err);
    wipe(data, (size_t)len);
    BIO_free(bio);
    return rc;
}

int tuf_key_write(const struct tuf_key *key, const char *dir, const char *name, bool with_public, char *ret_path,
                  size_t size, struct err *err)
{
    char public_path[PATH_SIZE];
    if ((size_t)snprintf(ret_path, size, "%s/%s-%.*s.pem", dir, name, SHOWN_ID, key->id) >= size ||
        (size_t)snprintf(public_path, sizeof public_path, "%s/%s-%.*s.pub", dir, name, SHOWN_ID, key->id) >=
            sizeof public_path)
        return err_set(err, ERR_INVALID, "%.100s…: the path is too long", dir);
    int rc = file_mkdirs(dir, 0700, err);
    if (rc == 0)
        rc = write_private(key, ret_path, err);
    if (rc == 0 && with_public)
        rc = file_write(public_path, key->pem, strlen(key->pem), 0644, err);
    return rc;
}

/* --- signatures --- */

int tuf_key_sign(const struct tuf_key *key, const void *data, size_t len, char ret[TUF_SIGNATURE_SIZE], struct err *err)
{
    unsigned char der[TUF_SIGNATURE_SIZE / 2];
    size_t der_len = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = key->is_private && ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
              EVP_DigestSign(ctx, der, &der_len, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (!ok)
        return err_set(err, ERR_INTERNAL, "key %.8s could not sign", key->id);
    hex_encode(der, der_len, ret);
    return 0;
}

bool tuf_key_verify(const struct tuf_key *key, const void *data, size_t len, const char *signature_hex)
{
    unsigned char der[TUF_SIGNATURE_SIZE / 2];
    size_t hex_len = strlen(signature_hex);
    if (hex_len == 0 || hex_len % 2 != 0 || hex_len / 2 > sizeof der || !hex_decode(signature_hex, der, hex_len / 2))
        return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
              EVP_DigestVerify(ctx, der, hex_len / 2, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

/* --- a directory of them --- */

int tuf_keyring_take(struct tuf_keyring *ring, struct tuf_key *take, struct err *err)
{
    if (ring->count == TUF_KEYRING_MAX) {
        tuf_key_free(take);
        return err_set(err, ERR_TOO_BIG, "more than %d keys: take away those that are replaced", TUF_KEYRING_MAX);
    }
    ring->keys[ring->count++] = take;
    return 0;
}

const struct tuf_key *tuf_keyring_find(const struct tuf_keyring *ring, const char *id)
{
    for (size_t i = 0; i < ring->count; i++)
        if (strcmp(ring->keys[i]->id, id) == 0)
            return ring->keys[i];
    return NULL;
}

void tuf_keyring_done(struct tuf_keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        tuf_key_free(ring->keys[i]);
    ring->count = 0;
}

static bool is_key_file(const char *name, const char *prefix)
{
    size_t len = strlen(name);
    return strncmp(name, prefix, strlen(prefix)) == 0 && len > 4 && strcmp(name + len - 4, ".pem") == 0;
}

static int load_into(const char *dir, const char *name, struct tuf_keyring *ring, struct err *err)
{
    char path[PATH_SIZE];
    struct tuf_key *key = NULL;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return err_set(err, ERR_INVALID, "%.100s…: the path is too long", dir);
    int rc = tuf_key_read(path, &key, err);
    return rc == 0 ? tuf_keyring_take(ring, key, err) : rc;
}

int tuf_keyring_load(const char *dir, const char *prefix, struct tuf_keyring *ring, struct err *err)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "%.200s", dir);
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(d)) != NULL;)
        if (is_key_file(entry->d_name, prefix))
            rc = load_into(dir, entry->d_name, ring, err);
    (void)closedir(d);
    return rc;
}
