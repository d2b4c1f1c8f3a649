/* personal.h: personal access tokens: looking one up by what a program sent. */
#ifndef MUSTER_TOKEN_PERSONAL_H
#define MUSTER_TOKEN_PERSONAL_H

#include "auth/audit.h"
#include "common/uuid.h"
#include "db/db.h"
#include "http/request.h"

enum {
    PERSONAL_DAYS = 90,
    PERSONAL_DAYS_MAX = 365,
    PERSONAL_MAX = 50, /* a person's that are in force */
    PERSONAL_NAME_MAX = 100,
    PERSONAL_KEPT_DAYS = 30, /* an expired one is listed that long */
};

/* Fills *ret from a well-formed token and notes the use. ERR_NOT_FOUND when nobody has it, or its owner may nothing any
 * more; ERR_DENIED when it has expired. */
int personal_find(struct req *r, const char *token, struct principal *ret, struct err *err) MUSTER_NODISCARD;

/* A token that its owner has asked for in a session of theirs. */
struct personal_new {
    const struct audit_key *key;
    struct audit_entry audit;
    const char *user_id;
    const char *session_id;
    const char *name;
    const char *hash;
    const char *scopes; /* "read enrol" */
    char id[UUID_SIZE];
    int64_t now_ms;
    int64_t expires_ms;
};

/* A db_write_fn; ctx is a struct personal_new. ERR_CONFLICT: they have PERSONAL_MAX; ERR_DENIED: their session has
 * ended meanwhile, or they may nothing any more. */
int personal_create(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
