/* ca.h: the installation's own certificate authority: ECDSA on P-256, OpenSSL 3.
 *
 * Files in the secrets directory: ca.key (0600) and ca.pem, the root; server.key (0600) and server.pem, nginx's
 * certificate followed by the root, so that agents can pin the root in the served chain; ca-bundle.pem, what agents and
 * nginx trust. ca.rev counts the bundle's changes.
 *
 * A new root comes in three steps, with time for every agent to fetch the bundle between them: prepare (ca-next.pem is
 * trusted as well), switch (it becomes the root; the old one stays trusted as ca-previous.pem), retire (the old one is
 * trusted no more). */
#ifndef MUSTER_FLEET_CA_H
#define MUSTER_FLEET_CA_H

#include <stddef.h>
#include <stdint.h>

#include "auth/digest.h"
#include "common/arena.h"
#include "common/err.h"

struct ca;

/* Makes what is missing: the root, and the server's certificate for hosts[] (names or addresses, ended by NULL; hosts
 * NULL: those of the certificate that is there). A server certificate that lacks one of the hosts, is not by the root,
 * or has less than a third of its life left, is made anew. */
struct ca_init_options {
    const char *dir;
    const char *const *hosts;
    int64_t now_ms;
};
int ca_init(const struct ca_init_options *options, struct err *err) MUSTER_NODISCARD;

/* One step towards a new root, and the server's certificate by whatever root there is then. ERR_CONFLICT when it is not
 * the step that is due. A step that was cut short is finished by repeating it. What runs has to be restarted. */
enum ca_step { CA_PREPARE, CA_SWITCH, CA_RETIRE };
int ca_roll(const char *dir, enum ca_step step, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

/* Loads the root and its key. ca_free(NULL) does nothing. Read-only afterwards: any thread may use it. */
int ca_load(const char *dir, struct ca **ret, struct err *err) MUSTER_NODISCARD;
void ca_free(struct ca *ca);

/* "sha256:" and 64 hex digits: SHA-256 of the root's DER, what the enrol command pins. */
enum { CA_FINGERPRINT_SIZE = 7 + 64 + 1 };
const char *ca_fingerprint(const struct ca *ca);

/* What agents trust, in PEM, and its revision. */
const char *ca_bundle(const struct ca *ca);
int64_t ca_bundle_rev(const struct ca *ca);

/* A certificate request that was parsed and whose signature proves possession of its key. */
enum { CA_CSR_MAX = 4096 };
struct ca_csr;
int ca_csr_parse(const char *pem, struct ca_csr **ret, struct err *err) MUSTER_NODISCARD; /* ERR_INVALID */
void ca_csr_free(struct ca_csr *csr);
const char *ca_csr_spki(const struct ca_csr *csr); /* SHA-256 of the SubjectPublicKeyInfo, hex */

/* A client certificate for the agent: CN is its id, whatever the request asked for; valid from five minutes before
 * now_ms for days, but not beyond the root. PEM from the arena. */
struct ca_issue_options {
    const char *agent_id;
    int64_t now_ms;
    int days;
};
int ca_issue(const struct ca *ca, const struct ca_csr *csr, const struct ca_issue_options *options, struct arena *arena,
             const char **ret_pem, int64_t *ret_not_after_ms, struct err *err) MUSTER_NODISCARD;

/* SHA-256 in hex of the SubjectPublicKeyInfo of a certificate in PEM. ERR_INVALID. ca_escaped_spki takes it as nginx
 * hands it over ($ssl_client_escaped_cert): everything but letters and digits as %XX. */
int ca_certificate_spki(const char *pem, char ret[DIGEST_HEX_SIZE], struct err *err) MUSTER_NODISCARD;
int ca_escaped_spki(const char *escaped, char ret[DIGEST_HEX_SIZE], struct err *err) MUSTER_NODISCARD;

#endif
