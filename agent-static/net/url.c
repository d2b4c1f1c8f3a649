#include "net/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cursor.h"

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* Everything before the host: the scheme. What follows is checked once here for bytes that have no place in a URL. */
static const char *take_scheme(struct cursor *c)
{
    static const char scheme[] = "https://";
    if ((size_t)(c->end - c->at) > URL_MAX)
        return "too long";
    for (size_t i = 0; i < sizeof scheme - 1; i++)
        if (c->at == c->end || to_lower(*c->at++) != scheme[i])
            return "must start with https://";
    for (const char *p = c->at; p < c->end; p++)
        if (*p <= ' ' || *p > '~' || *p == '#' || *p == '"' || *p == '<' || *p == '>' || *p == '\\')
            return "holds a character that must be percent-encoded";
    return NULL;
}

static const char *take_bracketed(struct cursor *c, struct url *u)
{
    struct span address;
    struct in6_addr binary;
    if (!cursor_until(c, ']', &address) || address.len >= URL_HOST_SIZE)
        return "the closing ] of the address is missing";
    memcpy(u->host, address.ptr, address.len);
    u->host[address.len] = '\0';
    u->numeric = true;
    return inet_pton(AF_INET6, u->host, &binary) == 1 ? NULL : "not an IPv6 address";
}

static const char *take_name(struct cursor *c, struct url *u)
{
    size_t len = 0;
    while (c->at < c->end && strchr(":/?", *c->at) == NULL) {
        char ch = to_lower(*c->at++);
        if (!is_host_char(ch))
            return "not a host name";
        if (len == URL_HOST_SIZE - 1)
            return "host name too long";
        u->host[len++] = ch;
    }
    u->host[len] = '\0';
    struct in_addr binary;
    u->numeric = inet_pton(AF_INET, u->host, &binary) == 1;
    return len > 0 && u->host[0] != '.' && u->host[0] != '-' ? NULL : "the host is missing";
}

static const char *take_port(struct cursor *c, struct url *u)
{
    uint64_t port = 443;
    if (cursor_char(c, ':') && (!cursor_uint(c, 65535, &port) || port == 0))
        return "the port must be a number from 1 to 65535";
    (void)snprintf(u->port, sizeof u->port, "%u", (unsigned)port);
    return cursor_done(c) || *c->at == '/' || *c->at == '?' ? NULL : "not a host and port";
}

int url_parse(const char *text, struct url *ret, struct err *err)
{
    struct url u = {.numeric = false};
    struct cursor c;
    cursor_init(&c, span_of(text));
    const char *wrong = take_scheme(&c);
    if (wrong == NULL)
        wrong = cursor_char(&c, '[') ? take_bracketed(&c, &u) : take_name(&c, &u);
    if (wrong == NULL)
        wrong = take_port(&c, &u);
    if (wrong != NULL)
        return err_set(err, ERR_INVALID, "URL: %s", wrong);
    u.target = c.at;
    *ret = u;
    return 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}
