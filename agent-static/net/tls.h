/* tls.h: TLS 1.2 and 1.3 (mbedTLS) as a client, and what it trusts.
 *
 * Verification cannot be turned off. A server is accepted when its chain leads to a trusted CA and its certificate is
 * for the host name or address that was asked for, judged by the trusted clock (net/trusttime.h); or, for the first
 * contact, when its chain leads to the one root whose SHA-256 was pinned. Nothing is sent before that is decided. An
 * expired client certificate is never presented: nginx would answer 400 to it. */
#ifndef MUSTER_AGENT_NET_TLS_H
#define MUSTER_AGENT_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "net/socket.h"

enum { TLS_PIN_SIZE = 32 };

/* --- what is trusted --- */

struct tls_trust;

/* Trusts nobody yet. The clock must outlive it. */
int tls_trust_new(const struct clock *clock, struct tls_trust **ret, struct err *err) MUSTER_NODISCARD;
void tls_trust_free(struct tls_trust *t); /* NULL does nothing; wipes the key */

/* Adds the CA certificates of a PEM text. strict: every block must be readable; otherwise those that are not are
 * left out (bundles of an operating system hold exotic ones), but one at least must be. */
int tls_trust_add_ca(struct tls_trust *t, const char *pem, bool strict, struct err *err) MUSTER_NODISCARD;

/* Trusts the root with this SHA-256 of its DER alone, which the server must send along in its chain. */
void tls_trust_pin(struct tls_trust *t, const uint8_t sha256[TLS_PIN_SIZE]);

/* What we show when asked for a certificate. ERR_INVALID when key and certificate do not belong together. */
int tls_trust_set_client(struct tls_trust *t, const char *cert_pem, const char *key_pem,
                         struct err *err) MUSTER_NODISCARD;

/* --- one connection --- */

struct tls;
struct tls_session; /* a ticket for a quicker next handshake with the same server */

struct tls_session *tls_session_new(void);
void tls_session_free(struct tls_session *s); /* NULL does nothing */

struct tls_peer {
    const char *host;
    bool numeric;                /* host is an address */
    struct tls_session *session; /* used when it holds a ticket, and kept filled; may be NULL */
};

/* Does the handshake over a connected socket, which it takes (closed also on failure). trust, and peer's session, must
 * outlive the connection. ERR_DENIED with a reason a human can act on when the server is not to be trusted. */
int tls_connect(const struct tls_trust *trust, int fd, const struct tls_peer *peer, const struct socket_limits *limits,
                struct tls **ret, struct err *err) MUSTER_NODISCARD;

/* Says goodbye without waiting, closes the socket. NULL does nothing. */
void tls_close(struct tls *tls);

/* Writes everything. ERR_CONFLICT, with *ret_sent so far, when the peer began to answer before it had it all. */
int tls_write(struct tls *tls, const void *data, size_t len, const struct socket_limits *limits, size_t *ret_sent,
              struct err *err) MUSTER_NODISCARD;

/* At least one byte, or *ret_len 0 at the end of the stream. */
int tls_read(struct tls *tls, void *data, size_t size, const struct socket_limits *limits, size_t *ret_len,
             struct err *err) MUSTER_NODISCARD;

/* Whether an idle connection can still be used: the peer has neither closed it nor sent anything unasked. */
bool tls_alive(struct tls *tls);

/* When the server's certificate ends; no time after that can be vouched for by it. 0: not known. */
int64_t tls_peer_not_after_ms(const struct tls *tls);

#endif
