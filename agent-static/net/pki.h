/* pki.h: the host's key, requests for certificates, and looking at what came back. PEM in, PEM out, no files. */
#ifndef MUSTER_AGENT_NET_PKI_H
#define MUSTER_AGENT_NET_PKI_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* A fresh P-256 key as PEM. The caller wipes and frees it. */
int pki_key_new(char **ret_pem, struct err *err) MUSTER_NODISCARD;

/* A PKCS #10 request (RFC 2986) of that key. The subject is a formality: the server names the host. */
int pki_csr_new(const char *key_pem, char **ret_pem, struct err *err) MUSTER_NODISCARD;

struct pki_validity {
    int64_t not_before_ms;
    int64_t not_after_ms;
};

/* Of the first certificate in the text. */
int pki_cert_validity(const char *cert_pem, struct pki_validity *ret, struct err *err) MUSTER_NODISCARD;

/* Whether the certificate is for this key and comes from one of these CAs. Its dates are judged by the trusted clock.
 */
int pki_cert_check(const char *cert_pem, const char *key_pem, const char *ca_pem, struct err *err) MUSTER_NODISCARD;

/* Whether the text holds CA certificates and nothing else; with a pin, whether one of them has that SHA-256. */
int pki_bundle_check(const char *ca_pem, const uint8_t *pin, struct err *err) MUSTER_NODISCARD;

/* "sha256:<64 hex>", as openssl prints it too: upper case and colons between the bytes are fine. */
bool pki_fingerprint_parse(const char *s, uint8_t ret[32]);

#endif
