/* ca_x509.h: what ca.c and ca_init.c share: keys and certificates as files, and making one certificate. */
#ifndef MUSTER_FLEET_CA_X509_H
#define MUSTER_FLEET_CA_X509_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

/* The key in dir/name, made when it is missing. */
int ca_ensure_key(const char *dir, const char *name, EVP_PKEY **ret, struct err *err) MUSTER_NODISCARD;

/* A new root for the key, written to dir/name. */
int ca_make_root(const char *dir, const char *name, EVP_PKEY *key, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

/* Durably replaces dir/name with the text. */
int ca_write_text(const char *dir, const char *name, const char *text, mode_t mode, struct err *err) MUSTER_NODISCARD;

/* The number in dir/ca.rev; 1 when there is no such file. */
int ca_read_rev(const char *dir, int64_t *ret, struct err *err) MUSTER_NODISCARD;

/* SHA-256 in hex of a SubjectPublicKeyInfo's DER. False when memory is out. */
bool ca_spki_sha256(X509_PUBKEY *key, char ret[DIGEST_HEX_SIZE]);

enum ca_kind { CA_ROOT, CA_SERVER, CA_AGENT };

struct ca_certificate {
    enum ca_kind kind;
    const char *common_name;
    const char *alt_names; /* SERVER: in OpenSSL's spelling, "DNS:a,IP:127.0.0.1"; NULL: those of alt_names_of */
    X509 *alt_names_of;
    EVP_PKEY *subject_key;
    X509 *issuer;         /* NULL: signs itself */
    EVP_PKEY *issuer_key; /* the subject's own when it signs itself */
    int64_t not_before_ms;
    int64_t not_after_ms;
};
int ca_certificate_make(const struct ca_certificate *what, X509 **ret, struct err *err) MUSTER_NODISCARD;

#endif
