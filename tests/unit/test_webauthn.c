/* What the server believes of an authenticator, without a database. */
#include "soft_authenticator.h"

#include <sys/resource.h>

static const char challenge[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
static const int algorithms[] = {WEBAUTHN_ES256, WEBAUTHN_EDDSA, WEBAUTHN_RS256};

static const struct webauthn_expect expect_get = {"webauthn.get", "https://muster.example.org:8443",
                                                  "muster.example.org", false};
static const struct webauthn_expect expect_create = {"webauthn.create", "https://muster.example.org:8443",
                                                     "muster.example.org", false};

/* An answer and the key it is judged by; each test changes one thing. */
struct answer {
    struct soft soft;
    struct webauthn_key key;
    struct buf client_data, auth_data, signature;
    struct webauthn_expect expect;
};

static struct webauthn_key key_of(const struct soft *s)
{
    struct webauthn_credential credential;
    struct buf attestation;
    struct err err = {0};
    buf_init(&attestation, 8192);
    soft_attestation(s, &attestation);
    int rc = webauthn_register((struct span){attestation.data, attestation.len}, &expect_create, &credential, &err);
    if (rc != 0)
        fail_msg("%s", err.msg);
    assert_int_equal(credential.id_len, sizeof s->id);
    assert_memory_equal(credential.id, s->id, sizeof s->id);
    buf_done(&attestation);
    return credential.key;
}

static struct answer answer_new(int algorithm)
{
    struct answer a = {.soft = soft_new(algorithm), .expect = expect_get};
    a.key = key_of(&a.soft);
    buf_init(&a.client_data, 4096);
    buf_init(&a.auth_data, 4096);
    buf_init(&a.signature, 4096);
    return a;
}

static void answer_done(struct answer *a)
{
    EVP_PKEY_free(a->soft.key);
    buf_done(&a->client_data);
    buf_done(&a->auth_data);
    buf_done(&a->signature);
}

static void answer_sign(struct answer *a)
{
    buf_clear(&a->client_data);
    buf_clear(&a->signature);
    soft_client_data(&a->soft, "webauthn.get", challenge, &a->client_data);
    if (a->auth_data.len == 0)
        soft_auth_data(&a->soft, &a->auth_data);
    soft_sign(&a->soft, &a->auth_data, &a->client_data, &a->signature);
}

static int judge(const struct answer *a)
{
    struct err err = {0};
    uint32_t count = 0;
    int rc = webauthn_assert(&(struct webauthn_assertion){.client_data = {a->client_data.data, a->client_data.len},
                                                          .auth_data = {a->auth_data.data, a->auth_data.len},
                                                          .signature = {a->signature.data, a->signature.len}},
                             &a->key, &a->expect, &count, &err);
    if (rc == 0)
        assert_int_equal(count, a->soft.count);
    return rc;
}

static void a_signature_of_each_algorithm_is_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        struct answer a = answer_new(algorithms[i]);
        a.soft.count = 0x89abcdef;
        answer_sign(&a);
        assert_int_equal(judge(&a), 0);
        answer_done(&a);
    }
}

static void a_flipped_bit_anywhere_is_not_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        struct answer a = answer_new(algorithms[i]);
        answer_sign(&a);
        struct buf *const parts[] = {&a.client_data, &a.auth_data, &a.signature};
        for (size_t part = 0; part < 3; part++)
            for (size_t at = 0; at < parts[part]->len * 8; at += at % 8 == 7 ? 1 : 7) {
                parts[part]->data[at / 8] ^= (char)(1 << at % 8);
                assert_int_equal(judge(&a), ERR_DENIED);
                parts[part]->data[at / 8] ^= (char)(1 << at % 8);
            }
        assert_int_equal(judge(&a), 0);
        answer_done(&a);
    }
}

static void a_part_cut_off_or_made_longer_is_not_believed(void **state)
{
    (void)state;
    struct answer a = answer_new(WEBAUTHN_ES256);
    answer_sign(&a);
    for (size_t len = a.auth_data.len; len > 0; len--) {
        a.auth_data.len = len - 1;
        assert_int_equal(judge(&a), ERR_DENIED);
    }
    answer_sign(&a); /* of the empty data */
    buf_clear(&a.auth_data);
    soft_auth_data(&a.soft, &a.auth_data);
    buf_addc(&a.auth_data, 0); /* signed, but no extension that the flags tell of */
    answer_sign(&a);
    assert_int_equal(judge(&a), ERR_DENIED);
    answer_done(&a);
}

static void another_key_is_not_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        struct answer a = answer_new(algorithms[i]), other = answer_new(algorithms[i]);
        answer_sign(&a);
        a.key = other.key;
        assert_int_equal(judge(&a), ERR_DENIED);
        answer_done(&a);
        answer_done(&other);
    }
}

static void another_site_is_not_believed(void **state)
{
    (void)state;
    struct answer a = answer_new(WEBAUTHN_ES256);
    a.soft.rp_id = "example.org";
    answer_sign(&a);
    assert_int_equal(judge(&a), ERR_DENIED);
    answer_done(&a);
}

static void presence_is_always_asked_for_and_verification_where_it_matters(void **state)
{
    (void)state;
    static const struct {
        unsigned char flags;
        bool factor, signin;
    } cases[] = {
        {SOFT_PRESENT | SOFT_VERIFIED, true, true},
        {SOFT_PRESENT, true, false},
        {SOFT_VERIFIED, false, false},
        {0, false, false},
        {SOFT_PRESENT | SOFT_VERIFIED | 0x08, true, true}, /* may be backed up */
        {SOFT_PRESENT | SOFT_VERIFIED | 0x18, true, true}, /* and is */
        {SOFT_PRESENT | SOFT_VERIFIED | 0x10, false, false},
        {SOFT_PRESENT | SOFT_VERIFIED | SOFT_CREDENTIAL, false, false}, /* there is none */
        {SOFT_PRESENT | SOFT_VERIFIED | SOFT_EXTENSIONS, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer a = answer_new(WEBAUTHN_ES256);
        a.soft.flags = cases[i].flags;
        answer_sign(&a);
        assert_int_equal(judge(&a), cases[i].factor ? 0 : ERR_DENIED);
        a.expect.verified = true;
        assert_int_equal(judge(&a), cases[i].signin ? 0 : ERR_DENIED);
        answer_done(&a);
    }
}

static int client_data(const char *json, const struct webauthn_expect *expect)
{
    char ret[WEBAUTHN_CHALLENGE_SIZE] = "";
    struct err err = {0};
    int rc = webauthn_client_data(span_of(json), expect, ret, &err);
    assert_string_equal(ret, rc == 0 ? challenge : "");
    return rc;
}

static void the_browsers_words_have_to_be_of_this_act_and_this_site(void **state)
{
    (void)state;
    static const struct {
        int rc;
        const char *type, *origin, *cross_origin;
    } cases[] = {
        {0, "webauthn.get", "https://muster.example.org:8443", NULL},
        {0, "webauthn.get", "https://muster.example.org:8443", "false"},
        {ERR_DENIED, "webauthn.get", "https://muster.example.org:8443", "true"},
        {ERR_DENIED, "webauthn.get", "https://muster.example.org:8443", "\"false\""},
        {ERR_DENIED, "webauthn.create", "https://muster.example.org:8443", NULL},
        {ERR_DENIED, "payment.get", "https://muster.example.org:8443", NULL},
        {ERR_DENIED, "webauthn.get", "https://muster.example.org", NULL},
        {ERR_DENIED, "webauthn.get", "https://muster.example.org:8444", NULL},
        {ERR_DENIED, "webauthn.get", "https://muster.example.org:8443/", NULL},
        {ERR_DENIED, "webauthn.get", "https://MUSTER.example.org:8443", NULL},
        {ERR_DENIED, "webauthn.get", "http://muster.example.org:8443", NULL},
        {ERR_DENIED, "webauthn.get", "https://sub.muster.example.org:8443", NULL},
        {ERR_DENIED, "webauthn.get", "https://muster.example.org:8443.evil.example", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct soft s = {.origin = cases[i].origin, .cross_origin = cases[i].cross_origin};
        struct buf b;
        buf_init(&b, 4096);
        soft_client_data(&s, cases[i].type, challenge, &b);
        assert_int_equal(client_data(buf_str(&b), &expect_get), cases[i].rc);
        buf_done(&b);
    }
}

static void client_data_that_is_odd_is_not_believed(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"type\":\"webauthn.get\",\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}",
        "{\"type\":\"webauthn.get\",\"challenge\":\"AAEC\",\"origin\":\"https://muster.example.org:8443\"}",
        "{\"type\":\"webauthn.get\",\"challenge\":7,\"origin\":\"https://muster.example.org:8443\"}",
        "{\"type\":\"webauthn.get\",\"type\":\"webauthn.get\",\"challenge\":"
        "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"origin\":\"https://muster.example.org:8443\"}",
        "{\"type\":\"webauthn.get\",\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\","
        "\"origin\":\"https://muster.example.org:8443\"}x",
        "\xef\xbb\xbf{\"type\":\"webauthn.get\",\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\","
        "\"origin\":\"https://muster.example.org:8443\"}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_int_equal(client_data(odd[i], &expect_get), ERR_DENIED);
}

/* --- registration --- */

static int enrol(const struct buf *attestation, const struct webauthn_expect *expect)
{
    struct webauthn_credential credential;
    struct err err = {0};
    return webauthn_register((struct span){attestation->data, attestation->len}, expect, &credential, &err);
}

static void a_credential_of_another_site_or_without_presence_is_refused(void **state)
{
    (void)state;
    struct soft s = soft_new(WEBAUTHN_ES256);
    struct buf b;
    buf_init(&b, 8192);
    s.rp_id = "example.org";
    soft_attestation(&s, &b);
    assert_int_equal(enrol(&b, &expect_create), ERR_DENIED);
    s.rp_id = expect_create.rp_id;
    s.flags = SOFT_VERIFIED;
    buf_clear(&b);
    soft_attestation(&s, &b);
    assert_int_equal(enrol(&b, &expect_create), ERR_DENIED);
    s.flags = SOFT_PRESENT;
    buf_clear(&b);
    soft_attestation(&s, &b);
    assert_int_equal(enrol(&b, &expect_create), 0);
    buf_done(&b);
    EVP_PKEY_free(s.key);
}

static void an_attestation_cut_off_or_longer_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        struct soft s = soft_new(algorithms[i]);
        struct buf b;
        buf_init(&b, 8192);
        soft_attestation(&s, &b);
        size_t len = b.len;
        assert_int_equal(enrol(&b, &expect_create), 0);
        while (b.len-- > 0)
            assert_int_not_equal(enrol(&b, &expect_create), 0);
        b.len = len;
        buf_addc(&b, 0);
        assert_int_not_equal(enrol(&b, &expect_create), 0);
        buf_done(&b);
        EVP_PKEY_free(s.key);
    }
}

static void a_flipped_bit_of_an_attestation_gives_no_key_or_a_sound_one(void **state)
{
    (void)state;
    struct soft s = soft_new(WEBAUTHN_ES256);
    struct buf b;
    buf_init(&b, 8192);
    soft_attestation(&s, &b);
    int taken = 0;
    for (size_t at = 0; at < b.len * 8; at++) {
        b.data[at / 8] ^= (char)(1 << at % 8);
        taken += enrol(&b, &expect_create) == 0;
        b.data[at / 8] ^= (char)(1 << at % 8);
    }
    /* The attestation's name, which is not read; four flags that say nothing here; the counter, the AAGUID and the id.
     * No point that is not on the curve, and no name or length of a field that is another. */
    assert_int_equal(taken, 32 + 4 + 32 + 128 + 256);
    buf_done(&b);
    EVP_PKEY_free(s.key);
}

static void extensions_are_walked_to_their_end(void **state)
{
    (void)state;
    static const struct {
        int rc;
        size_t len;
        const char *bytes;
    } cases[] = {
        {0, 14,
         "\xa1\x6b"
         "credProtect"
         "\x02"},
        {0, 1, "\xa0"},
        {ERR_INVALID, 0, ""},
        {ERR_INVALID, 1, "\x02"},
        {ERR_INVALID, 13,
         "\xa1\x6b"
         "credProtect"},
        {ERR_INVALID, 15,
         "\xa1\x6b"
         "credProtect"
         "\x02\x00"},
        {ERR_INVALID, 9, "\xbb\x00\x00\x00\x00\x10\x00\x00\x00"}, /* 2^28 pairs */
        {ERR_INVALID, 12,
         "\xa1\x61"
         "a"
         "\x9b\x00\x00\x00\x00\x20\x00\x00\x00"}, /* 2^29 items */
        {ERR_INVALID, 4,
         "\xbf\x61"
         "a"
         "\xff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct soft s = soft_new(WEBAUTHN_ES256);
        struct buf auth_data, b;
        buf_init(&auth_data, 4096);
        buf_init(&b, 8192);
        s.flags |= SOFT_EXTENSIONS;
        soft_new_auth_data(&s, &auth_data);
        buf_add(&auth_data, cases[i].bytes, cases[i].len);
        soft_attestation_of(&auth_data, &b);
        assert_int_equal(enrol(&b, &expect_create), cases[i].rc);
        buf_done(&auth_data);
        buf_done(&b);
        EVP_PKEY_free(s.key);
    }
    struct rusage used;
    assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
    assert_true(used.ru_maxrss < 256 * 1024); /* KiB: none of what was claimed had room made for it */
}

static void a_key_of_another_algorithm_is_refused(void **state)
{
    (void)state;
    static const int others[] = {0, 7, -6, -9, -35, -36, -37, -38, -47, -256, -258};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct soft s = soft_new(WEBAUTHN_ES256);
        struct buf b;
        buf_init(&b, 8192);
        struct soft renamed = s;
        renamed.algorithm = others[i]; /* soft_cose_key writes what it does not know as points */
        soft_attestation(&renamed, &b);
        assert_int_equal(enrol(&b, &expect_create), ERR_INVALID);
        buf_done(&b);
        EVP_PKEY_free(s.key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_of_each_algorithm_is_believed),
        cmocka_unit_test(a_flipped_bit_anywhere_is_not_believed),
        cmocka_unit_test(a_part_cut_off_or_made_longer_is_not_believed),
        cmocka_unit_test(another_key_is_not_believed),
        cmocka_unit_test(another_site_is_not_believed),
        cmocka_unit_test(presence_is_always_asked_for_and_verification_where_it_matters),
        cmocka_unit_test(the_browsers_words_have_to_be_of_this_act_and_this_site),
        cmocka_unit_test(client_data_that_is_odd_is_not_believed),
        cmocka_unit_test(a_credential_of_another_site_or_without_presence_is_refused),
        cmocka_unit_test(an_attestation_cut_off_or_longer_is_refused),
        cmocka_unit_test(a_flipped_bit_of_an_attestation_gives_no_key_or_a_sound_one),
        cmocka_unit_test(extensions_are_walked_to_their_end),
        cmocka_unit_test(a_key_of_another_algorithm_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
