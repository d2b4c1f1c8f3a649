#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/pk.h>

#include "net/pki.h"
#include "net/trust.h"

/* A CA and a certificate of it; their keys were thrown away. */
static const char ca_pem[] = "-----BEGIN CERTIFICATE-----\n"
                             "MIIBJzCBzqADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB3Rlc3QgQ0Ew\n"
                             "IBcNMjAwMTAxMDAwMDAwWhgPMjA5OTAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB3Rl\n"
                             "c3QgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARqzIztB1Nc8mLe4Q0xGI8d\n"
                             "XfyyuDO0tE6WgG1ygCsM1/+2q5wkCMvUDCZw4ns9+K8ctgNL0299fss+bg+XrwYB\n"
                             "oxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIGGipjD6wDwv\n"
                             "LWOxuyOyHvxoRIqiwZRcGNNU502f8b9wAiEAwKMT4xHMyzJXOto3ne/p9id06F6B\n"
                             "RuIs68hQGbGsPqQ=\n"
                             "-----END CERTIFICATE-----\n";
#define CA_SHA256 "de6eeef1f7bbcbdfb89b404249e92bb8bccc6cc71d4a1f4d851564cc19d583f9"
static const char cert_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBJjCBzqADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB3Rlc3QgQ0Ew\n"
                               "IBcNMjUwMTAxMDAwMDAwWhgPMjA5ODAxMDIwMzA0MDVaMBUxEzARBgNVBAMMCnRl\n"
                               "c3QgYWdlbnQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASZRQ53fPu8mYGvSz5A\n"
                               "4aOLMUaUAC9RLdBqfGWkRjfDaLiOmv+Z1CDxI+iGYvcmiyjnHwowctx4f2zobIvB\n"
                               "+X4MoxAwDjAMBgNVHRMBAf8EAjAAMAoGCCqGSM49BAMCA0cAMEQCIFbpBVz82Jgr\n"
                               "Sg3xJp9OTrn1LH6qywoS1U8frJ/jUlGXAiB3goY9ArDgIIjwiExs6YcHxaa1K0lW\n"
                               "5xQVXR0FIF2A8g==\n"
                               "-----END CERTIFICATE-----\n";

struct fixture {
    char *key;
    char *other_key;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;
    assert_int_equal(pki_key_new(&f.key, &err), 0);
    assert_int_equal(pki_key_new(&f.other_key, &err), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->key);
    free(f->other_key);
    return 0;
}

static void load_key(mbedtls_pk_context *pk, const char *pem)
{
    mbedtls_pk_init(pk);
    assert_int_equal(mbedtls_pk_parse_key(pk, (const unsigned char *)pem, strlen(pem) + 1, NULL, 0, trust_random, NULL),
                     0);
}

static void keys_are_p256_and_never_the_same(void **state)
{
    const struct fixture *f = *state;
    mbedtls_pk_context pk;
    load_key(&pk, f->key);
    assert_int_equal(mbedtls_pk_get_bitlen(&pk), 256);
    assert_int_equal(mbedtls_pk_get_type(&pk), MBEDTLS_PK_ECKEY);
    mbedtls_pk_free(&pk);
    assert_string_not_equal(f->key, f->other_key);
}

static void a_request_does_not_carry_the_key(void **state)
{
    const struct fixture *f = *state;
    char *pem = NULL;
    struct err err;
    assert_int_equal(pki_csr_new(f->key, &pem, &err), 0);
    assert_non_null(strstr(pem, "-----BEGIN CERTIFICATE REQUEST-----"));
    assert_null(strstr(pem, "PRIVATE"));
    free(pem);
}

static void a_damaged_key_makes_no_request(void **state)
{
    (void)state;
    char *pem = NULL;
    struct err err;
    assert_int_equal(pki_csr_new("-----BEGIN EC PRIVATE KEY-----\n", &pem, &err), ERR_INVALID);
    assert_null(pem);
}

static void validity_is_read_to_the_second(void **state)
{
    (void)state;
    struct pki_validity v;
    struct err err;
    assert_int_equal(pki_cert_validity(cert_pem, &v, &err), 0);
    assert_true(v.not_before_ms == 1735689600000);
    assert_true(v.not_after_ms == 4039470245000);
    assert_int_equal(pki_cert_validity("nonsense", &v, &err), ERR_INVALID);
}

static void a_certificate_of_another_key_is_not_ours(void **state)
{
    const struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(pki_cert_check(cert_pem, f->key, ca_pem, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "not for our key"));
    assert_int_equal(pki_cert_check("nonsense", f->key, ca_pem, &err), ERR_INVALID);
}

static void a_bundle_holds_cas_and_the_pinned_one(void **state)
{
    (void)state;
    struct err err = {0};
    uint8_t pin[32];
    char both[8192];
    assert_int_equal(pki_bundle_check(ca_pem, NULL, &err), 0);
    assert_true(pki_fingerprint_parse("sha256:" CA_SHA256, pin));
    assert_int_equal(pki_bundle_check(ca_pem, pin, &err), 0);
    pin[31] ^= 1;
    assert_int_equal(pki_bundle_check(ca_pem, pin, &err), ERR_DENIED);
    assert_int_equal(pki_bundle_check(cert_pem, NULL, &err), ERR_INVALID);
    (void)snprintf(both, sizeof both, "%s%s", ca_pem, cert_pem);
    assert_int_equal(pki_bundle_check(both, NULL, &err), ERR_INVALID);
    assert_int_equal(pki_bundle_check("", NULL, &err), ERR_INVALID);
}

static void fingerprints_are_read_in_the_usual_spellings(void **state)
{
    (void)state;
    uint8_t pin[32];
    assert_true(pki_fingerprint_parse("sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff", pin));
    assert_int_equal(pin[1], 1);
    assert_int_equal(pin[31], 0xff);
    assert_true(pki_fingerprint_parse("SHA256:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:"
                                      "18:19:1A:1B:1C:1D:1E:FF",
                                      pin));
    assert_false(pki_fingerprint_parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff", pin));
    assert_false(pki_fingerprint_parse("sha256:", pin));
    assert_false(pki_fingerprint_parse("sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1ef", pin));
    assert_false(
        pki_fingerprint_parse("sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1efff", pin));
    assert_false(pki_fingerprint_parse("sha256:g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff", pin));
    assert_false(pki_fingerprint_parse("sha1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff", pin));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_p256_and_never_the_same),
        cmocka_unit_test(a_request_does_not_carry_the_key),
        cmocka_unit_test(a_damaged_key_makes_no_request),
        cmocka_unit_test(validity_is_read_to_the_second),
        cmocka_unit_test(a_certificate_of_another_key_is_not_ours),
        cmocka_unit_test(a_bundle_holds_cas_and_the_pinned_one),
        cmocka_unit_test(fingerprints_are_read_in_the_usual_spellings),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
