#include "auth/secrets.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/digest.h"
#include "common/cursor.h"
#include "common/encode.h"
#include "common/file.h"
#include "common/token.h"
#include "common/wipe.h"

enum {
    MASTER_KEYS_MAX = 16,
    KEY_ID_SIZE = 8 + 1,
    FILE_MAX = 8192,
    NONCE_SIZE = 12,
    TAG_SIZE = 16,
    SEALED_MAX = 1 << 20,
};

struct master_key {
    char id[KEY_ID_SIZE];
    unsigned char bytes[SECRETS_KEY_SIZE];
};

struct secrets {
    struct master_key master[MASTER_KEYS_MAX];
    size_t master_count; /* at least one; the last one seals */
    struct audit_key audit;
    char store_key_id[6 + 14 + 1];
    char store_secret[HEX_SIZE(SECRETS_KEY_SIZE)];
};

/* --- making the files --- */

static int create_missing(const char *dir, const char *name, const char *text, struct err *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return err_set(err, ERR_INVALID, "%s: the path is too long", dir);
    struct err why = {0};
    int rc = file_create(path, text, strlen(text), 0600, &why);
    if (rc == 0 || rc == ERR_CONFLICT)
        return 0;
    return err_set(err, rc, "%s", why.msg);
}

static int create_key_file(const char *dir, const char *name, bool with_id, struct err *err)
{
    unsigned char key[SECRETS_KEY_SIZE];
    unsigned char id[(KEY_ID_SIZE - 1) / 2];
    char key_hex[HEX_SIZE(sizeof key)], id_hex[HEX_SIZE(sizeof id)], line[HEX_SIZE(sizeof key) + KEY_ID_SIZE + 2];
    if (!token_random(key, sizeof key) || !token_random(id, sizeof id))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    hex_encode(key, sizeof key, key_hex);
    hex_encode(id, sizeof id, id_hex);
    (void)snprintf(line, sizeof line, "%s%s%s\n", with_id ? id_hex : "", with_id ? " " : "", key_hex);
    int rc = create_missing(dir, name, line, err);
    wipe(key, sizeof key);
    wipe(key_hex, sizeof key_hex);
    wipe(line, sizeof line);
    return rc;
}

int secrets_init(const char *dir, struct err *err)
{
    int rc = file_mkdirs(dir, 0700, err);
    if (rc == 0)
        rc = create_key_file(dir, "master.key", true, err);
    if (rc == 0)
        rc = create_key_file(dir, "audit.key", false, err);
    if (rc == 0)
        rc = create_key_file(dir, "store.key", false, err);
    return rc;
}

/* --- loading --- */

static int read_private(const char *dir, const char *name, char **ret_text, struct err *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return err_set(err, ERR_INVALID, "%s: the path is too long", dir);
    int rc = file_read(path, FILE_MAX, ret_text, NULL, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc, "%s is missing: run 'muster-app init', or put the file back from your copy", path);
    if (rc != 0)
        return rc;
    rc = file_check_private(path, err);
    if (rc != 0) {
        wipe_str(*ret_text);
        free(*ret_text);
        *ret_text = NULL;
    }
    return rc;
}

static bool key_from_hex(struct span hex, unsigned char ret[SECRETS_KEY_SIZE])
{
    char text[HEX_SIZE(SECRETS_KEY_SIZE)];
    if (hex.len != sizeof text - 1)
        return false;
    memcpy(text, hex.ptr, hex.len);
    text[hex.len] = '\0';
    bool ok = hex_decode(text, ret, SECRETS_KEY_SIZE);
    wipe(text, sizeof text);
    return ok;
}

/* A file that holds one key of 64 hex digits. */
static int load_key(const char *dir, const char *name, unsigned char ret[SECRETS_KEY_SIZE], struct err *err)
{
    char *text = NULL;
    int rc = read_private(dir, name, &text, err);
    if (rc != 0)
        return rc;
    struct cursor c;
    struct span line = {0};
    cursor_init(&c, span_of(text));
    if (!cursor_line(&c, &line) || !cursor_done(&c) || !key_from_hex(line, ret))
        rc = err_set(err, ERR_INVALID, "%s/%s: must be one line of 64 hex digits", dir, name);
    wipe_str(text);
    free(text);
    return rc;
}

static bool parse_master_line(struct span line, struct master_key *ret)
{
    struct cursor c;
    struct span id;
    cursor_init(&c, line);
    if (!cursor_until(&c, ' ', &id) || id.len != KEY_ID_SIZE - 1 || memchr(id.ptr, '.', id.len) != NULL)
        return false;
    memcpy(ret->id, id.ptr, id.len);
    ret->id[id.len] = '\0';
    return key_from_hex((struct span){c.at, (size_t)(c.end - c.at)}, ret->bytes);
}

static int load_master(struct secrets *s, const char *dir, struct err *err)
{
    char *text = NULL;
    int rc = read_private(dir, "master.key", &text, err);
    if (rc != 0)
        return rc;
    struct cursor c;
    struct span line;
    cursor_init(&c, span_of(text));
    for (int number = 1; rc == 0 && cursor_line(&c, &line); number++) {
        if (s->master_count == MASTER_KEYS_MAX)
            rc = err_set(err, ERR_TOO_BIG, "%s/master.key: more than %d keys", dir, MASTER_KEYS_MAX);
        else if (!parse_master_line(line, &s->master[s->master_count++]))
            rc = err_set(err, ERR_INVALID, "%s/master.key:%d: must be an id of 8 and a key of 64 hex digits", dir,
                         number);
    }
    if (rc == 0 && s->master_count == 0)
        rc = err_set(err, ERR_INVALID, "%s/master.key: empty", dir);
    wipe_str(text);
    free(text);
    return rc;
}

static int load_store(struct secrets *s, const char *dir, struct err *err)
{
    unsigned char key[SECRETS_KEY_SIZE];
    char fingerprint[DIGEST_HEX_SIZE];
    int rc = load_key(dir, "store.key", key, err);
    if (rc != 0)
        return rc;
    hex_encode(key, sizeof key, s->store_secret);
    digest_sha256_hex(key, sizeof key, fingerprint);
    (void)snprintf(s->store_key_id, sizeof s->store_key_id, "MUSTER%.14s", fingerprint);
    wipe(key, sizeof key);
    return 0;
}

int secrets_load(const char *dir, struct secrets **ret, struct err *err)
{
    struct secrets *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = load_master(s, dir, err);
    if (rc == 0)
        rc = load_key(dir, "audit.key", s->audit.bytes, err);
    if (rc == 0)
        rc = load_store(s, dir, err);
    if (rc != 0) {
        secrets_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void secrets_free(struct secrets *s)
{
    if (s == NULL)
        return;
    wipe(s, sizeof *s);
    free(s);
}

const struct audit_key *secrets_audit_key(const struct secrets *s)
{
    return &s->audit;
}

const char *secrets_store_key_id(const struct secrets *s)
{
    return s->store_key_id;
}

const char *secrets_store_secret(const struct secrets *s)
{
    return s->store_secret;
}

/* --- AES-256-GCM (NIST SP 800-38D) --- */

static bool gcm_encrypt(const unsigned char *key, const char *aad, const void *plain, size_t len, unsigned char *ret)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *ciphertext = ret + NONCE_SIZE;
    int n = 0;
    bool ok = ctx != NULL && token_random(ret, NONCE_SIZE) &&
              EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, ret) == 1 &&
              EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)aad, (int)strlen(aad)) == 1 &&
              EVP_EncryptUpdate(ctx, ciphertext, &n, plain, (int)len) == 1 && (size_t)n == len &&
              EVP_EncryptFinal_ex(ctx, ciphertext + len, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, ciphertext + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* data: nonce, len bytes of ciphertext, tag. Decrypts in place. */
static bool gcm_decrypt(const unsigned char *key, const char *aad, unsigned char *data, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *ciphertext = data + NONCE_SIZE;
    int n = 0;
    bool ok = ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, data) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, ciphertext + len) == 1 &&
              EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)aad, (int)strlen(aad)) == 1 &&
              EVP_DecryptUpdate(ctx, ciphertext, &n, ciphertext, (int)len) == 1 && (size_t)n == len &&
              EVP_DecryptFinal_ex(ctx, ciphertext + len, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

int secrets_seal_with(const unsigned char key[SECRETS_KEY_SIZE], const char *aad, const void *plain, size_t len,
                      struct buf *ret, struct err *err)
{
    if (len > SEALED_MAX)
        return err_set(err, ERR_TOO_BIG, "too long to seal");
    size_t sealed_len = NONCE_SIZE + len + TAG_SIZE;
    unsigned char *sealed = malloc(sealed_len);
    char *text = malloc(BASE64_SIZE(sealed_len));
    int rc = 0;
    if (sealed == NULL || text == NULL) {
        rc = err_set(err, ERR_NOMEM, "out of memory");
    } else if (!gcm_encrypt(key, aad, plain, len, sealed)) {
        rc = err_set(err, ERR_INTERNAL, "AES-256-GCM failed");
    } else {
        base64url_encode(sealed, sealed_len, text);
        buf_adds(ret, text);
        if (!buf_ok(ret))
            rc = err_set(err, ERR_NOMEM, "too long to seal");
    }
    free(text);
    free(sealed);
    return rc;
}

int secrets_open_with(const unsigned char key[SECRETS_KEY_SIZE], const char *aad, const char *sealed, struct buf *ret,
                      struct err *err)
{
    size_t room = strlen(sealed) + 1;
    size_t len = 0;
    unsigned char *data = malloc(room);
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = 0;
    if (!base64url_decode(sealed, data, room, &len) || len < NONCE_SIZE + TAG_SIZE ||
        !gcm_decrypt(key, aad, data, len - NONCE_SIZE - TAG_SIZE)) {
        rc = err_set(err, ERR_CORRUPT, "a sealed value does not open: another key, another place, or changed");
    } else {
        buf_add(ret, data + NONCE_SIZE, len - NONCE_SIZE - TAG_SIZE);
        if (!buf_ok(ret))
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    wipe(data, room);
    free(data);
    return rc;
}

int secrets_seal(const struct secrets *s, const char *aad, const void *plain, size_t len, struct buf *ret,
                 struct err *err)
{
    const struct master_key *key = &s->master[s->master_count - 1];
    buf_addf(ret, "%s.", key->id);
    return secrets_seal_with(key->bytes, aad, plain, len, ret, err);
}

int secrets_open(const struct secrets *s, const char *aad, const char *sealed, struct buf *ret, struct err *err)
{
    struct cursor c;
    struct span id;
    cursor_init(&c, span_of(sealed));
    if (!cursor_until(&c, '.', &id))
        return err_set(err, ERR_CORRUPT, "a sealed value lacks its key id");
    for (size_t i = s->master_count; i-- > 0;)
        if (span_equal(id, s->master[i].id))
            return secrets_open_with(s->master[i].bytes, aad, c.at, ret, err);
    return err_set(err, ERR_CORRUPT, "master.key no longer holds the key a value is sealed under");
}

int secrets_mac(const struct secrets *s, size_t age, const char *use, const void *data, size_t len,
                char ret[SECRETS_MAC_SIZE], struct err *err)
{
    unsigned char key[SECRETS_KEY_SIZE], mac[DIGEST_SIZE];
    if (age >= s->master_count)
        return err_set(err, ERR_NOT_FOUND, "no master key is so old");
    bool ok = digest_hkdf(s->master[s->master_count - 1 - age].bytes, SECRETS_KEY_SIZE, use, key, sizeof key) &&
              digest_hmac(key, sizeof key, data, len, mac);
    wipe(key, sizeof key);
    if (!ok)
        return err_set(err, ERR_INTERNAL, "HMAC-SHA-256 failed");
    hex_encode(mac, sizeof mac, ret);
    return 0;
}
