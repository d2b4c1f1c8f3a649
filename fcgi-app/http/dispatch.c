/* From an accepted request to its handler: what is checked, and in which order.
 *
 * route -> listener -> who asks -> permission -> CSRF -> body -> step-up -> handler. Whatever refuses sets the reply
 * and nothing behind it runs. A stranger thus learns nothing about a route beyond that it exists on this listener. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "app.h"
#include "auth/audit.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "auth/stepup.h"
#include "common/blocking.h"
#include "common/encode.h"
#include "common/log.h"
#include "common/token.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "http/exchange.h"
#include "http/stats.h"
#include "http/stream.h"
#include "policy/policy.h"
#include "route.h"

enum { ADMIN_ACT_MS = 12 * 3600 * 1000 };

static enum http_method method_parse(const char *s)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; s != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(s, names[i]) == 0)
            return (enum http_method)i;
    return HTTP_OTHER;
}

/* nginx's id when it is one, else one of our own: logs and replies carry it. */
static const char *request_id(struct req *r)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    const char *id = req_param(r, "MUSTER_REQUEST_ID");
    if (id != NULL && id[0] != '\0' && strlen(id) <= 64 && id[strspn(id, allowed)] == '\0')
        return id;
    unsigned char random[16] = {0};
    char hex[HEX_SIZE(sizeof random)];
    (void)token_random(random, sizeof random); /* zeros do for a name */
    hex_encode(random, sizeof random, hex);
    const char *copy = arena_strdup(r->arena, hex);
    return copy != NULL ? copy : "";
}

/* Fills r from FastCGI's parameters. False after a reply was set. */
static bool request_read(struct http_exchange *x)
{
    struct req *r = &x->req;
    struct err err = {0};
    const char *listener = req_param(r, "MUSTER_LISTENER");
    const char *address = req_param(r, "REMOTE_ADDR");
    const char *uri = req_param(r, "REQUEST_URI");
    r->method = method_parse(req_param(r, "REQUEST_METHOD"));
    r->remote_addr = address != NULL ? address : "";
    r->uri = uri != NULL ? uri : "";
    r->path = r->query = "";
    if (listener == NULL || (strcmp(listener, "admin") != 0 && strcmp(listener, "agent") != 0)) {
        log_error("nginx did not say which listener this is (fastcgi_param MUSTER_LISTENER)");
        reply_problem(r, PROBLEM_INTERNAL, "The web server in front is not set up right.");
        return false;
    }
    r->listener = strcmp(listener, "admin") == 0 ? HTTP_ADMIN : HTTP_AGENT;
    struct span path, query;
    uri_split(r->uri, &path, &query);
    r->query = query.ptr; /* up to the end of the string */
    int rc = uri_path_decode(path, r->arena, &r->path, &err);
    if (rc == 0)
        rc = uri_query_parse(query, r->arena, &x->query, &x->query_count, &err);
    if (rc != 0)
        reply_problem(r, PROBLEM_BAD_REQUEST, err.msg);
    return rc == 0;
}

static bool route_set(struct req *r)
{
    const char *allow = NULL;
    r->route = route_find(r, &allow);
    if (r->route != NULL)
        return true;
    if (allow != NULL) {
        reply_header(r, "Allow", allow);
        reply_problem(r, PROBLEM_METHOD_NOT_ALLOWED, "See the header Allow.");
    } else {
        reply_problem(r, PROBLEM_NOT_FOUND, NULL);
    }
    return false;
}

/* A signed-in person who tries what they may not leaves a trace; strangers are counted by auth and fleet. */
static void denial_record(struct req *r, const char *action)
{
    auth_denied(r, r->principal.id, action, r->route->path, NULL);
}

static enum role least_role(enum permission permission)
{
    return permission == PERMISSION_VIEWER     ? ROLE_VIEWER
           : permission == PERMISSION_OPERATOR ? ROLE_OPERATOR
                                               : ROLE_ADMIN;
}

/* A person's token does what it was made for. */
static bool scope_given(struct req *r)
{
    const struct principal *p = &r->principal;
    if (p->credential != CREDENTIAL_ACCESS_TOKEN ||
        (r->route->scope != SCOPE_NONE && (p->scopes & 1U << r->route->scope) != 0))
        return true;
    denial_record(r, "request.scope");
    if (r->route->scope != SCOPE_NONE)
        reply_header(r, "WWW-Authenticate",
                     arena_printf(r->arena, "Bearer realm=\"muster\", error=\"insufficient_scope\", scope=\"%s\"",
                                  scope_name(r->route->scope)));
    reply_problem(r, PROBLEM_FORBIDDEN,
                  r->route->scope == SCOPE_NONE ? "No access token may do this; sign in."
                                                : arena_printf(r->arena, "The access token lacks the scope \"%s\".",
                                                               scope_name(r->route->scope)));
    return false;
}

/* Where a second factor is required of all, one without any does nothing but set one up. */
static bool enrolled(struct req *r)
{
    static const char own[] = "/api/auth/";
    struct policy policy;
    if (r->principal.has_factor || strncmp(r->route->path, own, sizeof own - 1) == 0)
        return true;
    policy_get(r->app, r->db, &policy);
    if (!policy.mfa_required)
        return true;
    reply_problem(r, PROBLEM_MFA_ENROLMENT_REQUIRED,
                  "This server asks everybody for a second factor; set one up under \"My account\".");
    return false;
}

/* A session lives for days; what only admins may do is for one who signed in today. */
static bool signed_in_lately(struct req *r)
{
    bool reads = r->method == HTTP_GET || r->method == HTTP_HEAD;
    if (reads || r->route->permission != PERMISSION_ADMIN || r->principal.credential == CREDENTIAL_ACCESS_TOKEN ||
        r->now_ms - r->principal.authenticated_ms <= ADMIN_ACT_MS)
        return true;
    reply_problem(r, PROBLEM_REAUTHENTICATE, "Sign in again: it is more than twelve hours ago.");
    return false;
}

static bool permitted(struct req *r)
{
    switch (r->route->permission) {
    case PERMISSION_PUBLIC:
    case PERMISSION_SIGNED: return true;
    case PERMISSION_AGENT: return fleet_authenticate(r) == 0;
    case PERMISSION_VIEWER:
    case PERMISSION_OPERATOR:
    case PERMISSION_ADMIN: break;
    case PERMISSION_UNSTATED: reply_problem(r, PROBLEM_INTERNAL, NULL); return false;
    }
    if (auth_authenticate(r) != 0)
        return false;
    if (r->principal.kind != PRINCIPAL_USER || r->principal.role < least_role(r->route->permission)) {
        denial_record(r, "request.role");
        reply_problem(r, PROBLEM_FORBIDDEN, "Your role does not allow this; ask an admin.");
        return false;
    }
    return scope_given(r) && enrolled(r) && signed_in_lately(r);
}

static bool csrf_passed(struct req *r)
{
    if (csrf_check(r))
        return true;
    if (r->principal.kind == PRINCIPAL_USER)
        denial_record(r, "request.csrf");
    return false;
}

static void handle(struct http_exchange *x)
{
    struct req *r = &x->req;
    r->route->handler(r);
    if (x->reply.status == 0 && !x->park.wanted && !x->place.waits) {
        log_error("%s gave no reply", r->route->path);
        reply_problem(r, PROBLEM_INTERNAL, NULL);
    }
}

void exchange_dispatch(struct http_exchange *x)
{
    struct req *r = &x->req;
    r->now_ms = clock_now_ms(r->app->clock);
    r->request_id = request_id(r);
    log_request_id(r->request_id);
    if (!request_read(x) || !route_set(r) || !permitted(r) || !csrf_passed(r) || !body_read(x, r->route->body_max) ||
        !stepup_passed(r))
        return;
    handle(x);
}

void exchange_dispatch_again(struct http_exchange *x)
{
    x->req.now_ms = clock_now_ms(x->req.app->clock);
    log_request_id(x->req.request_id);
    handle(x);
}

/* nginx has the access log; here stand the acts of people and what went wrong. Agents' routine is debug: at
 * thousands a second it would drown both. "Come again later" is no accident. */
static void log_request(const struct req *r, int status)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other"};
    bool reads = r->method == HTTP_GET || r->method == HTTP_HEAD;
    bool routine = reads || (r->route != NULL &&
                             (r->route->permission == PERMISSION_AGENT || r->route->permission == PERMISSION_SIGNED));
    enum log_level level = status == 503               ? LOG_WARNING
                           : status >= 500             ? LOG_ERROR
                           : status >= 400 || !routine ? LOG_INFO
                                                       : LOG_DEBUG;
    const char *who = r->principal.kind == PRINCIPAL_USER    ? "user:"
                      : r->principal.kind == PRINCIPAL_AGENT ? "agent:"
                                                             : r->remote_addr;
    log_at(level, "%s %s %d %s%s%s%s", names[r->method], r->path, status, who,
           r->principal.kind != PRINCIPAL_NONE && r->principal.id != NULL ? r->principal.id : "",
           r->principal.token_id != NULL ? " token:" : "", r->principal.token_id != NULL ? r->principal.token_id : "");
}

/* Has nginx break the client's connection off, so that nobody takes the part for the whole. A connection that ends
 * without FastCGI's last record is a whole reply to it once the head was read; what is no record at all is none. */
static void break_off(struct http_exchange *x)
{
    static const unsigned char no_record[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    (void)FCGX_FFlush(x->fcgi.out);
    (void)send(x->fcgi.ipcFd, no_record, sizeof no_record, MSG_NOSIGNAL);
    (void)shutdown(x->fcgi.ipcFd, SHUT_RDWR);
}

static void send_chunks(struct http_exchange *x)
{
    struct buf out;
    struct err err = {0};
    int rc = 1;
    buf_init(&out, REPLY_CHUNK_MAX);
    blocking_begin();
    while (rc > 0) {
        buf_clear(&out);
        rc = x->reply.chunk(&x->req, x->reply.chunk_ctx, &out, &err);
        if (rc >= 0 && !buf_ok(&out))
            rc = err_set(&err, ERR_TOO_BIG, "a part of more than %d bytes", REPLY_CHUNK_MAX);
        if (rc >= 0 && out.len > 0 && FCGX_PutStr(out.data, (int)out.len, x->fcgi.out) < 0)
            break; /* the client has gone */
    }
    blocking_end();
    buf_done(&out);
    if (rc >= 0)
        return;
    log_error("a reply was broken off: %s", err.msg);
    break_off(x);
}

static void send_reply(struct http_exchange *x)
{
    struct req *r = &x->req;
    if (x->reply.broken) {
        x->reply.header_count = 0;
        reply_problem(r, PROBLEM_INTERNAL, NULL);
    }
    size_t len;
    const char *head = reply_head(x, &len);
    if (head == NULL) {
        static const char minimal[] = "Status: 500\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\r\n";
        x->reply.status = 500;
        x->reply.len = 0;
        x->reply.chunk = NULL;
        head = minimal;
        len = sizeof minimal - 1;
    }
    /* A write fails when the client has gone; there is nobody left to tell. */
    (void)FCGX_PutStr(head, (int)len, x->fcgi.out);
    if (r->method == HTTP_HEAD)
        return;
    if (x->reply.chunk != NULL)
        send_chunks(x);
    else if (x->reply.len > 0)
        (void)FCGX_PutStr(x->reply.body, (int)x->reply.len, x->fcgi.out);
}

static void exchange_reset(struct http_exchange *x)
{
    struct app *app = x->req.app;
    struct db *db = x->req.db;
    arena_reset(x->arena);
    x->req = (struct req){.app = app, .arena = x->arena, .db = db, .exchange = x};
    x->reply = (struct reply){0};
    x->stream = STREAM_NONE;
    x->park.wanted = false;
    x->place = (struct line_place){0};
    x->query = NULL;
    x->query_count = 0;
    x->body_read = false;
    log_request_id(NULL);
}

void exchange_drop(struct http_exchange *x)
{
    FCGX_Detach(&x->fcgi);
    FCGX_Finish_r(&x->fcgi);
    exchange_reset(x);
}

bool exchange_conclude(struct http_exchange *x)
{
    struct req *r = &x->req;
    if (x->park.wanted) {
        log_request_id(NULL);
        park_commit(r->app->park, x);
        return true;
    }
    body_drain(x);
    if (x->stream == STREAM_NONE)
        send_reply(x);
    else
        stream_finish(r);
    http_stats_count(r->app->stats, r->route, x->reply.status);
    log_request(r, x->reply.status);
    exchange_drop(x); /* detached: else libfcgi waits up to two seconds for nginx to close first */
    return false;
}

struct http_exchange *exchange_new(struct app *app, int listen_fd)
{
    struct http_exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->fcgi.ipcFd = -1; /* not 0, which is somebody's */
    x->arena = arena_new(EXCHANGE_ARENA_BYTES);
    if (x->arena == NULL || FCGX_InitRequest(&x->fcgi, listen_fd, 0) != 0) {
        exchange_free(x);
        return NULL;
    }
    x->fcgi.ipcFd = -1;
    x->req.app = app;
    exchange_reset(x);
    return x;
}

void exchange_free(struct http_exchange *x)
{
    if (x == NULL)
        return;
    FCGX_Detach(&x->fcgi);
    FCGX_Free(&x->fcgi, 1);
    arena_free(x->arena);
    free(x);
}
