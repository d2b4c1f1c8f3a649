/* principal.h: who asks, and what they may. */
#ifndef MUSTER_AUTH_PRINCIPAL_H
#define MUSTER_AUTH_PRINCIPAL_H

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN }; /* each may all that the one before may */

enum principal_kind { PRINCIPAL_NONE, PRINCIPAL_USER, PRINCIPAL_AGENT };

struct principal {
    enum principal_kind kind;
    enum role role;         /* of a user */
    const char *id;         /* user or agent id */
    const char *email;      /* of a user */
    const char *owner_id;   /* of an agent: the user it belongs to */
    const char *csrf_token; /* of a user's session */
    const char *session_hash;
    void *presence; /* of an agent: struct presence_entry of fleet/, held for the request */
};

/* "viewer" … ; ROLE_NONE when it is none. */
enum role role_parse(const char *name);
const char *role_name(enum role role);

#endif
