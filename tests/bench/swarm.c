/* swarm: many TLS connections to a server on this machine, one request on each, all sent at the same moment.
 *
 *     swarm --port P --count N --path /api/agent/heartbeat --keys FILE [--body JSON] [--parked]
 *
 * FILE has an API key per line; connection i uses line i. Connections are opened first, a few hundred handshakes at a
 * time. Then, without --parked, every request is sent at once and the answers are timed. With --parked the requests are
 * sent, "parked" is printed, and the clock starts when a line arrives on standard input: the time from the wake to the
 * last answer. The result is one line of JSON. Loopback only. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HANDSHAKES_AT_ONCE = 256, REPLY_MAX = 4096, DEADLINE_MS = 120000 };

enum phase { IDLE, CONNECTING, READY, SENT, DONE, FAILED };

struct conn {
    int fd;
    SSL *ssl;
    enum phase phase;
    char key[64];
    char reply[REPLY_MAX];
    size_t len;
    int status;
    int64_t done_us;
};

struct swarm {
    SSL_CTX *tls;
    int epoll;
    struct conn *conns;
    size_t count;
    uint16_t port;
    const char *path;
    const char *body;
    size_t ready, done, failed, pending;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "swarm: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void conn_fail(struct swarm *s, struct conn *c)
{
    if (c->phase == CONNECTING)
        s->pending--;
    c->phase = FAILED;
    s->failed++;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void conn_open(struct swarm *s, struct conn *c)
{
    /* One loopback address has too few ports for tens of thousands; each thousand takes its own source address. */
    size_t index = (size_t)(c - s->conns);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002 + (uint32_t)(index / 1000))};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->pending++;
    c->phase = CONNECTING;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->ssl = SSL_new(s->tls);
    if (c->fd < 0 || c->ssl == NULL || bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
        conn_fail(s, c);
        return;
    }
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
        conn_fail(s, c);
}

static void conn_send(struct swarm *s, struct conn *c)
{
    char text[1024];
    int len = snprintf(text, sizeof text,
                       "%s %s HTTP/1.1\r\nHost: localhost:%u\r\nX-Agent-API-Key: %s\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       s->body[0] != '\0' ? "POST" : "GET", s->path, s->port, c->key, strlen(s->body), s->body);
    c->phase = SENT;
    if (SSL_write(c->ssl, text, len) != len)
        conn_fail(s, c);
}

static bool reply_complete(const struct conn *c)
{
    const char *end = strstr(c->reply, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *length = strcasestr(c->reply, "\r\nContent-Length:");
    if (length == NULL || length > end)
        return strstr(end + 4, "0\r\n\r\n") != NULL; /* chunked */
    return c->len - (size_t)(end + 4 - c->reply) >= strtoul(length + 17, NULL, 10);
}

static void conn_read(struct swarm *s, struct conn *c)
{
    while (c->len < REPLY_MAX - 1) {
        int n = SSL_read(c->ssl, c->reply + c->len, (int)(REPLY_MAX - 1 - c->len));
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
                conn_fail(s, c);
            return;
        }
        c->len += (size_t)n;
        c->reply[c->len] = '\0';
        if (c->phase == SENT && reply_complete(c)) {
            c->status = atoi(c->reply + 9);
            c->done_us = now_us();
            c->phase = DONE;
            s->done++;
            return;
        }
    }
    conn_fail(s, c);
}

static void conn_event(struct swarm *s, struct conn *c)
{
    if (c->phase == CONNECTING) {
        int rc = SSL_do_handshake(c->ssl);
        if (rc == 1) {
            c->phase = READY;
            s->pending--;
            s->ready++;
        } else if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ &&
                   SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_WRITE) {
            conn_fail(s, c);
        }
    } else if (c->phase == SENT || c->phase == READY) {
        conn_read(s, c);
    }
}

static void pump(struct swarm *s, int wait_ms)
{
    struct epoll_event events[512];
    int n = epoll_wait(s->epoll, events, 512, wait_ms);
    for (int i = 0; i < n; i++)
        conn_event(s, events[i].data.ptr);
}

static void open_all(struct swarm *s)
{
    size_t next = 0;
    int64_t deadline = now_us() + DEADLINE_MS * 1000LL;
    while (s->ready + s->failed < s->count && now_us() < deadline) {
        while (next < s->count && s->pending < HANDSHAKES_AT_ONCE)
            conn_open(s, &s->conns[next++]);
        pump(s, 100);
    }
}

static void read_keys(struct swarm *s, const char *path)
{
    FILE *f = fopen(path, "r");
    if (f == NULL)
        die(path);
    for (size_t i = 0; i < s->count; i++) {
        if (fgets(s->conns[i].key, sizeof s->conns[i].key, f) == NULL) {
            fprintf(stderr, "swarm: %s has fewer than %zu keys\n", path, s->count);
            exit(1);
        }
        s->conns[i].key[strcspn(s->conns[i].key, "\n")] = '\0';
    }
    fclose(f);
}

static int compare_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void report(const struct swarm *s, int64_t start_us)
{
    int64_t *times = calloc(s->count, sizeof *times);
    if (times == NULL)
        die("calloc");
    size_t n = 0;
    size_t ok = 0;
    size_t bad_gateway = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct conn *c = &s->conns[i];
        if (c->phase != DONE)
            continue;
        times[n++] = c->done_us - start_us;
        ok += c->status == 200;
        bad_gateway += c->status == 502;
    }
    qsort(times, n, sizeof *times, compare_time);
    printf("{\"count\":%zu,\"connected\":%zu,\"answered\":%zu,\"ok\":%zu,\"bad_gateway\":%zu,\"failed\":%zu,"
           "\"median_ms\":%.1f,\"last_ms\":%.1f}\n",
           s->count, s->ready, n, ok, bad_gateway, s->failed, n ? (double)times[n / 2] / 1000 : 0,
           n ? (double)times[n - 1] / 1000 : 0);
    free(times);
}

int main(int argc, char **argv)
{
    struct swarm s = {.count = 1000, .port = 8444, .path = "/health/live", .body = ""};
    const char *keys = NULL;
    bool parked = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--parked") == 0) {
            parked = true;
            continue;
        }
        if (strcmp(argv[i], "--port") == 0)
            s.port = (uint16_t)atoi(value);
        else if (strcmp(argv[i], "--count") == 0)
            s.count = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--path") == 0)
            s.path = value;
        else if (strcmp(argv[i], "--body") == 0)
            s.body = value;
        else if (strcmp(argv[i], "--keys") == 0)
            keys = value;
        i++;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    s.conns = calloc(s.count, sizeof *s.conns);
    s.epoll = epoll_create1(EPOLL_CLOEXEC);
    s.tls = SSL_CTX_new(TLS_client_method()); /* the bench measures, it trusts whoever is on loopback */
    if (s.conns == NULL || s.epoll < 0 || s.tls == NULL || keys == NULL)
        die("start (is --keys given?)");
    SSL_CTX_set_mode(s.tls, SSL_MODE_RELEASE_BUFFERS);
    read_keys(&s, keys);
    open_all(&s);

    int64_t start = now_us();
    for (size_t i = 0; i < s.count; i++)
        if (s.conns[i].phase == READY)
            conn_send(&s, &s.conns[i]);
    if (parked) {
        printf("parked\n");
        fflush(stdout);
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
        epoll_ctl(s.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev);
        bool woken = false;
        while (!woken) {
            struct epoll_event events[64];
            int n = epoll_wait(s.epoll, events, 64, DEADLINE_MS);
            if (n <= 0)
                break;
            for (int i = 0; i < n; i++) {
                if (events[i].data.ptr == NULL)
                    woken = true;
                else
                    conn_event(&s, events[i].data.ptr);
            }
        }
        epoll_ctl(s.epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
        start = now_us();
    }
    int64_t deadline = now_us() + DEADLINE_MS * 1000LL;
    while (s.done + s.failed < s.count && now_us() < deadline)
        pump(&s, 100);
    report(&s, start);
    return s.done == s.count ? 0 : 1;
}
