#include "net/api.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/file.h"
#include "common/jsonread.h"
#include "common/wipe.h"
#include "net/tls.h"
#include "net/url.h"
#include "version.h"

enum {
    PEM_MAX = 2 * 1024 * 1024,
    REQUEST_MAX = 2 * 1024 * 1024,
    TIMEOUT_MS = 60 * 1000,
    IO_MS = 30 * 1000,
    CONNECT_MS = 10 * 1000,
    USER_AGENT_MAX = 96,
};

struct api {
    const struct agent *agent;
    struct tls_trust *trust;
    struct http *http;
    struct url server;
    int cancel_fd;
    struct http *store;
    struct url store_origin;
    struct tls_trust *store_trust; /* NULL while the store is on our own server */
};

/* --- trust --- */

static int add_ca_file(struct tls_trust *trust, const char *path, bool strict, struct err *err)
{
    char *pem = NULL;
    int rc = file_read(path, PEM_MAX, &pem, NULL, err);
    if (rc != 0)
        return rc;
    rc = tls_trust_add_ca(trust, pem, strict, err);
    free(pem);
    return rc != 0 ? err_prefix(err, "%s", path) : 0;
}

static const char *given_text(const struct agent *agent, const char *key)
{
    const char *text = config_text(agent->config, key);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* CA_FILE, which must be there when it is set, and the bundle the server has given us, which may be missing. */
static int add_own_cas(const struct agent *agent, struct tls_trust *trust, struct err *err)
{
    const char *ca_file = given_text(agent, "CA_FILE");
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "ca.pem", path, err);
    if (rc != 0)
        return rc;
    bool same = ca_file != NULL && strcmp(ca_file, path) == 0;
    if (ca_file != NULL) {
        rc = add_ca_file(trust, ca_file, true, err);
        if (rc != 0)
            return err_prefix(err, "CA_FILE");
    }
    if (same)
        return 0;
    rc = add_ca_file(trust, path, true, err);
    if (rc == ERR_NOT_FOUND)
        rc = ca_file != NULL ? 0 : err_set(err, ERR_NOT_FOUND, "no CA to trust: set CA_FILE, or enrol this host");
    return rc;
}

/* A host registered by key alone has no certificate, and one that does not fit is worse than none. */
static void add_client(const struct agent *agent, struct tls_trust *trust)
{
    char cert_path[PATH_MAX];
    char key_path[PATH_MAX];
    char *cert = NULL;
    char *key = NULL;
    struct err err;
    if (agent_state_path(agent, "cert.pem", cert_path, &err) == 0 &&
        agent_state_path(agent, "key.pem", key_path, &err) == 0 &&
        file_read(cert_path, PEM_MAX, &cert, NULL, &err) == 0 && file_read(key_path, PEM_MAX, &key, NULL, &err) == 0 &&
        tls_trust_set_client(trust, cert, key, &err) != 0) {
        /* Left out. */
    }
    wipe_str(key);
    free(key);
    free(cert);
}

/* --- opening --- */

static int open_server(const struct agent *agent, struct tls_trust *trust, struct api **ret, struct err *err)
{
    struct api *api = calloc(1, sizeof *api);
    int rc = api == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0 && agent->server_url == NULL)
        rc = err_set(err, ERR_NOT_FOUND, "SERVER_URL is not set");
    if (rc == 0)
        rc = url_parse(agent->server_url, &api->server, err);
    if (rc == 0) {
        api->http = http_new(trust);
        rc = api->http == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    }
    if (rc != 0) {
        free(api);
        return rc;
    }
    api->agent = agent;
    api->trust = trust;
    api->cancel_fd = -1;
    *ret = api;
    return 0;
}

int api_open(const struct agent *agent, struct api **ret, struct err *err)
{
    struct tls_trust *trust = NULL;
    int rc = tls_trust_new(agent->clock, &trust, err);
    if (rc == 0)
        rc = add_own_cas(agent, trust, err);
    if (rc == 0) {
        add_client(agent, trust);
        rc = open_server(agent, trust, ret, err);
    }
    if (rc != 0)
        tls_trust_free(trust);
    return rc;
}

int api_open_trusting(const struct agent *agent, const char *ca_pem, struct api **ret, struct err *err)
{
    struct tls_trust *trust = NULL;
    int rc = tls_trust_new(agent->clock, &trust, err);
    if (rc == 0)
        rc = tls_trust_add_ca(trust, ca_pem, true, err);
    if (rc == 0)
        rc = open_server(agent, trust, ret, err);
    if (rc != 0)
        tls_trust_free(trust);
    return rc;
}

void api_close(struct api *api)
{
    if (api == NULL)
        return;
    http_free(api->store);
    tls_trust_free(api->store_trust);
    http_free(api->http);
    tls_trust_free(api->trust);
    free(api);
}

void api_set_cancel(struct api *api, int fd)
{
    api->cancel_fd = fd;
    http_set_cancel(api->http, fd);
    if (api->store != NULL)
        http_set_cancel(api->store, fd);
}

void api_disconnect(struct api *api)
{
    http_disconnect(api->http);
    if (api->store != NULL)
        http_disconnect(api->store);
}

int64_t api_peer_not_after_ms(const struct api *api)
{
    return http_peer_not_after_ms(api->http);
}

/* --- calls --- */

static int code_of_status(int status)
{
    switch (status) {
    case 401:
    case 403: return ERR_DENIED;
    case 404: return ERR_NOT_FOUND;
    case 409: return ERR_CONFLICT;
    case 429: return ERR_UNAVAILABLE;
    default: return status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID;
    }
}

/* "/problems/otp-taken" -> "otp-taken"; only what a slug may hold. */
static void take_slug(const char *type, char ret[API_PROBLEM_SIZE])
{
    const char *slash = type != NULL ? strrchr(type, '/') : NULL;
    const char *slug = slash != NULL ? slash + 1 : "";
    size_t len = strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (len < API_PROBLEM_SIZE && slug[len] == '\0')
        memcpy(ret, slug, len + 1);
}

/* RFC 9457, or whatever else a proxy on the way has to say. */
static int explain_status(const struct http_reply *reply, const json_t *problem, struct api_result *result,
                          struct err *err)
{
    int code = code_of_status(reply->status);
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *pointer = json_string_value(json_object_get(problem, "pointer"));
    take_slug(json_string_value(json_object_get(problem, "type")), result->problem);
    if (reply->status >= 300 && reply->status < 400)
        return err_set(err, code, "the server answered with a redirect (%d), which is refused", reply->status);
    if (title == NULL)
        return err_set(err, code, "the server answered with status %d", reply->status);
    if (detail != NULL && strcmp(title, detail) == 0)
        detail = NULL;
    return err_set(err, code, "the server says: %.100s%s%.150s%s%.40s", title, detail != NULL ? ": " : "",
                   detail != NULL ? detail : "", pointer != NULL ? " at " : "", pointer != NULL ? pointer : "");
}

static int judge_reply(const struct http_reply *reply, json_t **ret, struct api_result *result, struct err *err)
{
    struct err parse_err = {0};
    json_t *value = jsonread_parse((struct span){.ptr = reply->body.data, .len = reply->body.len}, &parse_err);
    bool good = reply->status >= 200 && reply->status < 300;
    int rc = 0;
    if (!good)
        rc = explain_status(reply, value, result, err);
    else if (value == NULL)
        rc = err_set(err, ERR_INVALID, "the server's reply is %.200s", parse_err.msg);
    if (rc == 0 && ret != NULL)
        *ret = value;
    else
        json_decref(value);
    return rc;
}

static struct http_timeouts timeouts_of(int timeout_ms)
{
    int total_ms = timeout_ms > 0 ? timeout_ms : TIMEOUT_MS;
    return (struct http_timeouts){.connect_ms = total_ms < CONNECT_MS ? total_ms : CONNECT_MS,
                                  .io_ms = total_ms < IO_MS ? total_ms : IO_MS,
                                  .total_ms = total_ms};
}

static int perform(struct http *http, const struct api_request *request, const char *body, struct http_reply *ret,
                   struct err *err)
{
    char url[URL_MAX], user_agent[USER_AGENT_MAX];
    if (snprintf(url, sizeof url, "%s%s", request->server_url, request->path) >= (int)sizeof url)
        return err_set(err, ERR_TOO_BIG, "URL too long");
    (void)snprintf(user_agent, sizeof user_agent, "muster-agent/%s", agent_version);
    struct http_header headers[4] = {
        {"User-Agent", user_agent},
        {"Accept", "application/json, application/problem+json"},
    };
    size_t count = 2;
    if (request->api_key != NULL)
        headers[count++] = (struct http_header){"X-Agent-API-Key", request->api_key};
    if (body != NULL)
        headers[count++] = (struct http_header){"Content-Type", "application/json"};
    struct http_request http_request = {.method = request->method,
                                        .url = url,
                                        .headers = headers,
                                        .header_count = count,
                                        .body = body,
                                        .body_len = body != NULL ? strlen(body) : 0,
                                        .timeouts = timeouts_of(request->timeout_ms)};
    return http_perform(http, &http_request, ret, err);
}

int api_send(struct http *http, const struct api_request *request, json_t **ret, struct api_result *result,
             struct err *err)
{
    struct api_result unwanted;
    if (result == NULL)
        result = &unwanted;
    *result = (struct api_result){.retry_after_s = -1};
    char *body = NULL;
    int rc = 0;
    if (request->body != NULL) {
        body = json_dumps(request->body, JSON_COMPACT);
        json_decref(request->body);
        if (body == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        if (strlen(body) > REQUEST_MAX)
            rc = err_set(err, ERR_TOO_BIG, "the request is too large");
    }
    struct http_reply reply;
    if (rc == 0)
        rc = perform(http, request, body, &reply, err);
    wipe_str(body); /* enrolment's holds the one-time password */
    free(body);
    if (rc != 0)
        return rc;
    result->status = reply.status;
    result->retry_after_s = reply.retry_after_s;
    rc = judge_reply(&reply, ret, result, err);
    buf_done_secret(&reply.body);
    return rc;
}

int api_call(struct api *api, const char *method, const char *path, json_t *body, int timeout_ms, json_t **ret,
             struct api_result *result, struct err *err)
{
    const struct api_request request = {.server_url = api->agent->server_url,
                                        .api_key = api->agent->identity.api_key,
                                        .method = method,
                                        .path = path,
                                        .body = body,
                                        .timeout_ms = timeout_ms};
    return api_send(api->http, &request, ret, result, err);
}

/* --- the store --- */

int api_trust_anonymous(const struct agent *agent, bool foreign, struct tls_trust **ret, struct err *err)
{
    struct tls_trust *trust = NULL;
    int rc = tls_trust_new(agent->clock, &trust, err);
    if (rc == 0)
        rc = add_own_cas(agent, trust, err);
    const char *extra = foreign ? given_text(agent, "STORE_CA_FILE") : NULL;
    if (rc == 0 && extra != NULL) {
        rc = add_ca_file(trust, extra, false, err);
        if (rc == ERR_NOT_FOUND && !config_given(agent->config, "STORE_CA_FILE"))
            rc = 0; /* the default place; not every system has it */
    }
    if (rc == 0)
        *ret = trust;
    else
        tls_trust_free(trust);
    return rc;
}

static int open_store(struct api *api, const struct url *origin, struct err *err)
{
    http_free(api->store);
    api->store = NULL;
    tls_trust_free(api->store_trust);
    api->store_trust = NULL;
    if (!url_same_origin(origin, &api->server)) {
        int rc = api_trust_anonymous(api->agent, true, &api->store_trust, err);
        if (rc != 0)
            return rc;
    }
    api->store = http_new(api->store_trust != NULL ? api->store_trust : api->trust);
    if (api->store == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    http_set_cancel(api->store, api->cancel_fd);
    api->store_origin = *origin;
    return 0;
}

int api_store(struct api *api, const struct http_request *request, struct http_reply *ret, struct err *err)
{
    struct url origin;
    int rc = url_parse(request->url, &origin, err);
    if (rc == 0 && (api->store == NULL || !url_same_origin(&origin, &api->store_origin)))
        rc = open_store(api, &origin, err);
    return rc != 0 ? rc : http_perform(api->store, request, ret, err);
}
