/* The server's core from the FastCGI side: a small web server's end of the protocol talks to the real threads over the
 * real socket, with a real database behind them. */
#include "fixture_db.h"

#include <fastcgi.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "app.h"
#include "auth/secrets.h"
#include "fleet/ca.h"
#include "http/park.h"
#include "http/server.h"

/* --- a server of the test's own --- */

struct site {
    struct fixture *f;
    struct settings settings;
    char socket[128], secrets[128], store[128];
    struct app *app;
    struct http_server *http;
};

static int site_up(void **state)
{
    struct site *s = calloc(1, sizeof *s);
    struct err err = {0};
    void *f = NULL;
    static const char *const hosts[] = {"localhost", NULL};
    assert_non_null(s);
    (void)fixture_setup(&f);
    s->f = f;
    (void)snprintf(s->socket, sizeof s->socket, "%s/app.sock", s->f->dir);
    (void)snprintf(s->secrets, sizeof s->secrets, "%s/secrets", s->f->dir);
    (void)snprintf(s->store, sizeof s->store, "%s/store", s->f->dir);
    s->settings = (struct settings){.db_path = s->f->path,
                                    .socket_path = s->socket,
                                    .secrets_dir = s->secrets,
                                    .store_dir = s->store,
                                    .backup_dir = s->f->backups,
                                    .public_url = "https://localhost:8443",
                                    .agent_url = "https://localhost:8444",
                                    .threads = 3,
                                    .max_parked = 100,
                                    .poll_interval_s = 30,
                                    .rate_per_minute = 60000,
                                    .rate_burst = 60000,
                                    .session_idle_s = 60,
                                    .session_max_s = 60,
                                    .certificate_days = 1};
    expect_ok(secrets_init(s->secrets, &err), &err);
    expect_ok(
        ca_init(&(struct ca_init_options){.dir = s->secrets, .hosts = hosts, .now_ms = clock_now_ms(clock_system())},
                &err),
        &err);
    expect_ok(app_open(&s->settings, &(struct app_options){.server = true}, &s->app, &err), &err);
    expect_ok(http_server_start(s->app, &s->http, &err), &err);
    log_init(2, LOG_ERROR, LOG_TEXT);
    *state = s;
    return 0;
}

static int site_down(void **state)
{
    struct site *s = *state;
    void *f = s->f;
    park_drain(s->app->park);
    assert_true(http_server_stop(s->http, 10000));
    app_close(s->app);
    (void)fixture_teardown(&f);
    free(s);
    return 0;
}

/* --- the web server's end of FastCGI --- */

enum { REPLY_MAX = 16384 };

struct call {
    const char *method, *uri, *listener;
    const char *headers[9]; /* name, value, name, value … */
    const char *body;
    const char *length; /* NULL: of the body */
    const char *id;     /* NULL: "unit-test-id" */
};

struct answer {
    int status;
    char text[REPLY_MAX]; /* headers and body */
    size_t len;
};

static void send_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has closed already; the reply tells why */
        at += n;
        len -= (size_t)n;
    }
}

static void send_record(int fd, unsigned char type, const void *data, size_t len)
{
    unsigned char header[FCGI_HEADER_LEN] = {FCGI_VERSION_1, type, 0, 1, (unsigned char)(len >> 8), (unsigned char)len};
    send_all(fd, header, sizeof header);
    send_all(fd, data, len);
}

static void add_param(char *params, size_t *len, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    assert_true(name_len < 128 && value_len < 128);
    params[(*len)++] = (char)name_len;
    params[(*len)++] = (char)value_len;
    memcpy(params + *len, name, name_len);
    memcpy(params + *len + name_len, value, value_len);
    *len += name_len + value_len;
}

static int open_call(const struct site *s, const struct call *c)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static const unsigned char begin[8] = {0, FCGI_RESPONDER};
    char params[2048], length[24];
    size_t len = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path, s->socket, strlen(s->socket) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    (void)snprintf(length, sizeof length, "%zu", c->body != NULL ? strlen(c->body) : 0);
    add_param(params, &len, "REQUEST_METHOD", c->method);
    add_param(params, &len, "REQUEST_URI", c->uri);
    add_param(params, &len, "REMOTE_ADDR", "192.0.2.1");
    add_param(params, &len, "MUSTER_REQUEST_ID", c->id != NULL ? c->id : "unit-test-id");
    add_param(params, &len, "CONTENT_LENGTH", c->length != NULL ? c->length : length);
    if (c->listener != NULL)
        add_param(params, &len, "MUSTER_LISTENER", c->listener);
    for (size_t i = 0; c->headers[i] != NULL; i += 2)
        add_param(params, &len, c->headers[i], c->headers[i + 1]);
    send_record(fd, FCGI_BEGIN_REQUEST, begin, sizeof begin);
    send_record(fd, FCGI_PARAMS, params, len);
    send_record(fd, FCGI_PARAMS, "", 0);
    for (size_t at = 0, all = c->body != NULL ? strlen(c->body) : 0; at < all;) {
        size_t part = all - at < 32768 ? all - at : 32768;
        send_record(fd, FCGI_STDIN, c->body + at, part);
        at += part;
    }
    send_record(fd, FCGI_STDIN, "", 0);
    return fd;
}

static bool receive(int fd, void *data, size_t len)
{
    char *at = data;
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, at + got, len - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static struct answer close_call(int fd)
{
    struct answer a = {0};
    unsigned char header[FCGI_HEADER_LEN], padding[256];
    while (receive(fd, header, sizeof header) && header[1] != FCGI_END_REQUEST) {
        size_t len = (size_t)header[4] << 8 | header[5];
        assert_true(a.len + len < sizeof a.text);
        if (!receive(fd, a.text + a.len, len) || !receive(fd, padding, header[6]))
            break;
        a.len += header[1] == FCGI_STDOUT ? len : 0;
    }
    (void)close(fd);
    a.text[a.len] = '\0';
    a.status = strncmp(a.text, "Status: ", 8) == 0 ? atoi(a.text + 8) : 0;
    return a;
}

static struct answer ask(void **state, struct call c)
{
    return close_call(open_call(*state, &c));
}

#define ASK(...) ask(state, (struct call){__VA_ARGS__})

/* --- tests --- */

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
        struct answer a = ask(state, cases[i].call);
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
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, s->socket, strlen(s->socket) + 1);
    for (int i = 0; i < 10; i++) {
        char junk[64];
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
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
