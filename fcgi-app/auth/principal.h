/* principal.h: who asks, and what they may. */
#ifndef MUSTER_AUTH_PRINCIPAL_H
#define MUSTER_AUTH_PRINCIPAL_H

#include <stdbool.h>
#include <stdint.h>

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN }; /* each may all that the one before may */

enum principal_kind { PRINCIPAL_NONE, PRINCIPAL_USER, PRINCIPAL_AGENT };

/* What a user came with. */
enum credential { CREDENTIAL_COOKIE, CREDENTIAL_JWT, CREDENTIAL_ACCESS_TOKEN };

struct principal {
    enum principal_kind kind;
    enum credential credential; /* of a user */
    enum role role;             /* of a user */
    const char *id;             /* user or agent id */
    const char *email;          /* of a user */
    const char *owner_id;       /* of an agent: the user it belongs to */
    const char *csrf_token;     /* of a user's session */
    const char *session_id;     /* of a user's session: its public name; NULL with an access token */
    const char *session_hash;   /* of a cookie's session: its key in the database */
    const char *method;         /* of a user's session: what it stands on, "password" … */
    int64_t authenticated_ms;   /* of a user's session: when they signed in */
    bool has_factor;            /* a user who has a second factor set up */
    const char *token_id;       /* of a personal access token; NULL: came otherwise */
    unsigned scopes;            /* of an access token: bit 1 << enum scope each */
    void *presence;             /* of an agent: struct presence_entry of fleet/, held for the request */
};

/* "viewer" … ; ROLE_NONE when it is none. */
enum role role_parse(const char *name);
const char *role_name(enum role role);

#endif
