#include "route.h"

#include <string.h>

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

static const struct {
    const char *name;
    enum permission permission;
} scopes[SCOPE_COUNT] = {
    [SCOPE_NONE] = {"", PERMISSION_UNSTATED},           [SCOPE_READ] = {"read", PERMISSION_VIEWER},
    [SCOPE_FLEET] = {"fleet", PERMISSION_OPERATOR},     [SCOPE_ENROL] = {"enrol", PERMISSION_OPERATOR},
    [SCOPE_BACKUP] = {"backup", PERMISSION_OPERATOR},   [SCOPE_RESTORE] = {"restore", PERMISSION_OPERATOR},
    [SCOPE_ROLLOUT] = {"rollout", PERMISSION_OPERATOR},
};

const char *scope_name(enum scope scope)
{
    return (unsigned)scope < SCOPE_COUNT ? scopes[scope].name : "";
}

enum permission scope_permission(enum scope scope)
{
    return (unsigned)scope < SCOPE_COUNT ? scopes[scope].permission : PERMISSION_UNSTATED;
}

enum scope scope_parse(const char *name)
{
    for (unsigned i = SCOPE_READ; i < SCOPE_COUNT; i++)
        if (strcmp(scopes[i].name, name) == 0)
            return (enum scope)i;
    return SCOPE_NONE;
}

static bool is_rest(struct span segment)
{
    return segment.len > 5 && segment.ptr[0] == '{' && memcmp(segment.ptr + segment.len - 4, "...}", 4) == 0;
}

/* Compares a pattern with a canonical path, segment by segment; params get spans of path. */
static bool matches(const char *pattern, const char *path, struct span params[REQ_PARAMS_MAX], size_t *ret_count)
{
    struct cursor want, have;
    struct span want_segment, have_segment;
    cursor_init(&want, span_of(pattern + 1));
    cursor_init(&have, span_of(path + 1));
    size_t count = 0;
    while (cursor_field(&want, '/', &want_segment)) {
        const char *at = have.at;
        if (!cursor_field(&have, '/', &have_segment))
            return false;
        if (want_segment.len > 0 && want_segment.ptr[0] == '{') {
            bool rest = is_rest(want_segment);
            if (have_segment.len == 0)
                return false;
            params[count++] = rest ? (struct span){at, (size_t)(have.end - at)} : have_segment;
            if (rest) {
                *ret_count = count;
                return true;
            }
        } else if (want_segment.len != have_segment.len ||
                   memcmp(want_segment.ptr, have_segment.ptr, want_segment.len) != 0) {
            return false;
        }
    }
    *ret_count = count;
    return cursor_done(&have) && path[strlen(path) - 1] != '/';
}

/* A HEAD is answered by the GET route unless it has one of its own. */
static bool method_fits(const struct route *route, enum http_method method)
{
    return route->method == method || (method == HTTP_HEAD && route->method == HTTP_GET);
}

static const char *allow_add(struct req *r, const char *allow, enum http_method method)
{
    const char *name = method == HTTP_GET ? "GET, HEAD" : method_names[method];
    if (allow != NULL && strstr(allow, method_names[method]) != NULL)
        return allow;
    return allow == NULL ? name : arena_printf(r->arena, "%s, %s", allow, name);
}

const struct route *route_find(struct req *r, const char **ret_allow)
{
    const char *allow = NULL;
    *ret_allow = NULL;
    if (r->path[0] != '/')
        return NULL;
    for (const struct route *route = routes; route->path != NULL; route++) {
        struct span params[REQ_PARAMS_MAX];
        size_t count = 0;
        if ((route->listener & r->listener) == 0 || !matches(route->path, r->path, params, &count))
            continue;
        if (!method_fits(route, r->method)) {
            allow = allow_add(r, allow, route->method);
            continue;
        }
        for (size_t i = 0; i < count; i++)
            r->params[i] = arena_strndup(r->arena, params[i].ptr, params[i].len);
        for (size_t i = 0; i < count; i++)
            if (r->params[i] == NULL)
                return NULL; /* no memory: as if it were not there */
        return route;
    }
    *ret_allow = allow;
    return NULL;
}

static const char *fault(const struct route *route)
{
    bool reads = route->method == HTTP_GET || route->method == HTTP_HEAD;
    size_t params = 0;
    for (const char *p = route->path; *p != '\0'; p++)
        params += *p == '{';
    if (route->path[0] != '/' || route->handler == NULL || route->method >= HTTP_OTHER)
        return "path, method or handler is missing";
    if (route->permission == PERMISSION_UNSTATED || route->permission > PERMISSION_ADMIN)
        return "no permission is stated";
    if ((route->listener & HTTP_BOTH) == 0)
        return "no listener is stated";
    if (params > REQ_PARAMS_MAX)
        return "too many parameters";
    if (!reads && route->permission >= PERMISSION_VIEWER && route->csrf != CSRF_TOKEN)
        return "a session may change something without a CSRF token";
    if (route->permission < PERMISSION_VIEWER && (route->scope != SCOPE_NONE || route->step != STEP_NONE))
        return "a scope or a step-up where nobody signs in";
    if (reads && route->body_max != 0)
        return "a reading method takes no body";
    if (route->schema != NULL && route->body_max == 0)
        return "a schema without a body";
    return NULL;
}

int route_check(struct err *err)
{
    for (const struct route *route = routes; route->path != NULL; route++) {
        const char *why = fault(route);
        if (why != NULL)
            return err_set(err, ERR_INTERNAL, "route %s: %s", route->path, why);
        for (const struct route *other = routes; other != route; other++)
            if (other->method == route->method && (other->listener & route->listener) != 0 &&
                strcmp(other->path, route->path) == 0)
                return err_set(err, ERR_INTERNAL, "route %s stands twice", route->path);
    }
    return 0;
}
