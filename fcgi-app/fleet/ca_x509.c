#include "fleet/ca_x509.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/wipe.h"

enum { SERIAL_BITS = 159 }; /* RFC 5280 §4.1.2.2: at most 20 octets, positive */

int ca_path(const char *dir, const char *name, char ret[CA_PATH_SIZE], struct err *err)
{
    if ((size_t)snprintf(ret, CA_PATH_SIZE, "%s/%s", dir, name) >= CA_PATH_SIZE)
        return err_set(err, ERR_INVALID, "%.100s…: the path is too long", dir);
    return 0;
}

int ca_no_passphrase(char *buf, int size, int for_writing, void *ctx)
{
    (void)buf, (void)size, (void)for_writing, (void)ctx;
    return -1;
}

int ca_read_key(const char *dir, const char *name, EVP_PKEY **ret, struct err *err)
{
    char path[CA_PATH_SIZE];
    char *text = NULL;
    size_t len = 0;
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    int rc = ca_path(dir, name, path, err);
    if (rc == 0)
        rc = file_read(path, CA_FILE_MAX, &text, &len, err);
    if (rc == 0)
        rc = file_check_private(path, err);
    if (rc != 0)
        goto out;
    bio = BIO_new_mem_buf(text, (int)len);
    key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, ca_no_passphrase, NULL) : NULL;
    if (key == NULL)
        rc = err_set(err, ERR_CORRUPT, "%s: not a private key in PEM", path);
    else
        *ret = key;
out:
    ERR_clear_error();
    BIO_free(bio);
    if (text != NULL)
        wipe(text, len);
    free(text);
    return rc;
}

int ca_read_certificate(const char *dir, const char *name, X509 **ret, struct err *err)
{
    char path[CA_PATH_SIZE];
    char *text = NULL;
    size_t len = 0;
    int rc = ca_path(dir, name, path, err);
    if (rc == 0)
        rc = file_read(path, CA_FILE_MAX, &text, &len, err);
    if (rc != 0)
        return rc;
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, ca_no_passphrase, NULL) : NULL;
    if (certificate == NULL)
        rc = err_set(err, ERR_CORRUPT, "%s: not a certificate in PEM", path);
    else
        *ret = certificate;
    ERR_clear_error();
    BIO_free(bio);
    free(text);
    return rc;
}

char *ca_certificate_pem(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    char *pem = NULL;
    if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1) {
        long len = BIO_get_mem_data(bio, &data);
        if (len > 0)
            pem = strndup(data, (size_t)len);
    }
    BIO_free(bio);
    return pem;
}

bool ca_spki_sha256(X509_PUBKEY *key, char ret[DIGEST_HEX_SIZE])
{
    unsigned char *der = NULL;
    int len = key != NULL ? i2d_X509_PUBKEY(key, &der) : -1;
    if (len > 0)
        digest_sha256_hex(der, (size_t)len, ret);
    OPENSSL_free(der);
    return len > 0;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool add_alt_names(X509 *certificate, X509 *issuer, const struct ca_certificate *what)
{
    if (what->alt_names != NULL)
        return add_extension(certificate, issuer, NID_subject_alt_name, what->alt_names);
    if (what->alt_names_of == NULL)
        return true;
    int at = X509_get_ext_by_NID(what->alt_names_of, NID_subject_alt_name, -1);
    return at >= 0 && X509_add_ext(certificate, X509_get_ext(what->alt_names_of, at), -1) == 1; /* a copy */
}

static bool add_extensions(X509 *certificate, X509 *issuer, const struct ca_certificate *what)
{
    bool root = what->kind == CA_ROOT;
    const char *extended = what->kind == CA_SERVER ? "serverAuth" : "clientAuth";
    return add_extension(certificate, issuer, NID_basic_constraints,
                         root ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
           add_extension(certificate, issuer, NID_key_usage,
                         root ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
           (root || add_extension(certificate, issuer, NID_ext_key_usage, extended)) &&
           add_alt_names(certificate, issuer, what);
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *serial = BN_new();
    bool ok = serial != NULL && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL;
    BN_free(serial);
    return ok;
}

static bool set_subject(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static bool fill(X509 *certificate, const struct ca_certificate *what)
{
    X509 *issuer = what->issuer != NULL ? what->issuer : certificate;
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(what->not_before_ms / 1000)) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(what->not_after_ms / 1000)) != NULL &&
           set_subject(certificate, what->common_name) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
           X509_set_pubkey(certificate, what->subject_key) == 1 && add_extensions(certificate, issuer, what) &&
           X509_sign(certificate, what->issuer_key, EVP_sha256()) > 0;
}

int ca_certificate_make(const struct ca_certificate *what, X509 **ret, struct err *err)
{
    X509 *certificate = X509_new();
    if (certificate == NULL || !fill(certificate, what)) {
        const char *why = ERR_reason_error_string(ERR_peek_last_error());
        int rc = err_set(err, ERR_INTERNAL, "a certificate could not be made: %s", why != NULL ? why : "out of memory");
        ERR_clear_error();
        X509_free(certificate);
        return rc;
    }
    *ret = certificate;
    return 0;
}
