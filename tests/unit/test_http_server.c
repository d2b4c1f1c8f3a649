/* The server's core from the FastCGI side: a small web server's end of the protocol talks to the real threads over the
 * real socket, with a real database behind them. */
#include "fixture_http.h"

#include <signal.h>

static int site_up(void **state)
{
    *state = site_open(NULL);
    return 0;
}

static int site_down(void **state)
{
    site_close(*state);
    return 0;
}

#define ASK(...) site_ask(*state, (struct call){__VA_ARGS__})

static void a_good_request_is_answered_with_its_id_and_not_cached(void **state)
{
    struct answer a = ASK(.method = "GET", .uri = "/health", .listener = "admin");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.text, "X-Request-Id: unit-test-id\r\n"));
    assert_non_null(strstr(a.text, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(a.text, "\"database\":\"ok\""));
}

static void a_head_has_the_length_and_no_body(void **state)
{
    struct answer a = ASK(.method = "HEAD", .uri = "/health/live", .listener = "agent");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.text, "Content-Length: 17\r\n"));
    assert_string_equal(strstr(a.text, "\r\n\r\n"), "\r\n\r\n");
}

static void what_is_refused_is_refused_as_documented(void **state)
{
    static const struct {
        int status;
        const char *slug;
        struct call call;
    } cases[] = {
        {404, "not-found", {.method = "GET", .uri = "/nowhere", .listener = "admin"}},
        {404, "not-found", {.method = "POST", .uri = "/api/agent/heartbeat", .listener = "admin"}},
        {405, "method-not-allowed", {.method = "DELETE", .uri = "/api/overview", .listener = "admin"}},
        {400, "bad-request", {.method = "GET", .uri = "/api/../health", .listener = "admin"}},
        {400, "bad-request", {.method = "GET", .uri = "/health?a=%zz", .listener = "admin"}},
        {500, "internal", {.method = "GET", .uri = "/health"}},
        {401, "unauthenticated", {.method = "GET", .uri = "/api/overview", .listener = "admin"}},
        {401, "unauthenticated", {.method = "POST", .uri = "/api/agent/heartbeat", .listener = "agent", .body = "{}"}},
        {403,
         "csrf",
         {.method = "POST",
          .uri = "/api/auth/login",
          .listener = "admin",
          .headers = {"HTTP_ORIGIN", "https://evil.example", "CONTENT_TYPE", "application/json"},
          .body = "{\"email\":\"a@b\",\"password\":\"x\"}"}},
        {413, "payload-too-large", {.method = "GET", .uri = "/health", .listener = "admin", .body = "unexpected"}},
        {400,
         "bad-request",
         {.method = "POST", .uri = "/api/auth/login", .listener = "admin", .body = "abc", .length = "9"}},
        {400,
         "bad-request",
         {.method = "POST", .uri = "/api/auth/login", .listener = "admin", .body = "abc", .length = "2"}},
        {400,
         "bad-request",
         {.method = "POST", .uri = "/api/auth/login", .listener = "admin", .body = "abc", .length = "x"}},
        {415,
         "unsupported-media-type",
         {.method = "POST",
          .uri = "/api/auth/login",
          .listener = "admin",
          .headers = {"CONTENT_TYPE", "text/plain"},
          .body = "{}"}},
        {400,
         "bad-json",
         {.method = "POST",
          .uri = "/api/auth/login",
          .listener = "admin",
          .headers = {"CONTENT_TYPE", "application/json"},
          .body = "{\"email\":"}},
        {422,
         "invalid-field",
         {.method = "POST",
          .uri = "/api/auth/login",
          .listener = "admin",
          .headers = {"CONTENT_TYPE", "application/json; charset=utf-8"},
          .body = "{\"email\":5}"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[80];
        struct answer a = site_ask(*state, cases[i].call);
        (void)snprintf(want, sizeof want, "\"type\":\"/problems/%s\"", cases[i].slug);
        if (a.status != cases[i].status || strstr(a.text, want) == NULL ||
            strstr(a.text, "application/problem+json") == NULL)
            fail_msg("%s %s: %s", cases[i].call.method, cases[i].call.uri, a.text);
    }
}

static void a_body_over_the_limit_is_read_to_its_end_and_refused(void **state)
{
    size_t size = 3 * 1024 * 1024;
    char *body = malloc(size + 1);
    assert_non_null(body);
    memset(body, ' ', size);
    body[size] = '\0';
    struct answer a = ASK(.method = "POST", .uri = "/api/auth/login", .listener = "admin", .body = body);
    free(body);
    assert_int_equal(a.status, 413);
}

static void a_405_names_the_methods(void **state)
{
    struct answer a = ASK(.method = "PUT", .uri = "/api/agents", .listener = "admin");
    assert_int_equal(a.status, 405);
    assert_non_null(strstr(a.text, "Allow: GET, HEAD, POST\r\n"));
}

static void an_id_that_could_forge_a_header_is_replaced(void **state)
{
    struct answer a = ASK(.method = "GET", .uri = "/health/live", .listener = "admin", .id = "x\r\nSet-Cookie: a=b");
    const char *id = strstr(a.text, "X-Request-Id: ");
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.text, "Set-Cookie"));
    assert_non_null(id);
    assert_int_equal(strspn(id + 14, "0123456789abcdef"), 32);
}

static void a_connection_that_says_nonsense_hurts_nobody(void **state)
{
    const struct site *s = *state;
    for (int i = 0; i < 10; i++) {
        char junk[64];
        int fd = site_connect(s);
        memset(junk, i * 25, sizeof junk);
        send_all(fd, junk, sizeof junk);
        (void)close(fd);
    }
    assert_int_equal(ASK(.method = "GET", .uri = "/health/live", .listener = "admin").status, 200);
}

static void a_second_server_on_the_socket_is_refused(void **state)
{
    const struct site *s = *state;
    struct http_server *second = NULL;
    struct err err = {0};
    assert_int_equal(http_server_start(s->app, &second, &err), ERR_CONFLICT);
    assert_int_equal(ASK(.method = "GET", .uri = "/health/live", .listener = "admin").status, 200);
}

static void metrics_count_what_was_answered(void **state)
{
    (void)ASK(.method = "GET", .uri = "/health/live", .listener = "admin");
    struct answer a = ASK(.method = "GET", .uri = "/metrics", .listener = "admin");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.text, "muster_http_requests_total{method=\"GET\",route=\"/health/live\",status=\"2xx\"}"));
    assert_non_null(strstr(a.text, "muster_agents{state=\"online\"} 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_request_is_answered_with_its_id_and_not_cached),
        cmocka_unit_test(a_head_has_the_length_and_no_body),
        cmocka_unit_test(what_is_refused_is_refused_as_documented),
        cmocka_unit_test(a_body_over_the_limit_is_read_to_its_end_and_refused),
        cmocka_unit_test(a_405_names_the_methods),
        cmocka_unit_test(an_id_that_could_forge_a_header_is_replaced),
        cmocka_unit_test(a_connection_that_says_nonsense_hurts_nobody),
        cmocka_unit_test(a_second_server_on_the_socket_is_refused),
        cmocka_unit_test(metrics_count_what_was_answered),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, site_up, site_down);
}
