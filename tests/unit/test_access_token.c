/* Access tokens as text: what is made is taken, to the second, and nothing else is. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "auth/digest.h"
#include "common/encode.h"
#include "token/access.h"

#define NOW_S   INT64_C(1800000000)
#define NOW_MS  (NOW_S * 1000 + 250)
#define ISSUER  "https://muster.example:8443"
#define USER    "01900000-dead-7000-8000-000000000001"
#define SESSION "01900000-dead-7000-8000-000000000002"

static const struct access_key key = {.kid = "0123456789abcdef", .bytes = {1, 2, 3}};

static char *made(int64_t now_ms, int64_t ends_ms)
{
    struct access_new token = {USER, SESSION, ISSUER, now_ms, ends_ms};
    struct err err = {0};
    char *text = NULL;
    if (access_sign(&key, &token, &text, &err) != 0)
        fail_msg("%s", err.msg);
    return text;
}

static enum access_verdict judged(const char *token, int64_t now_ms)
{
    struct access_claims claims;
    return access_judge(token, &key, ISSUER, now_ms, &claims);
}

/* A token of these very texts, with a right signature. */
static void forged(const char *header, const char *payload, char *ret, size_t size)
{
    unsigned char mac[DIGEST_SIZE];
    base64url_encode(header, strlen(header), ret);
    strcat(ret, ".");
    base64url_encode(payload, strlen(payload), ret + strlen(ret));
    assert_true(digest_hmac(key.bytes, sizeof key.bytes, ret, strlen(ret), mac));
    strcat(ret, ".");
    base64url_encode(mac, sizeof mac, ret + strlen(ret));
    assert_true(strlen(ret) < size);
}

static void what_is_made_is_taken_and_says_whose_it_is(void **state)
{
    (void)state;
    char *token = made(NOW_MS, INT64_MAX);
    char kid[ACCESS_KID_SIZE];
    struct access_claims claims;
    assert_true(access_kid(token, kid));
    assert_string_equal(kid, key.kid);
    assert_int_equal(access_judge(token, &key, ISSUER, NOW_MS, &claims), ACCESS_OK);
    assert_string_equal(claims.user_id, USER);
    assert_string_equal(claims.session_id, SESSION);
    assert_int_equal(claims.issued_s, NOW_S);
    assert_int_equal(claims.expires_s, NOW_S + ACCESS_TTL_S);
    free(token);
}

static void it_ends_after_half_an_hour_to_the_second(void **state)
{
    (void)state;
    char *token = made(NOW_MS, INT64_MAX);
    int64_t end_ms = (NOW_S + ACCESS_TTL_S) * 1000;
    assert_int_equal(judged(token, end_ms - 1), ACCESS_OK);
    assert_int_equal(judged(token, end_ms), ACCESS_EXPIRED);
    free(token);
}

static void it_does_not_outlive_its_session(void **state)
{
    (void)state;
    char *token = made(NOW_MS, (NOW_S + 60) * 1000 + 999);
    assert_int_equal(judged(token, (NOW_S + 60) * 1000 - 1), ACCESS_OK);
    assert_int_equal(judged(token, (NOW_S + 60) * 1000), ACCESS_EXPIRED);
    free(token);
}

static void a_clock_set_back_by_seconds_keeps_it_and_by_more_does_not(void **state)
{
    (void)state;
    char *token = made(NOW_MS, INT64_MAX);
    assert_int_equal(judged(token, (NOW_S - ACCESS_SKEW_S) * 1000), ACCESS_OK);
    assert_int_equal(judged(token, (NOW_S - ACCESS_SKEW_S) * 1000 - 1), ACCESS_FORGED);
    free(token);
}

static void another_key_issuer_or_id_of_the_key_takes_nothing(void **state)
{
    (void)state;
    char *token = made(NOW_MS, INT64_MAX);
    struct access_claims claims;
    struct access_key other = key;
    other.bytes[31] ^= 1;
    assert_int_equal(access_judge(token, &other, ISSUER, NOW_MS, &claims), ACCESS_FORGED);
    other = key;
    other.kid[0] = 'f';
    assert_int_equal(access_judge(token, &other, ISSUER, NOW_MS, &claims), ACCESS_FORGED);
    assert_int_equal(access_judge(token, &key, ISSUER "/", NOW_MS, &claims), ACCESS_FORGED);
    free(token);
}

static void every_changed_character_is_noticed(void **state)
{
    (void)state;
    char *token = made(NOW_MS, INT64_MAX);
    for (size_t i = 0; token[i] != '\0'; i++) {
        char kept = token[i];
        static const char others[] = "A_.= b";
        for (const char *c = others; *c != '\0'; c++) {
            if (*c == kept)
                continue;
            token[i] = *c;
            assert_int_equal(judged(token, NOW_MS), ACCESS_FORGED);
        }
        token[i] = kept;
    }
    assert_int_equal(judged(token, NOW_MS), ACCESS_OK);
    free(token);
}

static void only_our_header_is_one(void **state)
{
    (void)state;
    static const char payload[] = "{\"aud\":\"muster-api\",\"exp\":1800001800,\"iat\":1800000000,\"iss\":\"" ISSUER
                                  "\",\"nbf\":1800000000,\"sid\":\"" SESSION "\",\"sub\":\"" USER "\"}";
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"kid\":\"0123456789abcdef\",\"typ\":\"JWT\"}",
        "{\"alg\":\"hs256\",\"kid\":\"0123456789abcdef\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"0123456789abcdef\",\"typ\":\"jwt\"}",
        "{\"alg\":\"HS256\",\"kid\":\"0123456789abcdef\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"0123456789abcde\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"0123456789abcdef\",\"typ\":\"JWT\",\"crit\":[]}",
        "{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"0123456789abcdef\",\"typ\":\"JWT\"}",
        "[\"HS256\"]",
        "x",
    };
    char token[ACCESS_MAX + 512], kid[ACCESS_KID_SIZE];
    forged("{\"alg\":\"HS256\",\"kid\":\"0123456789abcdef\",\"typ\":\"JWT\"}", payload, token, sizeof token);
    assert_int_equal(judged(token, NOW_MS), ACCESS_OK); /* else the rest would say nothing */
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        forged(headers[i], payload, token, sizeof token);
        assert_false(access_kid(token, kid));
        assert_int_equal(judged(token, NOW_MS), ACCESS_FORGED);
    }
}

static void a_token_is_bounded_before_it_is_read(void **state)
{
    (void)state;
    char token[ACCESS_MAX + 8], kid[ACCESS_KID_SIZE];
    memset(token, 'A', sizeof token - 1);
    token[sizeof token - 1] = '\0';
    token[100] = '.';
    token[sizeof token - 1 - 44] = '.';
    assert_false(access_kid(token, kid));
    assert_false(access_kid("", kid));
    assert_false(access_kid("..", kid));
    assert_false(access_kid("a.b", kid));
}

static void an_issuer_that_would_not_fit_makes_no_token(void **state)
{
    (void)state;
    char issuer[ACCESS_MAX];
    memset(issuer, 'x', sizeof issuer - 1);
    issuer[sizeof issuer - 1] = '\0';
    struct access_new token = {USER, SESSION, issuer, NOW_MS, INT64_MAX};
    struct err err = {0};
    char *text = NULL;
    assert_int_equal(access_sign(&key, &token, &text, &err), ERR_TOO_BIG);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_taken_and_says_whose_it_is),
        cmocka_unit_test(it_ends_after_half_an_hour_to_the_second),
        cmocka_unit_test(it_does_not_outlive_its_session),
        cmocka_unit_test(a_clock_set_back_by_seconds_keeps_it_and_by_more_does_not),
        cmocka_unit_test(another_key_issuer_or_id_of_the_key_takes_nothing),
        cmocka_unit_test(every_changed_character_is_noticed),
        cmocka_unit_test(only_our_header_is_one),
        cmocka_unit_test(a_token_is_bounded_before_it_is_read),
        cmocka_unit_test(an_issuer_that_would_not_fit_makes_no_token),
    };
    return cmocka_run_group_tests_name("access token", tests, NULL, NULL);
}
