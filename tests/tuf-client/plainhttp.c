#include "plainhttp.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/file.h"
#include "net/http_parse.h"

enum { HOST_SIZE = 256, WAIT_S = 30 };

struct place {
    char host[HOST_SIZE];
    char port[6];
    const char *path; /* borrowed; begins with a slash */
};

static int parse_url(const char *url, struct place *ret, struct err *err)
{
    static const char scheme[] = "http://";
    (void)snprintf(ret->port, sizeof ret->port, "80");
    if (strncmp(url, scheme, strlen(scheme)) != 0)
        return err_set(err, ERR_INVALID, "not an http: URL");
    ret->path = strchr(url + strlen(scheme), '/');
    if (ret->path == NULL || sscanf(url + strlen(scheme), "%255[^:/]:%5[0-9]", ret->host, ret->port) < 1)
        return err_set(err, ERR_INVALID, "not a URL that we read");
    return 0;
}

static int connect_to(const struct place *place, int *ret_fd, struct err *err)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    static const struct timeval wait = {.tv_sec = WAIT_S};
    struct addrinfo *found = NULL;
    int fd = -1;
    if (getaddrinfo(place->host, place->port, &hints, &found) != 0)
        return err_set(err, ERR_UNAVAILABLE, "no address for %s", place->host);
    for (const struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
                        connect(fd, a->ai_addr, a->ai_addrlen) != 0)) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0)
        return err_set(err, ERR_UNAVAILABLE, "cannot connect to %s", place->host);
    *ret_fd = fd;
    return 0;
}

static int feed(struct http_parser *p, const char *data, size_t len, struct buf *ret, struct err *err)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < len && !p->done;) {
        size_t used = 0;
        struct span piece = {.len = 0};
        rc = http_parser_feed(p, data + at, len - at, &used, &piece, err);
        at += used;
        if (rc == 0 && p->head_done && p->status == 200)
            buf_add(ret, piece.ptr, piece.len);
        if (rc == 0 && !buf_ok(ret))
            rc = err_set(err, ERR_TOO_BIG, "more than %zu bytes", ret->max);
    }
    return rc;
}

static int read_reply(int fd, struct buf *ret, struct err *err)
{
    struct http_parser p;
    char data[4096];
    int rc = 0;
    http_parser_init(&p, false);
    while (rc == 0 && !p.done) {
        ssize_t n = read(fd, data, sizeof data);
        if (n < 0)
            rc = err_sys(err, ERR_UNAVAILABLE, "read");
        else
            rc = n == 0 ? http_parser_end(&p, err) : feed(&p, data, (size_t)n, ret, err);
    }
    if (rc == 0 && p.status != 200)
        rc = err_set(err, p.status == 404 ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "HTTP %d", p.status);
    http_parser_done(&p);
    return rc;
}

int plainhttp_get(const char *url, struct buf *ret, struct err *err)
{
    struct place place = {.path = NULL};
    struct buf head;
    int fd = -1;
    buf_init(&head, 16 * 1024);
    int rc = parse_url(url, &place, err);
    if (rc == 0)
        rc = connect_to(&place, &fd, err);
    if (rc == 0) {
        buf_addf(&head, "GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n", place.path, place.host,
                 place.port);
        rc = buf_ok(&head) ? file_write_all(fd, head.data, head.len, err) : err_set(err, ERR_TOO_BIG, "URL too long");
    }
    if (rc == 0)
        rc = read_reply(fd, ret, err);
    if (fd >= 0)
        (void)close(fd);
    buf_done(&head);
    return rc;
}
