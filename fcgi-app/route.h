/* route.h: the one table of routes.
 *
 * A route without a stated permission does not start the server. 404, 405, the OpenAPI test and the permission test
 * derive from this table. */
#ifndef MUSTER_ROUTE_H
#define MUSTER_ROUTE_H

#include <stddef.h>

#include "http/request.h"

enum permission {
    PERMISSION_UNSTATED, /* 0: refused at start */
    PERMISSION_PUBLIC,
    PERMISSION_AGENT,  /* a valid API key */
    PERMISSION_SIGNED, /* the handler verifies the URL's signature */
    PERMISSION_VIEWER, /* a session of at least this role … */
    PERMISSION_OPERATOR,
    PERMISSION_ADMIN,
};

/* What a personal access token must have been given to use the route. NONE: no token may, only people themselves. */
enum scope {
    SCOPE_NONE,
    SCOPE_READ,    /* see what its owner sees */
    SCOPE_FLEET,   /* change agents, answer alerts */
    SCOPE_ENROL,   /* mint what hosts join with */
    SCOPE_BACKUP,  /* configs, runs, what is kept */
    SCOPE_RESTORE, /* have hosts restore */
    SCOPE_ROLLOUT, /* publish, update, roll back */
    SCOPE_COUNT
};
const char *scope_name(enum scope scope); /* "read" …; "" for NONE */
enum scope scope_parse(const char *name); /* NONE when it is none */
/* The role that a token's owner needs to be given the scope. A route of it may ask for less, and for more. */
enum permission scope_permission(enum scope scope);

/* Whether a session has to show a factor again for this act on this target (auth/stepup.h). A token does not: its scope
 * was given by somebody who did. */
enum step {
    STEP_NONE,
    STEP_FRESH, /* within the last ten minutes */
    STEP_ONCE,  /* for each time: what is destroyed stays so */
};

enum csrf { CSRF_NONE, CSRF_TOKEN, CSRF_ORIGIN }; /* ORIGIN: the Origin header only, for sign-in */

typedef void handler_fn(struct req *r);

struct route {
    enum http_method method;
    const char *path; /* "/api/agents/{id}"; a last segment "{path...}" takes the rest */
    enum http_listener listener;
    enum permission permission;
    enum csrf csrf;
    size_t body_max;    /* 0: a body is refused */
    const char *schema; /* name of the request schema in docs/openapi.yaml; NULL: no body */
    enum scope scope;
    enum step step;
    handler_fn *handler;
};

extern const struct route routes[]; /* ended by an entry without a path */

/* The route for a request, with params filled in. NULL: *ret_allow is NULL (404) or the Allow header (405). */
const struct route *route_find(struct req *r, const char **ret_allow);

/* Checks the table; called at start. */
int route_check(struct err *err) MUSTER_NODISCARD;

#endif
