#include "net/tls.h"

#include <errno.h>
#include <mbedtls/oid.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wipe.h"
#include "net/trust.h"

/* A client certificate this close to its end is not shown any more: clocks differ. */
enum { CLIENT_MARGIN_MS = 60 * 1000 };

/* Set by the verify callback, which alone sees the certificates of a handshake that fails. */
struct verdict {
    int64_t not_before_ms; /* of the certificate that is not valid yet */
    int64_t not_after_ms;  /* of the one that has expired */
};

struct tls_session {
    mbedtls_ssl_session session;
    bool filled;
};

struct tls {
    int fd;
    const struct tls_trust *trust;
    struct tls_peer peer;
    mbedtls_ssl_context ssl;
    struct verdict verdict;
    bool more; /* another record follows at once */
};

struct tls_session *tls_session_new(void)
{
    struct tls_session *s = calloc(1, sizeof *s);
    if (s != NULL)
        mbedtls_ssl_session_init(&s->session);
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return;
    mbedtls_ssl_session_free(&s->session);
    free(s);
}

static int bio_send(void *ctx, const unsigned char *data, size_t len)
{
    const struct tls *tls = ctx;
    ssize_t n = send(tls->fd, data, len, MSG_NOSIGNAL | (tls->more ? MSG_MORE : 0));
    if (n >= 0)
        return (int)n;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int bio_recv(void *ctx, unsigned char *data, size_t len)
{
    const struct tls *tls = ctx;
    ssize_t n = recv(tls->fd, data, len, 0);
    if (n >= 0)
        return (int)n;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
}

/* Looks on only; the flags are judged by mbedTLS. */
static int note_certificate(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    struct verdict *v = ctx;
    (void)depth;
    if (*flags & MBEDTLS_X509_BADCERT_FUTURE)
        v->not_before_ms = trust_time_ms(&crt->valid_from);
    if (*flags & MBEDTLS_X509_BADCERT_EXPIRED)
        v->not_after_ms = trust_time_ms(&crt->valid_to);
    return 0;
}

static int refuse(const struct tls *tls, uint32_t flags, struct err *err)
{
    char now[CLOCK_RFC3339_SIZE];
    char limit[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(clock_now_ms(tls->trust->clock), now);
    const char *host = tls->peer.host;
    if (flags & MBEDTLS_X509_BADCERT_FUTURE) {
        clock_format_rfc3339(tls->verdict.not_before_ms, limit);
        return err_set(err, ERR_DENIED,
                       "the certificate of %.100s is not valid before %s, and this host's clock says %s: set the clock",
                       host, limit, now);
    }
    if (flags & MBEDTLS_X509_BADCERT_EXPIRED) {
        clock_format_rfc3339(tls->verdict.not_after_ms, limit);
        return err_set(err, ERR_DENIED, "the certificate of %.100s expired at %s (this host's clock says %s)", host,
                       limit, now);
    }
    if (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH)
        return err_set(err, ERR_DENIED, "the server's certificate is not for %.200s", host);
    if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
        return err_set(err, ERR_DENIED, "the certificate of %.200s does not come from a CA we trust", host);
    return err_set(err, ERR_DENIED, "the certificate of %.200s is not acceptable (flags 0x%x)", host, (unsigned)flags);
}

/* Copies the chain the peer has sent, since mbedTLS keeps it const but verifies only what may be changed. */
static int copy_chain(const mbedtls_x509_crt *from, mbedtls_x509_crt *to)
{
    for (; from != NULL; from = from->next) {
        int rc = mbedtls_x509_crt_parse_der(to, from->raw.p, from->raw.len);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The certificate of the chain with the pinned fingerprint as a CA of its own. */
static bool find_pinned(const struct tls_trust *trust, const mbedtls_x509_crt *chain, mbedtls_x509_crt *ret_root)
{
    for (const mbedtls_x509_crt *c = chain; c != NULL; c = c->next) {
        uint8_t digest[TLS_PIN_SIZE];
        if (mbedtls_sha256(c->raw.p, c->raw.len, digest, 0) == 0 && wipe_equal(digest, trust->pin, sizeof digest))
            return mbedtls_x509_crt_parse_der(ret_root, c->raw.p, c->raw.len) == 0;
    }
    return false;
}

static int verify_copy(struct tls *tls, mbedtls_x509_crt *chain, mbedtls_x509_crt *ca, struct err *err)
{
    uint32_t flags = 0;
    int rc = mbedtls_x509_crt_verify(chain, ca, NULL, tls->peer.host, &flags, note_certificate, &tls->verdict);
    if (rc == 0 && flags == 0 &&
        mbedtls_x509_crt_check_extended_key_usage(chain, MBEDTLS_OID_SERVER_AUTH,
                                                  MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) != 0)
        flags = MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    if (rc != 0 || flags != 0)
        return refuse(tls, flags, err);
    return 0;
}

/* What the handshake itself could not judge: a pinned root, and addresses (which have no place in SNI, RFC 6066 §3,
 * so that mbedTLS was not told the host). */
static int verify_afterwards(struct tls *tls, struct err *err)
{
    const mbedtls_x509_crt *sent = mbedtls_ssl_get_peer_cert(&tls->ssl);
    const struct tls_trust *trust = tls->trust;
    if (!trust->pinned && !tls->peer.numeric)
        return 0;
    if (sent == NULL)
        return err_set(err, ERR_DENIED, "the server sent no certificate");
    mbedtls_x509_crt chain;
    mbedtls_x509_crt root;
    mbedtls_x509_crt_init(&chain);
    mbedtls_x509_crt_init(&root);
    int rc = 0;
    if (copy_chain(sent, &chain) != 0)
        rc = err_set(err, ERR_INVALID, "the server's certificate chain is not readable");
    else if (trust->pinned && !find_pinned(trust, &chain, &root))
        rc = err_set(err, ERR_DENIED,
                     "the server's CA does not have the fingerprint given: a mistyped fingerprint, or somebody is "
                     "between this host and the server");
    else if (trust->pinned)
        rc = verify_copy(tls, &chain, &root, err);
    else {
        /* The CA list is only read, but mbedTLS's prototype does not say so. */
        mbedtls_x509_crt cas = trust->ca;
        rc = verify_copy(tls, &chain, &cas, err);
    }
    mbedtls_x509_crt_free(&root);
    mbedtls_x509_crt_free(&chain);
    return rc;
}

static int explain(const struct tls *tls, int rc, struct err *err)
{
    const char *host = tls->peer.host;
    if (rc == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
        return refuse(tls, mbedtls_ssl_get_verify_result(&tls->ssl), err);
    if (rc == MBEDTLS_ERR_SSL_CONN_EOF || rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || rc == 0 ||
        rc == MBEDTLS_ERR_SSL_INTERNAL_ERROR)
        return err_set(err, ERR_UNAVAILABLE, "%.200s closed the connection", host);
    if (rc == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        return err_set(err, ERR_UNAVAILABLE, "%.200s ended the TLS connection with an alert", host);
    if (rc == MBEDTLS_ERR_SSL_INVALID_RECORD)
        return err_set(err, ERR_UNAVAILABLE, "%.200s does not speak TLS at this port", host);
    if (rc == MBEDTLS_ERR_SSL_ALLOC_FAILED)
        return err_set(err, ERR_NOMEM, "out of memory");
    return err_set(err, ERR_UNAVAILABLE, "TLS with %.200s failed (-0x%04x)", host, (unsigned)-rc);
}

/* What mbedTLS is waiting for, or 0 when its answer is final. */
static short wanted(int rc)
{
    return rc == MBEDTLS_ERR_SSL_WANT_READ ? POLLIN : rc == MBEDTLS_ERR_SSL_WANT_WRITE ? POLLOUT : 0;
}

static int handshake(struct tls *tls, const struct socket_limits *limits, struct err *err)
{
    int rc;
    while ((rc = mbedtls_ssl_handshake(&tls->ssl)) != 0) {
        if (wanted(rc) == 0)
            return explain(tls, rc, err);
        short events;
        rc = socket_wait(tls->fd, wanted(rc), limits, &events, err);
        if (rc != 0)
            return rc;
    }
    return verify_afterwards(tls, err);
}

/* Replaces the kept session by the connection's. No session at all is only slower. */
static void keep_session(struct tls *tls)
{
    struct tls_session *s = tls->peer.session;
    if (s == NULL)
        return;
    mbedtls_ssl_session_free(&s->session);
    mbedtls_ssl_session_init(&s->session);
    s->filled = mbedtls_ssl_get_session(&tls->ssl, &s->session) == 0;
}

static int set_up(struct tls *tls)
{
    const struct tls_trust *trust = tls->trust;
    bool show = trust->has_client && clock_now_ms(trust->clock) < trust->client_not_after_ms - CLIENT_MARGIN_MS;
    int rc = mbedtls_ssl_setup(&tls->ssl, show ? &trust->identified : &trust->anonymous);
    if (rc == 0)
        rc = mbedtls_ssl_set_hostname(&tls->ssl, tls->peer.numeric ? NULL : tls->peer.host);
    if (rc != 0)
        return rc;
    mbedtls_ssl_set_bio(&tls->ssl, tls, bio_send, bio_recv, NULL);
    mbedtls_ssl_set_verify(&tls->ssl, note_certificate, &tls->verdict);
    /* A resumed session brings no chain, which verify_afterwards could judge. */
    if (tls->peer.session != NULL && tls->peer.session->filled && !trust->pinned && !tls->peer.numeric)
        (void)mbedtls_ssl_set_session(&tls->ssl, &tls->peer.session->session);
    return 0;
}

int tls_connect(const struct tls_trust *trust, int fd, const struct tls_peer *peer, const struct socket_limits *limits,
                struct tls **ret, struct err *err)
{
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        (void)close(fd);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    tls->fd = fd;
    tls->trust = trust;
    tls->peer = *peer;
    mbedtls_ssl_init(&tls->ssl);
    int rc = set_up(tls) != 0 ? err_set(err, ERR_NOMEM, "cannot set up TLS") : handshake(tls, limits, err);
    if (rc != 0) {
        if (peer->session != NULL)
            peer->session->filled = false; /* it may be what the server disliked */
        tls_close(tls);
        return rc;
    }
    if (mbedtls_ssl_get_version_number(&tls->ssl) == MBEDTLS_SSL_VERSION_TLS1_2)
        keep_session(tls);
    *ret = tls;
    return 0;
}

void tls_close(struct tls *tls)
{
    if (tls == NULL)
        return;
    (void)mbedtls_ssl_close_notify(&tls->ssl);
    mbedtls_ssl_free(&tls->ssl);
    (void)close(tls->fd);
    free(tls);
}

/* Takes in what has arrived without taking application bytes. True when some are waiting, or the stream has ended. */
static bool has_answer(struct tls *tls)
{
    int rc;
    while ((rc = mbedtls_ssl_read(&tls->ssl, NULL, 0)) == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
        keep_session(tls);
    return wanted(rc) == 0;
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* An answer is looked for between records only. While one is half sent, reading can finish it behind our back (taking
 * in a session ticket, mbedTLS flushes what is left), and the same bytes would then be sent again. A peer that has
 * ended its side has no more to say, so one that takes nothing either is not waited for. */
int tls_write(struct tls *tls, const void *data, size_t len, const struct socket_limits *limits, size_t *ret_sent,
              struct err *err)
{
    const unsigned char *p = data;
    bool half_sent = false;
    *ret_sent = 0;
    while (*ret_sent < len) {
        if (!half_sent && readable(tls->fd) && has_answer(tls))
            return err_set(err, ERR_CONFLICT, "the server answered before it had everything");
        tls->more = len - *ret_sent > MBEDTLS_SSL_OUT_CONTENT_LEN;
        int rc = mbedtls_ssl_write(&tls->ssl, p + *ret_sent, len - *ret_sent);
        tls->more = false;
        half_sent = rc == MBEDTLS_ERR_SSL_WANT_WRITE;
        if (rc > 0) {
            *ret_sent += (size_t)rc;
        } else if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            keep_session(tls); /* and nothing was sent */
        } else {
            if (wanted(rc) == 0)
                return explain(tls, rc, err);
            short events;
            rc = socket_wait(tls->fd, (short)(wanted(rc) | POLLRDHUP), limits, &events, err);
            if (rc != 0)
                return rc;
            if ((events & POLLRDHUP) != 0 && (events & (POLLIN | POLLOUT)) == 0)
                return err_set(err, ERR_CONFLICT, "the server hung up before it had everything");
        }
    }
    return 0;
}

int tls_read(struct tls *tls, void *data, size_t size, const struct socket_limits *limits, size_t *ret_len,
             struct err *err)
{
    for (;;) {
        int rc = mbedtls_ssl_read(&tls->ssl, data, size);
        if (rc >= 0 || rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            *ret_len = rc > 0 ? (size_t)rc : 0;
            return 0;
        }
        if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            keep_session(tls);
            continue;
        }
        if (wanted(rc) == 0)
            return explain(tls, rc, err);
        short events;
        rc = socket_wait(tls->fd, wanted(rc), limits, &events, err);
        if (rc != 0)
            return rc;
    }
}

bool tls_alive(struct tls *tls)
{
    return !has_answer(tls);
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* Of the whole chain as sent, and not beyond the last of our CAs: a server that had its CA's key for a while could make
 * itself a leaf for the year 9999. */
int64_t tls_peer_not_after_ms(const struct tls *tls)
{
    const mbedtls_x509_crt *sent = mbedtls_ssl_get_peer_cert(&tls->ssl);
    const struct tls_trust *trust = tls->trust;
    if (sent == NULL)
        return 0;
    int64_t not_after_ms = INT64_MAX;
    for (const mbedtls_x509_crt *c = sent; c != NULL; c = c->next)
        not_after_ms = earlier(not_after_ms, trust_time_ms(&c->valid_to));
    if (trust->pinned)
        return not_after_ms;
    int64_t ours_ms = 0;
    for (const mbedtls_x509_crt *c = &trust->ca; c != NULL && c->raw.p != NULL; c = c->next)
        if (trust_time_ms(&c->valid_to) > ours_ms)
            ours_ms = trust_time_ms(&c->valid_to);
    return earlier(not_after_ms, ours_ms);
}
