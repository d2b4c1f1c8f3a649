#include "update/source.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/api.h"
#include "net/tls.h"
#include "net/url.h"
#include "version.h"

enum { BASE_SIZE = 512, NAME_MAX_LEN = 255, PATH_MAX_LEN = 512 };

struct source {
    char base[BASE_SIZE]; /* without a slash at the end */
    struct tls_trust *trust;
    struct http *http;
    int cancel_fd;
};

static int set_base(struct source *s, const struct agent *agent, struct url *ret, struct err *err)
{
    const char *text = config_text(agent->config, "UPDATE_SERVER");
    if (text == NULL || text[0] == '\0')
        text = agent->server_url;
    if (text == NULL)
        return err_set(err, ERR_NOT_FOUND, "neither UPDATE_SERVER nor SERVER_URL is set");
    if (snprintf(s->base, sizeof s->base, "%s", text) >= (int)sizeof s->base)
        return err_set(err, ERR_TOO_BIG, "UPDATE_SERVER is too long");
    for (size_t len = strlen(s->base); len > 0 && s->base[len - 1] == '/'; len--)
        s->base[len - 1] = '\0';
    int rc = url_parse(s->base, ret, err);
    if (rc == 0 && strchr(ret->target, '?') != NULL)
        rc = err_set(err, ERR_INVALID, "a query has no place there");
    return rc != 0 ? err_prefix(err, "UPDATE_SERVER") : 0;
}

/* Another server than the one this host is enrolled with. */
static bool is_foreign(const struct agent *agent, const struct url *base)
{
    struct url server;
    struct err err;
    return agent->server_url == NULL || url_parse(agent->server_url, &server, &err) != 0 ||
           !url_same_origin(&server, base);
}

int source_open(const struct agent *agent, struct source **ret, struct err *err)
{
    struct url base;
    struct source *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->cancel_fd = -1;
    int rc = set_base(s, agent, &base, err);
    if (rc == 0)
        rc = api_trust_anonymous(agent, is_foreign(agent, &base), &s->trust, err);
    if (rc == 0 && (s->http = http_new(s->trust)) == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc != 0) {
        source_close(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void source_close(struct source *s)
{
    if (s == NULL)
        return;
    http_free(s->http);
    tls_trust_free(s->trust);
    free(s);
}

void source_set_cancel(struct source *s, int fd)
{
    s->cancel_fd = fd;
    http_set_cancel(s->http, fd);
}

int source_cancel_fd(const struct source *s)
{
    return s->cancel_fd;
}

struct http *source_http(struct source *s)
{
    return s->http;
}

/* One segment of a path, as it stands in a URL: no slash, no ".." however it is written. */
static bool segment_ok(const char *s, size_t len)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%+";
    if (len == 0 || len > NAME_MAX_LEN || s[0] == '.' || strncmp(s, "%2e", 3) == 0 || strncmp(s, "%2E", 3) == 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (s[i] == '\0' || strchr(allowed, s[i]) == NULL)
            return false;
    return true;
}

static int judge(const struct http_reply *reply, const char *name, struct err *err)
{
    int status = reply->status;
    if (status == 200)
        return 0;
    if (status == 404 || status == 410)
        return err_set(err, ERR_NOT_FOUND, "the update server has no %.100s", name);
    return err_set(err,
                   status == 401 || status == 403                    ? ERR_DENIED
                   : status == 408 || status == 429 || status >= 500 ? ERR_UNAVAILABLE
                                                                     : ERR_INVALID,
                   "the update server answered with status %d for %.100s", status, name);
}

struct fetched {
    const char *name;
    struct buf *body;
    size_t max;
};

/* Of a refusal not even the body is read: its size is nothing to go by. */
static int begin(void *ctx, const struct http_reply *reply, struct err *err)
{
    const struct fetched *f = ctx;
    int rc = judge(reply, f->name, err);
    if (rc == 0 && reply->content_length > 0 && (uint64_t)reply->content_length > f->max)
        rc = err_set(err, ERR_TOO_BIG, "%.100s is larger than %zu bytes", f->name, f->max);
    return rc;
}

static int take(void *ctx, const void *data, size_t len, struct err *err)
{
    const struct fetched *f = ctx;
    if (len > f->max - f->body->len)
        return err_set(err, ERR_TOO_BIG, "%.100s is larger than %zu bytes", f->name, f->max);
    buf_add(f->body, data, len);
    return buf_ok(f->body) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int source_fetch(void *source, const char *name, size_t max_bytes, struct buf *ret, struct err *err)
{
    struct source *s = source;
    char url[URL_MAX], user_agent[96];
    if (!segment_ok(name, strlen(name)))
        return err_set(err, ERR_INVALID, "not the name of a metadata file");
    (void)snprintf(url, sizeof url, "%s/updates/tuf/%s", s->base, name);
    (void)snprintf(user_agent, sizeof user_agent, "muster-agent/%s", agent_version);
    const struct http_header headers[] = {{"User-Agent", user_agent}, {"Accept-Encoding", "identity"}};
    struct fetched fetched = {.name = name, .body = ret, .max = max_bytes};
    const struct http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .head = begin,
        .head_ctx = &fetched,
        .sink = take,
        .sink_ctx = &fetched,
    };
    struct http_reply reply;
    buf_clear(ret);
    int rc = http_perform(s->http, &request, &reply, err);
    if (rc == 0)
        buf_done(&reply.body);
    return rc;
}

int source_target_url(const struct source *s, const char *path, const char *sha256, char *ret, struct err *err)
{
    const char *last = path;
    for (const char *at = path;; at = last) {
        size_t len = strcspn(at, "/");
        if (!segment_ok(at, len) || strlen(path) > PATH_MAX_LEN)
            return err_set(err, ERR_INVALID, "not the path of a target");
        if (at[len] == '\0')
            break;
        last = at + len + 1;
    }
    int len =
        snprintf(ret, URL_MAX, "%s/updates/tuf/targets/%.*s%s.%s", s->base, (int)(last - path), path, sha256, last);
    return len < URL_MAX ? 0 : err_set(err, ERR_TOO_BIG, "the URL of a target is too long");
}
