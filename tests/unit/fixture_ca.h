/* fixture_ca.h: a directory with a certificate authority in it. */
#ifndef MUSTER_TESTS_FIXTURE_CA_H
#define MUSTER_TESTS_FIXTURE_CA_H

#include "fixture_db.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/file.h"
#include "fleet/ca.h"

#define NOW INT64_C(1750000000000)

static inline void init_at(const struct fixture *f, const char *const *names, int64_t now_ms)
{
    struct err err = {0};
    expect_ok(ca_init(&(struct ca_init_options){f->dir, names, now_ms}, &err), &err);
}

static inline struct ca *load(const struct fixture *f)
{
    struct ca *ca = NULL;
    struct err err = {0};
    expect_ok(ca_load(f->dir, &ca, &err), &err);
    return ca;
}

static inline char *text_of(const struct fixture *f, const char *name)
{
    char path[200];
    char *text = NULL;
    struct err err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    expect_ok(file_read(path, 65536, &text, NULL, &err), &err);
    return text;
}

static inline X509 *certificate_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

#endif
