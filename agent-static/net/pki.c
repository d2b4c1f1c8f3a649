#include "net/pki.h"

#include <ctype.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>
#include <psa/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/encode.h"
#include "common/wipe.h"
#include "net/trust.h"

enum { PEM_SIZE = 4096 };

static int parse_key(const char *pem, mbedtls_pk_context *key, struct err *err)
{
    if (psa_crypto_init() != PSA_SUCCESS)
        return err_set(err, ERR_INTERNAL, "cannot start the cryptographic library");
    if (mbedtls_pk_parse_key(key, (const unsigned char *)pem, strlen(pem) + 1, NULL, 0, trust_random, NULL) != 0)
        return err_set(err, ERR_INVALID, "the private key is not readable");
    return 0;
}

static int parse_certs(const char *pem, mbedtls_x509_crt *crt, struct err *err)
{
    if (mbedtls_x509_crt_parse(crt, (const unsigned char *)pem, strlen(pem) + 1) != 0)
        return err_set(err, ERR_INVALID, "not a readable PEM certificate");
    return 0;
}

static int copy_out(const unsigned char *pem, char **ret, struct err *err)
{
    char *copy = strdup((const char *)pem);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = copy;
    return 0;
}

int pki_key_new(char **ret_pem, struct err *err)
{
    unsigned char pem[PEM_SIZE];
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    int rc = 0;
    if (mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) != 0 ||
        mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), trust_random, NULL) != 0 ||
        mbedtls_pk_write_key_pem(&key, pem, sizeof pem) != 0)
        rc = err_set(err, ERR_INTERNAL, "cannot make a key");
    if (rc == 0)
        rc = copy_out(pem, ret_pem, err);
    wipe(pem, sizeof pem);
    mbedtls_pk_free(&key);
    return rc;
}

int pki_csr_new(const char *key_pem, char **ret_pem, struct err *err)
{
    unsigned char pem[PEM_SIZE];
    mbedtls_pk_context key;
    mbedtls_x509write_csr csr;
    mbedtls_pk_init(&key);
    mbedtls_x509write_csr_init(&csr);
    int rc = parse_key(key_pem, &key, err);
    if (rc == 0) {
        mbedtls_x509write_csr_set_key(&csr, &key);
        mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
        if (mbedtls_x509write_csr_set_subject_name(&csr, "CN=muster-agent") != 0 ||
            mbedtls_x509write_csr_pem(&csr, pem, sizeof pem, trust_random, NULL) != 0)
            rc = err_set(err, ERR_INTERNAL, "cannot make a certificate request");
    }
    if (rc == 0)
        rc = copy_out(pem, ret_pem, err);
    mbedtls_x509write_csr_free(&csr);
    mbedtls_pk_free(&key);
    return rc;
}

int pki_cert_validity(const char *cert_pem, struct pki_validity *ret, struct err *err)
{
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    int rc = parse_certs(cert_pem, &crt, err);
    if (rc == 0)
        *ret = (struct pki_validity){.not_before_ms = trust_time_ms(&crt.valid_from),
                                     .not_after_ms = trust_time_ms(&crt.valid_to)};
    mbedtls_x509_crt_free(&crt);
    return rc;
}

int pki_cert_check(const char *cert_pem, const char *key_pem, const char *ca_pem, struct err *err)
{
    mbedtls_x509_crt crt;
    mbedtls_x509_crt ca;
    mbedtls_pk_context key;
    uint32_t flags = 0;
    mbedtls_x509_crt_init(&crt);
    mbedtls_x509_crt_init(&ca);
    mbedtls_pk_init(&key);
    int rc = parse_certs(cert_pem, &crt, err);
    if (rc == 0)
        rc = parse_certs(ca_pem, &ca, err);
    if (rc == 0)
        rc = parse_key(key_pem, &key, err);
    if (rc == 0 && mbedtls_pk_check_pair(&crt.pk, &key, trust_random, NULL) != 0)
        rc = err_set(err, ERR_INVALID, "the certificate is not for our key");
    if (rc == 0 && mbedtls_x509_crt_verify(&crt, &ca, NULL, NULL, &flags, NULL, NULL) != 0) {
        /* Made this second by a server whose clock is a little ahead: not a reason to throw it away. */
        flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_FUTURE;
        if (flags != 0)
            rc = err_set(err, ERR_INVALID, "the certificate does not come from the server's CA (flags 0x%x)",
                         (unsigned)flags);
    }
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&ca);
    mbedtls_x509_crt_free(&crt);
    return rc;
}

int pki_bundle_check(const char *ca_pem, const uint8_t *pin, struct err *err)
{
    mbedtls_x509_crt ca;
    bool pinned = pin == NULL;
    mbedtls_x509_crt_init(&ca);
    int rc = parse_certs(ca_pem, &ca, err);
    for (const mbedtls_x509_crt *c = &ca; rc == 0 && c != NULL; c = c->next) {
        uint8_t digest[32];
        if (mbedtls_x509_crt_get_ca_istrue(c) != 1)
            rc = err_set(err, ERR_INVALID, "the CA bundle holds a certificate that is no CA");
        if (pin != NULL && mbedtls_sha256(c->raw.p, c->raw.len, digest, 0) == 0 &&
            wipe_equal(digest, pin, sizeof digest))
            pinned = true;
    }
    if (rc == 0 && !pinned)
        rc = err_set(err, ERR_DENIED, "the CA bundle does not hold the CA with the fingerprint given");
    mbedtls_x509_crt_free(&ca);
    return rc;
}

bool pki_fingerprint_parse(const char *s, uint8_t ret[32])
{
    char hex[65];
    size_t len = 0;
    if (strncasecmp(s, "sha256:", 7) != 0)
        return false;
    for (const char *p = s + 7; *p != '\0'; p++) {
        if (*p == ':' && len % 2 == 0 && len > 0 && p[1] != '\0')
            continue;
        if (len == 64)
            return false;
        hex[len++] = (char)tolower((unsigned char)*p);
    }
    hex[len] = '\0';
    return len == 64 && hex_decode(hex, ret, 32);
}
