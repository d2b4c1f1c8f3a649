/* trust.h: what is inside a struct tls_trust; for tls.c and trust.c alone. */
#ifndef MUSTER_AGENT_NET_TRUST_H
#define MUSTER_AGENT_NET_TRUST_H

#include <mbedtls/ssl.h>

#include "net/tls.h"

struct tls_trust {
    const struct clock *clock;
    mbedtls_x509_crt ca;
    bool pinned;
    uint8_t pin[TLS_PIN_SIZE];
    mbedtls_x509_crt client;
    mbedtls_pk_context client_key;
    bool has_client;
    int64_t client_not_after_ms;
    /* Two, because mbedTLS ties the client certificate to the configuration and ours may expire between connections. */
    mbedtls_ssl_config anonymous;
    mbedtls_ssl_config identified;
};

int64_t trust_time_ms(const mbedtls_x509_time *t);

/* mbedTLS's generator interface over getrandom(2). */
int trust_random(void *ctx, unsigned char *ret, size_t len);

#endif
