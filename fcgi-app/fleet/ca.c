#include "fleet/ca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/cursor.h"
#include "common/encode.h"
#include "common/file.h"
#include "fleet/ca_x509.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

enum { BACKDATE_MS = 5 * 60 * 1000, BUNDLE_MAX = 4 * CA_FILE_MAX, SPKI_P256_SIZE = 91, CERTIFICATE_MAX = 16 * 1024 };

struct ca {
    X509 *root;
    EVP_PKEY *key;
    char fingerprint[CA_FINGERPRINT_SIZE];
    char *bundle;
    int64_t bundle_rev;
};

struct ca_csr {
    X509_REQ *req;
    char spki[DIGEST_HEX_SIZE];
};

/* --- loading --- */

static int set_fingerprint(struct ca *ca, struct err *err)
{
    unsigned char *der = NULL;
    int len = i2d_X509(ca->root, &der);
    if (len <= 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    char hex[DIGEST_HEX_SIZE];
    digest_sha256_hex(der, (size_t)len, hex);
    (void)snprintf(ca->fingerprint, sizeof ca->fingerprint, "sha256:%s", hex);
    OPENSSL_free(der);
    return 0;
}

/* Adds the certificate in dir/name; one that is not there adds nothing. */
static int add_to_bundle(const char *dir, const char *name, struct buf *bundle, struct err *err)
{
    struct err why = {0};
    X509 *certificate = NULL;
    int rc = ca_read_certificate(dir, name, &certificate, &why);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc != 0)
        return err_set(err, rc, "%s", why.msg);
    char *pem = ca_certificate_pem(certificate);
    if (pem != NULL)
        buf_adds(bundle, pem);
    rc = pem != NULL && buf_ok(bundle) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    free(pem);
    X509_free(certificate);
    return rc;
}

int ca_read_rev(const char *dir, int64_t *ret, struct err *err)
{
    char path[CA_PATH_SIZE];
    char *text = NULL;
    struct err why = {0};
    uint64_t rev = 1;
    int rc = ca_path(dir, "ca.rev", path, err);
    if (rc != 0)
        return rc;
    rc = file_read(path, 32, &text, NULL, &why);
    if (rc == 0) {
        text[strcspn(text, "\n")] = '\0';
        if (!cursor_parse_uint(text, INT64_MAX, &rev))
            rc = err_set(err, ERR_CORRUPT, "%s: not a number", path);
    } else if (rc == ERR_NOT_FOUND) {
        rc = 0;
    } else {
        rc = err_set(err, rc, "%s", why.msg);
    }
    free(text);
    if (rc == 0)
        *ret = (int64_t)rev;
    return rc;
}

static int load_bundle(struct ca *ca, const char *dir, struct err *err)
{
    struct buf bundle;
    buf_init(&bundle, BUNDLE_MAX);
    int rc = add_to_bundle(dir, "ca.pem", &bundle, err);
    if (rc == 0)
        rc = add_to_bundle(dir, "ca-next.pem", &bundle, err);
    if (rc == 0)
        rc = add_to_bundle(dir, "ca-previous.pem", &bundle, err);
    if (rc == 0)
        rc = ca_read_rev(dir, &ca->bundle_rev, err);
    if (rc == 0)
        ca->bundle = buf_take(&bundle);
    buf_done(&bundle);
    return rc;
}

/* A switch of roots that was cut short has moved the key, but not yet the certificate. */
static int take_next_root(struct ca *ca, const char *dir, struct err *err)
{
    X509 *next = NULL;
    struct err ignored = {0};
    if (ca_read_certificate(dir, "ca-next.pem", &next, &ignored) != 0 || X509_check_private_key(next, ca->key) != 1) {
        X509_free(next);
        return err_set(err, ERR_CORRUPT, "%s: ca.key is not the key of ca.pem", dir);
    }
    X509_free(ca->root);
    ca->root = next;
    return 0;
}

int ca_load(const char *dir, struct ca **ret, struct err *err)
{
    struct ca *ca = calloc(1, sizeof *ca);
    if (ca == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = ca_read_certificate(dir, "ca.pem", &ca->root, err);
    if (rc == 0)
        rc = ca_read_key(dir, "ca.key", &ca->key, err);
    if (rc == ERR_NOT_FOUND)
        rc = err_set(err, rc, "%s: no CA (ca.pem, ca.key); 'muster-app init' makes one", dir);
    if (rc == 0 && X509_check_private_key(ca->root, ca->key) != 1)
        rc = take_next_root(ca, dir, err);
    ERR_clear_error();
    if (rc == 0)
        rc = set_fingerprint(ca, err);
    if (rc == 0)
        rc = load_bundle(ca, dir, err);
    if (rc != 0) {
        ca_free(ca);
        return rc;
    }
    *ret = ca;
    return 0;
}

void ca_free(struct ca *ca)
{
    if (ca == NULL)
        return;
    X509_free(ca->root);
    EVP_PKEY_free(ca->key);
    free(ca->bundle);
    free(ca);
}

const char *ca_fingerprint(const struct ca *ca)
{
    return ca->fingerprint;
}

const char *ca_bundle(const struct ca *ca)
{
    return ca->bundle;
}

int64_t ca_bundle_rev(const struct ca *ca)
{
    return ca->bundle_rev;
}

/* --- requests --- */

/* A named curve and an uncompressed point have one spelling, so that one key has one hash. */
static bool is_plain_p256(X509_PUBKEY *key)
{
    static const unsigned char prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                           0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                           0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    unsigned char *der = NULL;
    int len = key != NULL ? i2d_X509_PUBKEY(key, &der) : -1;
    bool plain = len == SPKI_P256_SIZE && memcmp(der, prefix, sizeof prefix) == 0;
    OPENSSL_free(der);
    return plain;
}

static int check_request(struct ca_csr *csr, struct err *err)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(csr->req);
    if (key == NULL || !is_plain_p256(X509_REQ_get_X509_PUBKEY(csr->req)))
        return err_set(err, ERR_INVALID, "the request's key must be an EC key on P-256");
    if (X509_REQ_verify(csr->req, key) != 1)
        return err_set(err, ERR_INVALID, "the request's signature is not by its key");
    if (!ca_spki_sha256(X509_REQ_get_X509_PUBKEY(csr->req), csr->spki))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

int ca_csr_parse(const char *pem, struct ca_csr **ret, struct err *err)
{
    size_t len = strlen(pem);
    if (len > CA_CSR_MAX)
        return err_set(err, ERR_INVALID, "a request of more than %d bytes", CA_CSR_MAX);
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    struct ca_csr *csr = calloc(1, sizeof *csr);
    int rc = 0;
    if (bio == NULL || csr == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else if ((csr->req = PEM_read_bio_X509_REQ(bio, NULL, ca_no_passphrase, NULL)) == NULL)
        rc = err_set(err, ERR_INVALID, "not a certificate request in PEM");
    else
        rc = check_request(csr, err);
    ERR_clear_error();
    BIO_free(bio);
    if (rc != 0)
        ca_csr_free(csr);
    else
        *ret = csr;
    return rc;
}

void ca_csr_free(struct ca_csr *csr)
{
    if (csr == NULL)
        return;
    X509_REQ_free(csr->req);
    free(csr);
}

const char *ca_csr_spki(const struct ca_csr *csr)
{
    return csr->spki;
}

/* --- issuing --- */

static int64_t asn1_time_ms(const ASN1_TIME *time)
{
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

int ca_issue(const struct ca *ca, const struct ca_csr *csr, const struct ca_issue_options *options, struct arena *arena,
             const char **ret_pem, int64_t *ret_not_after_ms, struct err *err)
{
    int64_t root_end_ms = asn1_time_ms(X509_get0_notAfter(ca->root));
    int64_t end_ms = (options->now_ms / 1000 + options->days * DAY_MS / 1000) * 1000;
    struct ca_certificate what = {
        .kind = CA_AGENT,
        .common_name = options->agent_id,
        .subject_key = X509_REQ_get0_pubkey(csr->req),
        .issuer = ca->root,
        .issuer_key = ca->key,
        .not_before_ms = options->now_ms - BACKDATE_MS,
        .not_after_ms = end_ms < root_end_ms ? end_ms : root_end_ms,
    };
    if (root_end_ms <= options->now_ms)
        return err_set(err, ERR_UNAVAILABLE, "the CA's own certificate has expired");
    X509 *certificate = NULL;
    int rc = ca_certificate_make(&what, &certificate, err);
    if (rc != 0)
        return rc;
    char *pem = ca_certificate_pem(certificate);
    const char *copy = arena_strdup(arena, pem);
    free(pem);
    X509_free(certificate);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret_pem = copy;
    *ret_not_after_ms = what.not_after_ms;
    return 0;
}

int ca_certificate_spki(const char *pem, char ret[DIGEST_HEX_SIZE], struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, ca_no_passphrase, NULL) : NULL;
    bool ok = certificate != NULL && ca_spki_sha256(X509_get_X509_PUBKEY(certificate), ret);
    ERR_clear_error();
    X509_free(certificate);
    BIO_free(bio);
    return ok ? 0 : err_set(err, ERR_INVALID, "not a certificate in PEM");
}

/* --- as nginx hands certificates over --- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unescape(const char *s, struct buf *ret)
{
    for (; *s != '\0'; s++) {
        if (*s != '%') {
            buf_addc(ret, *s);
            continue;
        }
        int high = hex_value(s[1]);
        int low = high >= 0 ? hex_value(s[2]) : -1;
        if (low < 0 || high + low == 0)
            return false;
        buf_addc(ret, (char)(high << 4 | low));
        s += 2;
    }
    return buf_ok(ret);
}

int ca_escaped_spki(const char *escaped, char ret[DIGEST_HEX_SIZE], struct err *err)
{
    struct buf pem;
    buf_init(&pem, CERTIFICATE_MAX);
    int rc = unescape(escaped, &pem) ? ca_certificate_spki(buf_str(&pem), ret, err)
                                     : err_set(err, ERR_INVALID, "not an escaped certificate");
    buf_done(&pem);
    return rc;
}
