/* fixture_http.h: the server's core on a socket of the test's own, with a real database behind it, and a small web
 * server's end of FastCGI to talk to it. */
#ifndef MUSTER_TESTS_FIXTURE_HTTP_H
#define MUSTER_TESTS_FIXTURE_HTTP_H

#include "fixture_db.h"

#include <errno.h>
#include <fastcgi.h>
#include <sys/socket.h>
#include <sys/time.h>
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

/* clock: NULL is the system's. */
static inline struct site *site_open(const struct clock *clock)
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
                                    .max_parked = 156,
                                    .poll_interval_s = 30,
                                    .rate_per_minute = 60000,
                                    .rate_burst = 60000,
                                    .session_idle_s = 3600,
                                    .session_max_s = 3600,
                                    .certificate_days = 1};
    expect_ok(secrets_init(s->secrets, &err), &err);
    expect_ok(
        ca_init(&(struct ca_init_options){.dir = s->secrets, .hosts = hosts, .now_ms = clock_now_ms(clock_system())},
                &err),
        &err);
    expect_ok(app_open(&s->settings, &(struct app_options){.server = true, .clock = clock}, &s->app, &err), &err);
    expect_ok(http_server_start(s->app, &s->http, &err), &err);
    log_init(2, LOG_ERROR, LOG_TEXT);
    return s;
}

static inline void site_close(struct site *s)
{
    void *f = s->f;
    park_drain(s->app->park);
    assert_true(http_server_stop(s->http, 10000));
    app_close(s->app);
    (void)fixture_teardown(&f);
    free(s);
}

/* --- the web server's end of FastCGI --- */

enum {
    REPLY_MAX = 16384,
    PATIENCE_S = 60, /* ends a test that waits in vain */
};

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

static inline void send_all(int fd, const void *data, size_t len)
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

static inline void send_record(int fd, unsigned char type, const void *data, size_t len)
{
    unsigned char header[FCGI_HEADER_LEN] = {FCGI_VERSION_1, type, 0, 1, (unsigned char)(len >> 8), (unsigned char)len};
    send_all(fd, header, sizeof header);
    send_all(fd, data, len);
}

static inline void add_param(char *params, size_t *len, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    assert_true(name_len < 128 && value_len < 128);
    params[(*len)++] = (char)name_len;
    params[(*len)++] = (char)value_len;
    memcpy(params + *len, name, name_len);
    memcpy(params + *len + name_len, value, value_len);
    *len += name_len + value_len;
}

static inline int site_connect(const struct site *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path, s->socket, strlen(s->socket) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

static inline int open_call(const struct site *s, const struct call *c)
{
    static const unsigned char begin[8] = {0, FCGI_RESPONDER};
    char params[2048], length[24];
    size_t len = 0;
    int fd = site_connect(s);
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

static inline bool receive(int fd, void *data, size_t len)
{
    char *at = data;
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, at + got, len - got, 0);
        if (n < 0 && errno == EINTR) /* stopped and continued: a wait with a deadline is not taken up again */
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            fail_msg("nothing came for %d seconds", PATIENCE_S);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

/* One record: its type, and its content in text, which has room for REPLY_MAX. 0: the connection is at its end. */
static inline unsigned char receive_record(int fd, char *text, size_t *ret_len)
{
    unsigned char header[FCGI_HEADER_LEN], padding[256];
    if (!receive(fd, header, sizeof header))
        return 0;
    size_t len = (size_t)header[4] << 8 | header[5];
    assert_true(len < REPLY_MAX);
    if (!receive(fd, text, len) || !receive(fd, padding, header[6]))
        return 0;
    *ret_len = len;
    return header[1];
}

static inline struct answer close_call(int fd)
{
    struct answer a = {0};
    char text[REPLY_MAX];
    size_t len = 0;
    for (unsigned char type; (type = receive_record(fd, text, &len)) != 0 && type != FCGI_END_REQUEST;) {
        assert_true(a.len + len < sizeof a.text);
        if (type != FCGI_STDOUT)
            continue;
        memcpy(a.text + a.len, text, len);
        a.len += len;
    }
    (void)close(fd);
    a.text[a.len] = '\0';
    a.status = strncmp(a.text, "Status: ", 8) == 0 ? atoi(a.text + 8) : 0;
    return a;
}

static inline struct answer site_ask(const struct site *s, struct call c)
{
    return close_call(open_call(s, &c));
}

#endif
