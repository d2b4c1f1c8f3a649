#include "net/trust.h"

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"
#include "common/wipe.h"

int trust_random(void *ctx, unsigned char *ret, size_t len)
{
    (void)ctx;
    return token_random(ret, len) ? 0 : -1;
}

int64_t trust_time_ms(const mbedtls_x509_time *t)
{
    char text[CLOCK_RFC3339_SIZE];
    int64_t ms = 0;
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", t->year % 10000, t->mon % 100, t->day % 100,
                   t->hour % 100, t->min % 100, t->sec % 100);
    return clock_parse_rfc3339(text, &ms) ? ms : 0;
}

/* The older form of RSA signatures stands before PSS, because mbedTLS offers PSS for TLS 1.2 and then refuses it. */
static void set_signatures(mbedtls_ssl_config *conf)
{
    static const uint16_t signatures[] = {
        MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
        MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
        MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
        MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
        MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
        MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
        MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
        MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
        MBEDTLS_TLS1_3_SIG_NONE,
    };
    mbedtls_ssl_conf_sig_algs(conf, signatures);
}

static int configure(mbedtls_ssl_config *conf)
{
    int rc = mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT);
    if (rc != 0)
        return rc;
    mbedtls_ssl_conf_rng(conf, trust_random, NULL);
    set_signatures(conf);
    mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_session_tickets(conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(conf,
                                                             MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    return 0;
}

int tls_trust_new(const struct clock *clock, struct tls_trust **ret, struct err *err)
{
    if (psa_crypto_init() != PSA_SUCCESS) /* TLS 1.3 runs on it; repeated calls are free */
        return err_set(err, ERR_INTERNAL, "cannot start the cryptographic library");
    struct tls_trust *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->clock = clock;
    mbedtls_x509_crt_init(&t->ca);
    mbedtls_x509_crt_init(&t->client);
    mbedtls_pk_init(&t->client_key);
    mbedtls_ssl_config_init(&t->anonymous);
    mbedtls_ssl_config_init(&t->identified);
    if (configure(&t->anonymous) != 0 || configure(&t->identified) != 0) {
        tls_trust_free(t);
        return err_set(err, ERR_NOMEM, "cannot set up TLS");
    }
    mbedtls_ssl_conf_ca_chain(&t->anonymous, &t->ca, NULL);
    mbedtls_ssl_conf_ca_chain(&t->identified, &t->ca, NULL);
    *ret = t;
    return 0;
}

void tls_trust_free(struct tls_trust *t)
{
    if (t == NULL)
        return;
    mbedtls_ssl_config_free(&t->identified);
    mbedtls_ssl_config_free(&t->anonymous);
    mbedtls_pk_free(&t->client_key); /* zeroes the key */
    mbedtls_x509_crt_free(&t->client);
    mbedtls_x509_crt_free(&t->ca);
    free(t);
}

int tls_trust_add_ca(struct tls_trust *t, const char *pem, bool strict, struct err *err)
{
    int rc = mbedtls_x509_crt_parse(&t->ca, (const unsigned char *)pem, strlen(pem) + 1);
    if (rc < 0 || (strict && rc != 0))
        return err_set(err, ERR_INVALID, "no readable PEM certificates");
    return 0;
}

void tls_trust_pin(struct tls_trust *t, const uint8_t sha256[TLS_PIN_SIZE])
{
    memcpy(t->pin, sha256, sizeof t->pin);
    t->pinned = true;
    /* The root is not known yet: the handshake may go on without it, and tls_connect judges the chain before any of
     * our bytes leave. */
    mbedtls_ssl_conf_ca_chain(&t->anonymous, NULL, NULL);
    mbedtls_ssl_conf_authmode(&t->anonymous, MBEDTLS_SSL_VERIFY_OPTIONAL);
}

int tls_trust_set_client(struct tls_trust *t, const char *cert_pem, const char *key_pem, struct err *err)
{
    int rc = mbedtls_x509_crt_parse(&t->client, (const unsigned char *)cert_pem, strlen(cert_pem) + 1);
    if (rc != 0)
        return err_set(err, ERR_INVALID, "the client certificate is not readable");
    rc = mbedtls_pk_parse_key(&t->client_key, (const unsigned char *)key_pem, strlen(key_pem) + 1, NULL, 0,
                              trust_random, NULL);
    if (rc != 0)
        return err_set(err, ERR_INVALID, "the private key is not readable");
    if (mbedtls_pk_check_pair(&t->client.pk, &t->client_key, trust_random, NULL) != 0)
        return err_set(err, ERR_INVALID, "the client certificate is not for our key");
    if (mbedtls_ssl_conf_own_cert(&t->identified, &t->client, &t->client_key) != 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->client_not_after_ms = trust_time_ms(&t->client.valid_to);
    t->has_client = true;
    return 0;
}
