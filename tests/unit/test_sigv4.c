/* The signer against the worked example of the Amazon S3 API reference, and the verifier against what an attacker can
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "store/sigv4.h"

static const struct sigv4_key aws = {
    .id = "AKIAIOSFODNN7EXAMPLE",
    .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "s3",
};
static const struct sigv4_pair aws_headers[] = {{"host", "examplebucket.s3.amazonaws.com"}};

#define AWS_QUERY                                                                                                      \
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_"       \
    "request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
#define AWS_SIGNATURE "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"

static int64_t aws_time(void)
{
    int64_t ms = 0;
    assert_true(clock_parse_rfc3339("2013-05-24T00:00:00Z", &ms));
    return ms;
}

static int setup(void **state)
{
    *state = arena_new(1 << 20);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void the_published_example_is_signed_as_published(void **state)
{
    const struct sigv4_request request = {.method = "GET",
                                          .path = "/test.txt",
                                          .headers = aws_headers,
                                          .header_count = 1,
                                          .time_ms = aws_time(),
                                          .expires_s = 86400};
    const char *url = NULL;
    assert_int_equal(sigv4_presign(&aws, &request, *state, &url, NULL), 0);
    assert_string_equal(url, "/test.txt?" AWS_QUERY AWS_SIGNATURE);
}

/* Verifies query as the published example's request, ms after it was signed. */
static int verify(struct arena *arena, const char *query, const char *method, const char *path, int64_t after_ms)
{
    struct sigv4_presigned p;
    const struct sigv4_expected expected = {
        .method = method, .path = path, .headers = aws_headers, .header_count = 1, .now_ms = aws_time() + after_ms};
    int rc = sigv4_parse(query, arena, &p, NULL);
    return rc != 0 ? rc : sigv4_verify(&aws, &p, &expected, arena, NULL);
}

static void the_published_example_verifies(void **state)
{
    assert_int_equal(verify(*state, AWS_QUERY AWS_SIGNATURE, "GET", "/test.txt", 0), 0);
}

static void another_method_or_path_is_denied(void **state)
{
    assert_int_equal(verify(*state, AWS_QUERY AWS_SIGNATURE, "PUT", "/test.txt", 0), ERR_DENIED);
    assert_int_equal(verify(*state, AWS_QUERY AWS_SIGNATURE, "GET", "/test.txt2", 0), ERR_DENIED);
}

static void it_ends_when_it_expires_and_not_before(void **state)
{
    assert_int_equal(verify(*state, AWS_QUERY AWS_SIGNATURE, "GET", "/test.txt", 86400000 - 1), 0);
    assert_int_equal(verify(*state, AWS_QUERY AWS_SIGNATURE, "GET", "/test.txt", 86400000), ERR_DENIED);
}

static void a_signature_from_far_in_the_future_is_denied(void **state)
{
    assert_int_equal(verify(*state, AWS_QUERY AWS_SIGNATURE, "GET", "/test.txt", -SIGV4_CLOCK_SKEW_S * 1000), 0);
    assert_int_equal(verify(*state, AWS_QUERY AWS_SIGNATURE, "GET", "/test.txt", -SIGV4_CLOCK_SKEW_S * 1000 - 1),
                     ERR_DENIED);
}

static void one_changed_digit_of_the_signature_is_denied(void **state)
{
    assert_int_equal(
        verify(*state, AWS_QUERY "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d405",
               "GET", "/test.txt", 0),
        ERR_DENIED);
}

static void an_added_parameter_is_denied(void **state)
{
    assert_int_equal(verify(*state, AWS_QUERY AWS_SIGNATURE "&partNumber=2", "GET", "/test.txt", 0), ERR_DENIED);
}

static void malformed_queries_are_invalid(void **state)
{
    static const char *const queries[] = {
        "",
        "&",
        AWS_QUERY,
        AWS_QUERY AWS_SIGNATURE "&",
        AWS_QUERY AWS_SIGNATURE "&a",
        AWS_QUERY AWS_SIGNATURE "&a=1&a=1",
        AWS_QUERY AWS_SIGNATURE AWS_SIGNATURE,
        AWS_QUERY AWS_SIGNATURE "&X-Amz-Security-Token=x",
        AWS_QUERY AWS_SIGNATURE "&x-amz-copy-source=x",
        AWS_QUERY AWS_SIGNATURE "&a=%2f",
        AWS_QUERY AWS_SIGNATURE "&a=%41",
        AWS_QUERY AWS_SIGNATURE "&a=%00",
        AWS_QUERY AWS_SIGNATURE "&a=%2",
        AWS_QUERY AWS_SIGNATURE "&a=%",
        AWS_QUERY AWS_SIGNATURE "&a=+",
        AWS_QUERY AWS_SIGNATURE "&a=b/c",
        AWS_QUERY "&X-Amz-Signature=aeee",
        "X-Amz-Algorithm=AWS4-HMAC-SHA1&X-Amz-Credential=A%2F20130524%2Fr%2Fs3%2Faws4_request&"
        "X-Amz-Date=20130524T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host" AWS_SIGNATURE,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20130525%2Fr%2Fs3%2Faws4_request&"
        "X-Amz-Date=20130524T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host" AWS_SIGNATURE,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20130524%2Fr%2Fs3%2Faws4_request&"
        "X-Amz-Date=20130524T000000Z&X-Amz-Expires=0&X-Amz-SignedHeaders=host" AWS_SIGNATURE,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20130524%2Fr%2Fs3%2Faws4_request&"
        "X-Amz-Date=20130524T000000Z&X-Amz-Expires=604801&X-Amz-SignedHeaders=host" AWS_SIGNATURE,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20130524%2Fr%2Fs3&"
        "X-Amz-Date=20130524T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host" AWS_SIGNATURE,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20130524%2Fr%2Fs3%2Faws4_request&"
        "X-Amz-Date=20131324T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host" AWS_SIGNATURE,
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        if (verify(*state, queries[i], "GET", "/test.txt", 0) != ERR_INVALID) {
            fail_msg("accepted: %s", queries[i]);
        }
    }
}

static const struct sigv4_pair part_query[] = {{"uploadId", "0123456789abcdef0123456789abcdef"}, {"partNumber", "7"}};

/* A part's URL, signed with three headers, presented with the given ones. */
static int present(struct arena *arena, const struct sigv4_pair *headers, size_t count)
{
    static const struct sigv4_pair signed_headers[] = {
        {"content-length", "8388608"}, {"content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}, {"host", "localhost:8444"}};
    const struct sigv4_request request = {.method = "PUT",
                                          .path = "/objects/a b/c",
                                          .query = part_query,
                                          .query_count = 2,
                                          .headers = signed_headers,
                                          .header_count = 3,
                                          .time_ms = aws_time(),
                                          .expires_s = 900};
    const struct sigv4_expected expected = {
        .method = "PUT", .path = "/objects/a b/c", .headers = headers, .header_count = count, .now_ms = aws_time()};
    const char *url = NULL;
    struct sigv4_presigned p;
    assert_int_equal(sigv4_presign(&aws, &request, arena, &url, NULL), 0);
    assert_int_equal(strncmp(url, "/objects/a%20b/c?", 17), 0);
    assert_int_equal(sigv4_parse(strchr(url, '?') + 1, arena, &p, NULL), 0);
    assert_string_equal(sigv4_query(&p, "partNumber"), "7");
    assert_null(sigv4_query(&p, "partnumber"));
    return sigv4_verify(&aws, &p, &expected, arena, NULL);
}

static void signed_headers_bind_length_and_digest(void **state)
{
    const struct sigv4_pair same[] = {
        {"content-length", "8388608"}, {"content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}, {"host", "localhost:8444"}};
    const struct sigv4_pair longer[] = {
        {"content-length", "8388609"}, {"content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}, {"host", "localhost:8444"}};
    const struct sigv4_pair other[] = {
        {"content-length", "8388608"}, {"content-md5", "2B2M2Y8AsgTpgAmY7PhCfg=="}, {"host", "localhost:8444"}};
    assert_int_equal(present(*state, same, 3), 0);
    assert_int_equal(present(*state, longer, 3), ERR_DENIED);
    assert_int_equal(present(*state, other, 3), ERR_DENIED);
    assert_int_equal(present(*state, same + 2, 1), ERR_DENIED);
}

static void another_key_is_denied(void **state)
{
    struct sigv4_presigned p;
    struct sigv4_key other = aws;
    const struct sigv4_expected expected = {
        .method = "GET", .path = "/test.txt", .headers = aws_headers, .header_count = 1, .now_ms = aws_time()};
    assert_int_equal(sigv4_parse(AWS_QUERY AWS_SIGNATURE, *state, &p, NULL), 0);
    other.secret = "another";
    assert_int_equal(sigv4_verify(&other, &p, &expected, *state, NULL), ERR_DENIED);
    other = aws;
    other.region = "eu-west-1";
    assert_int_equal(sigv4_verify(&other, &p, &expected, *state, NULL), ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_published_example_is_signed_as_published, setup, teardown),
        cmocka_unit_test_setup_teardown(the_published_example_verifies, setup, teardown),
        cmocka_unit_test_setup_teardown(another_method_or_path_is_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(it_ends_when_it_expires_and_not_before, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signature_from_far_in_the_future_is_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(one_changed_digit_of_the_signature_is_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(an_added_parameter_is_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_queries_are_invalid, setup, teardown),
        cmocka_unit_test_setup_teardown(signed_headers_bind_length_and_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(another_key_is_denied, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
