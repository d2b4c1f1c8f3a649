/* ca_x509.h: what ca.c and ca_init.c share: keys and certificates as files, and making one certificate. */
#ifndef MUSTER_FLEET_CA_X509_H
#define MUSTER_FLEET_CA_X509_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/digest.h"
#include "common/err.h"

enum { CA_PATH_SIZE = 4096, CA_FILE_MAX = 64 * 1024 };

/* "dir/name" in the caller's room; ERR_INVALID when it does not fit. */
int ca_path(const char *dir, const char *name, char ret[CA_PATH_SIZE], struct err *err) MUSTER_NODISCARD;

/* dir/name as a private key (which must be private to us) or as a certificate. ERR_NOT_FOUND when it is not there. */
int ca_read_key(const char *dir, const char *name, EVP_PKEY **ret, struct err *err) MUSTER_NODISCARD;
int ca_read_certificate(const char *dir, const char *name, X509 **ret, struct err *err) MUSTER_NODISCARD;

/* For every PEM_read_…: says that there is none. Without it OpenSSL would ask the terminal for the pass phrase of PEM
 * that calls itself encrypted, and a stranger's request would block a thread for ever. */
int ca_no_passphrase(char *buf, int size, int for_writing, void *ctx);

/* The certificate as PEM; free(). NULL when memory is out. */
char *ca_certificate_pem(X509 *certificate);

/* SHA-256 in hex of a SubjectPublicKeyInfo's DER. False when memory is out. */
bool ca_spki_sha256(X509_PUBKEY *key, char ret[DIGEST_HEX_SIZE]);

enum ca_kind { CA_ROOT, CA_SERVER, CA_AGENT };

struct ca_certificate {
    enum ca_kind kind;
    const char *common_name;
    const char *alt_names; /* SERVER: in OpenSSL's spelling, "DNS:a,IP:127.0.0.1" */
    EVP_PKEY *subject_key;
    X509 *issuer;         /* NULL: signs itself */
    EVP_PKEY *issuer_key; /* the subject's own when it signs itself */
    int64_t not_before_ms;
    int64_t not_after_ms;
};
int ca_certificate_make(const struct ca_certificate *what, X509 **ret, struct err *err) MUSTER_NODISCARD;

#endif
