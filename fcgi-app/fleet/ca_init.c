/* Making the authority's files. Every step leaves a state from which the next run goes on: a key is on disk before the
 * certificate that speaks of it, and nothing that exists is replaced but a server certificate that is due. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/wipe.h"
#include "fleet/ca.h"
#include "fleet/ca_x509.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

enum { ROOT_DAYS = 3652, SERVER_DAYS = 397, BACKDATE_MS = 3600 * 1000, ALT_NAMES_MAX = 4096 };

static bool file_missing(int rc)
{
    return rc == ERR_NOT_FOUND;
}

static int write_key(const char *dir, const char *name, EVP_PKEY *key, struct err *err)
{
    char path[CA_PATH_SIZE];
    char *data = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    int rc = ca_path(dir, name, path, err);
    if (rc == 0 && (bio == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1))
        rc = err_set(err, ERR_NOMEM, "a key could not be written as PEM");
    if (rc == 0) {
        long len = BIO_get_mem_data(bio, &data);
        rc = file_create(path, data, (size_t)len, 0600, err);
        wipe(data, (size_t)len);
    }
    BIO_free(bio);
    return rc;
}

int ca_ensure_key(const char *dir, const char *name, EVP_PKEY **ret, struct err *err)
{
    EVP_PKEY *key = NULL;
    int rc = ca_read_key(dir, name, ret, err);
    if (!file_missing(rc))
        return rc;
    key = EVP_EC_gen("P-256");
    rc = key != NULL ? write_key(dir, name, key, err) : err_set(err, ERR_INTERNAL, "no P-256 key could be made");
    if (rc != 0)
        EVP_PKEY_free(key);
    else
        *ret = key;
    return rc;
}

int ca_write_text(const char *dir, const char *name, const char *text, mode_t mode, struct err *err)
{
    char path[CA_PATH_SIZE];
    int rc = ca_path(dir, name, path, err);
    return rc != 0 ? rc : file_write(path, text, strlen(text), mode, err);
}

/* --- the root --- */

int ca_make_root(const char *dir, const char *name, EVP_PKEY *key, int64_t now_ms, struct err *err)
{
    struct ca_certificate what = {
        .kind = CA_ROOT,
        .common_name = "Muster CA",
        .subject_key = key,
        .issuer_key = key,
        .not_before_ms = now_ms - BACKDATE_MS,
        .not_after_ms = now_ms + ROOT_DAYS * DAY_MS,
    };
    X509 *root = NULL;
    int rc = ca_certificate_make(&what, &root, err);
    if (rc != 0)
        return rc;
    char *pem = ca_certificate_pem(root);
    rc = pem != NULL ? ca_write_text(dir, name, pem, 0644, err) : err_set(err, ERR_NOMEM, "out of memory");
    free(pem);
    X509_free(root);
    return rc;
}

static int root_ensure(const struct ca_init_options *options, EVP_PKEY **ret_key, X509 **ret_root, struct err *err)
{
    struct err why = {0};
    X509 *root = NULL;
    EVP_PKEY *key = NULL;
    int have_root = ca_read_certificate(options->dir, "ca.pem", &root, &why);
    if (have_root != 0 && !file_missing(have_root))
        return err_set(err, have_root, "%s", why.msg);
    /* A root without its key is a loss that a new key would only hide: every agent trusts the old one. */
    int rc = have_root == 0 ? ca_read_key(options->dir, "ca.key", &key, err)
                            : ca_ensure_key(options->dir, "ca.key", &key, err);
    if (file_missing(rc))
        rc = err_set(err, ERR_CONFLICT, "%s: ca.pem is there but ca.key is not; put it back from your copy",
                     options->dir);
    if (rc == 0 && have_root != 0)
        rc = ca_make_root(options->dir, "ca.pem", key, options->now_ms, err);
    if (rc == 0 && have_root != 0)
        rc = ca_read_certificate(options->dir, "ca.pem", &root, err);
    if (rc == 0 && X509_check_private_key(root, key) != 1)
        rc = err_set(err, ERR_CORRUPT, "%s: ca.key is not the key of ca.pem", options->dir);
    ERR_clear_error();
    if (rc != 0) {
        X509_free(root);
        EVP_PKEY_free(key);
        return rc;
    }
    *ret_key = key;
    *ret_root = root;
    return 0;
}

/* --- the server's certificate --- */

static bool is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Host names go into OpenSSL's little language of extensions; only plain ones may. */
static int alt_names(const char *const *hosts, struct buf *ret, struct err *err)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    for (size_t i = 0; hosts[i] != NULL; i++) {
        bool address = is_address(hosts[i]);
        if (!address && (hosts[i][0] == '\0' || strspn(hosts[i], plain) != strlen(hosts[i])))
            return err_set(err, ERR_INVALID, "not a host name or address: %.80s", hosts[i]);
        buf_addf(ret, "%s%s:%s", i > 0 ? "," : "", address ? "IP" : "DNS", hosts[i]);
    }
    if (ret->len == 0 || !buf_ok(ret))
        return err_set(err, ERR_INVALID, "the server's certificate needs a host name, and not too many");
    return 0;
}

static bool certificate_names(X509 *certificate, const char *const *hosts)
{
    for (size_t i = 0; hosts[i] != NULL; i++) {
        int found = is_address(hosts[i])
                        ? X509_check_ip_asc(certificate, hosts[i], 0)
                        : X509_check_host(certificate, hosts[i], 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL);
        if (found != 1)
            return false;
    }
    return true;
}

static bool has_third_of_life(const X509 *certificate, int64_t now_ms)
{
    time_t soon = (time_t)((now_ms + SERVER_DAYS * DAY_MS / 3) / 1000);
    return X509_cmp_time(X509_get0_notAfter(certificate), &soon) > 0;
}

/* now: the certificate that is there, or NULL. */
static bool server_certificate_fits(const struct ca_init_options *options, X509 *now, EVP_PKEY *key, X509 *root)
{
    bool fits = now != NULL && X509_check_private_key(now, key) == 1 && X509_verify(now, X509_get0_pubkey(root)) == 1 &&
                (options->hosts == NULL || certificate_names(now, options->hosts)) &&
                has_third_of_life(now, options->now_ms);
    ERR_clear_error();
    return fits;
}

static int write_server_chain(const char *dir, X509 *certificate, X509 *root, struct err *err)
{
    char *leaf_pem = ca_certificate_pem(certificate);
    char *root_pem = ca_certificate_pem(root);
    struct buf chain;
    buf_init(&chain, CA_FILE_MAX);
    int rc = 0;
    if (leaf_pem == NULL || root_pem == NULL) {
        rc = err_set(err, ERR_NOMEM, "out of memory");
    } else {
        buf_adds(&chain, leaf_pem);
        buf_adds(&chain, root_pem);
        rc = buf_ok(&chain) ? ca_write_text(dir, "server.pem", buf_str(&chain), 0644, err)
                            : err_set(err, ERR_NOMEM, "out of memory");
    }
    buf_done(&chain);
    free(leaf_pem);
    free(root_pem);
    return rc;
}

static int server_ensure(const struct ca_init_options *options, EVP_PKEY *root_key, X509 *root, struct err *err)
{
    EVP_PKEY *key = NULL;
    X509 *now = NULL;
    X509 *certificate = NULL;
    struct err ignored = {0};
    struct buf names;
    buf_init(&names, ALT_NAMES_MAX);
    int rc = options->hosts != NULL ? alt_names(options->hosts, &names, err) : 0;
    if (rc == 0)
        rc = ca_ensure_key(options->dir, "server.key", &key, err);
    if (rc == 0 && ca_read_certificate(options->dir, "server.pem", &now, &ignored) != 0)
        now = NULL; /* missing or damaged: made anew */
    if (rc != 0 || server_certificate_fits(options, now, key, root))
        goto out;
    struct ca_certificate what = {
        .kind = CA_SERVER,
        .common_name = "Muster server",
        .alt_names = options->hosts != NULL ? buf_str(&names) : NULL,
        .alt_names_of = now,
        .subject_key = key,
        .issuer = root,
        .issuer_key = root_key,
        .not_before_ms = options->now_ms - BACKDATE_MS,
        .not_after_ms = options->now_ms + SERVER_DAYS * DAY_MS,
    };
    rc = ca_certificate_make(&what, &certificate, err);
    if (rc == 0)
        rc = write_server_chain(options->dir, certificate, root, err);
out:
    buf_done(&names);
    X509_free(certificate);
    X509_free(now);
    EVP_PKEY_free(key);
    return rc;
}

/* --- the bundle's file, for nginx; agents get ca_bundle() --- */

static int bundle_ensure(const char *dir, struct err *err)
{
    struct ca *ca = NULL;
    char path[CA_PATH_SIZE];
    char *now = NULL;
    struct err ignored = {0};
    int rc = ca_load(dir, &ca, err);
    if (rc == 0)
        rc = ca_path(dir, "ca-bundle.pem", path, err);
    if (rc == 0 && (file_read(path, CA_FILE_MAX, &now, NULL, &ignored) != 0 || strcmp(now, ca_bundle(ca)) != 0))
        rc = file_write(path, ca_bundle(ca), strlen(ca_bundle(ca)), 0644, err);
    free(now);
    ca_free(ca);
    return rc;
}

int ca_init(const struct ca_init_options *options, struct err *err)
{
    EVP_PKEY *key = NULL;
    X509 *root = NULL;
    int rc = file_mkdirs(options->dir, 0700, err);
    if (rc == 0)
        rc = root_ensure(options, &key, &root, err);
    if (rc == 0)
        rc = server_ensure(options, key, root, err);
    if (rc == 0)
        rc = bundle_ensure(options->dir, err);
    X509_free(root);
    EVP_PKEY_free(key);
    return rc;
}
