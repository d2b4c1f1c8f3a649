#include "update/kubernetes_api.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/file.h"
#include "common/jsonread.h"
#include "common/wipe.h"
#include "net/http.h"
#include "net/tls.h"
#include "net/url.h"
#include "version.h"

#define CREDENTIALS_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
/* Seen as the manager of the field in `kubectl get --show-managed-fields`. */
#define PATCH_QUERY "?fieldManager=muster-agent"

enum {
    TOKEN_MAX = 8 * 1024,
    CA_MAX = 256 * 1024,
    REPLY_MAX = 4 * 1024 * 1024, /* etcd keeps 1.5 MiB an object; escapes make it longer */
    BASE_SIZE = 320,
    MESSAGE_MAX = 120,
};

static const struct http_timeouts timeouts = {.connect_ms = 10 * 1000, .io_ms = 20 * 1000, .total_ms = 30 * 1000};

struct kubernetes_api {
    char base[BASE_SIZE]; /* https://host:port */
    char token_path[PATH_MAX];
    struct tls_trust *trust;
    struct http *http;
};

/* --- credentials --- */

static int find_base(char ret[BASE_SIZE], struct err *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    struct url url;
    if (host == NULL || host[0] == '\0' || port == NULL || port[0] == '\0')
        return err_set(err, ERR_NOT_FOUND, "not in a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set");
    bool address6 = strchr(host, ':') != NULL;
    int len = snprintf(ret, BASE_SIZE, "https://%s%s%s:%s", address6 ? "[" : "", host, address6 ? "]" : "", port);
    if (len >= BASE_SIZE || strpbrk(port, "/?") != NULL || url_parse(ret, &url, err) != 0 || url.target[0] != '\0')
        return err_set(err, ERR_NOT_FOUND, "KUBERNETES_SERVICE_HOST and _PORT are no host and port");
    return 0;
}

/* secure_getenv: nothing for a program that runs with more rights than who started it. */
static int credentials_path(const char *name, char ret[PATH_MAX], struct err *err)
{
    const char *dir = secure_getenv("MUSTER_K8S_CREDENTIALS");
    if (dir == NULL || dir[0] == '\0')
        dir = CREDENTIALS_DIR;
    if (dir[0] != '/')
        return err_set(err, ERR_NOT_FOUND, "MUSTER_K8S_CREDENTIALS must be an absolute path");
    if (snprintf(ret, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        return err_set(err, ERR_NOT_FOUND, "MUSTER_K8S_CREDENTIALS: path too long");
    return 0;
}

/* RFC 6750's b64token, without the blanks at the end. The caller wipes and frees it. */
static int read_token(const char *path, char **ret, struct err *err)
{
    static const char token68[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    char *token = NULL;
    int rc = file_read(path, TOKEN_MAX, &token, NULL, err);
    if (rc != 0) {
        (void)err_prefix(err, "the service account's token");
        return ERR_NOT_FOUND;
    }
    size_t len = strspn(token, token68);
    if (len > 0 && token[len + strspn(token + len, " \r\n")] == '\0') {
        token[len] = '\0';
        *ret = token;
        return 0;
    }
    wipe_str(token);
    free(token);
    return err_set(err, ERR_NOT_FOUND, "%.200s holds no token", path);
}

static int read_trust(const struct clock *clock, struct tls_trust **ret, struct err *err)
{
    char path[PATH_MAX];
    char *pem = NULL;
    struct tls_trust *trust = NULL;
    int rc = credentials_path("ca.crt", path, err);
    if (rc == 0 && file_read(path, CA_MAX, &pem, NULL, err) != 0) {
        (void)err_prefix(err, "the cluster's CA");
        rc = ERR_NOT_FOUND;
    }
    if (rc == 0)
        rc = tls_trust_new(clock, &trust, err);
    if (rc == 0)
        rc = tls_trust_add_ca(trust, pem, false, err);
    free(pem);
    if (rc == 0)
        *ret = trust;
    else
        tls_trust_free(trust);
    return rc;
}

int kubernetes_api_open(const struct clock *clock, struct kubernetes_api **ret, struct err *err)
{
    char *token = NULL;
    struct kubernetes_api *api = calloc(1, sizeof *api);
    int rc = api != NULL ? find_base(api->base, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        rc = credentials_path("token", api->token_path, err);
    if (rc == 0)
        rc = read_token(api->token_path, &token, err);
    wipe_str(token); /* only to see that there is one: each call reads it again */
    free(token);
    if (rc == 0)
        rc = read_trust(clock, &api->trust, err);
    if (rc == 0 && (api->http = http_new(api->trust)) == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        *ret = api;
    else
        kubernetes_api_close(api);
    return rc;
}

void kubernetes_api_close(struct kubernetes_api *api)
{
    if (api == NULL)
        return;
    http_free(api->http);
    tls_trust_free(api->trust);
    free(api);
}

/* --- what a refusal means --- */

/* The message of a Status object, cut short. ASCII alone: it ends in ledgers and events. */
static void take_message(const struct buf *body, char ret[MESSAGE_MAX + 2])
{
    struct err ignored;
    json_t *status = jsonread_parse((struct span){.ptr = body->data, .len = body->len}, &ignored);
    const char *message = json_string_value(json_object_get(status, "message"));
    (void)snprintf(ret, MESSAGE_MAX + 2, "%s%.*s", message != NULL ? ": " : "", MESSAGE_MAX - 2,
                   message != NULL ? message : "");
    for (char *c = ret; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x7f)
            *c = '?';
    json_decref(status);
}

struct call {
    const struct workload_id *id;
    const char *method;
    const char *verb; /* as a Role names it */
    const char *query;
    const char *body; /* NULL: none */
};

static int explain(const struct call *c, const struct http_reply *reply, struct err *err)
{
    char message[MESSAGE_MAX + 2];
    const char *kind = workload_kind_name(c->id->kind);
    take_message(&reply->body, message);
    switch (reply->status) {
    case 401: return err_set(err, ERR_DENIED, "the Kubernetes API does not accept this pod's token (401)%s", message);
    case 403:
        return err_set(err, ERR_DENIED,
                       "the service account lacks the verb %s on %s.apps %.60s in namespace %s (403): see its Role",
                       c->verb, workload_kind_plural(c->id->kind), c->id->name, c->id->space);
    case 404:
        return err_set(err, ERR_NOT_FOUND, "there is no %s %.60s in namespace %s (404)", kind, c->id->name,
                       c->id->space);
    case 409: return err_set(err, ERR_CONFLICT, "the %s was changed meanwhile (409)", kind);
    case 422: return err_set(err, ERR_INVALID, "the Kubernetes API refuses the change (422)%s", message);
    default:
        return err_set(err, reply->status == 429 || reply->status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID,
                       "the Kubernetes API answered with status %d%s", reply->status, message);
    }
}

/* --- calls --- */

static int perform(struct kubernetes_api *api, const struct call *c, const char *token, struct http_reply *ret,
                   struct err *err)
{
    char path[WORKLOAD_PATH_SIZE];
    char url[BASE_SIZE + WORKLOAD_PATH_SIZE + 64];
    char bearer[TOKEN_MAX + 16];
    char user_agent[96];
    workload_id_path(c->id, path);
    (void)snprintf(url, sizeof url, "%s%s%s", api->base, path, c->query);
    (void)snprintf(bearer, sizeof bearer, "Bearer %s", token);
    (void)snprintf(user_agent, sizeof user_agent, "muster-agent/%s", agent_version);
    const struct http_header headers[] = {{"Authorization", bearer},
                                          {"User-Agent", user_agent},
                                          {"Accept", "application/json"},
                                          {"Content-Type", "application/strategic-merge-patch+json"}};
    const struct http_request request = {
        .method = c->method,
        .url = url,
        .headers = headers,
        .header_count = c->body != NULL ? 4 : 3,
        .body = c->body,
        .body_len = c->body != NULL ? strlen(c->body) : 0,
        .timeouts = timeouts,
        .reply_max = REPLY_MAX,
    };
    int rc = http_perform(api->http, &request, ret, err);
    wipe(bearer, sizeof bearer);
    return rc != 0 ? err_prefix(err, "the Kubernetes API") : 0;
}

static int call(struct kubernetes_api *api, const struct call *c, json_t **ret, struct kubernetes_result *result,
                struct err *err)
{
    struct http_reply reply;
    char *token = NULL;
    *result = (struct kubernetes_result){.retry_after_s = -1};
    int rc = read_token(api->token_path, &token, err);
    if (rc == 0)
        rc = perform(api, c, token, &reply, err);
    wipe_str(token);
    free(token);
    if (rc != 0)
        return rc;
    *result = (struct kubernetes_result){.status = reply.status, .retry_after_s = reply.retry_after_s};
    if (reply.status != 200) {
        rc = explain(c, &reply, err);
    } else if (ret != NULL) {
        json_t *value = jsonread_parse((struct span){.ptr = reply.body.data, .len = reply.body.len}, err);
        rc = value != NULL ? 0 : err_prefix(err, "the answer of the Kubernetes API");
        if (rc == 0)
            *ret = value;
    }
    buf_done_secret(&reply.body); /* a pod template may hold passwords in its environment */
    return rc;
}

int kubernetes_api_get(struct kubernetes_api *api, const struct workload_id *id, json_t **ret,
                       struct kubernetes_result *result, struct err *err)
{
    const struct call c = {.id = id, .method = "GET", .verb = "get", .query = ""};
    return call(api, &c, ret, result, err);
}

int kubernetes_api_patch(struct kubernetes_api *api, const struct workload_id *id, const char *patch,
                         struct kubernetes_result *result, struct err *err)
{
    const struct call c = {.id = id, .method = "PATCH", .verb = "patch", .query = PATCH_QUERY, .body = patch};
    return call(api, &c, NULL, result, err);
}
