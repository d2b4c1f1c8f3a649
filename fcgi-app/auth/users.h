/* users.h: the people in the database. */
#ifndef MUSTER_AUTH_USERS_H
#define MUSTER_AUTH_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/audit.h"
#include "auth/password.h"
#include "auth/principal.h"
#include "common/uuid.h"
#include "db/db.h"

enum { USER_EMAIL_MAX = 254 };

struct user {
    char id[UUID_SIZE];
    char email[USER_EMAIL_MAX + 1];
    enum role role;
    char password_hash[PASSWORD_HASH_SIZE];
    bool disabled; /* or deleted */
};

/* Lower-cases (ASCII) into ret. False when it is no address we take: one '@' with something on both sides, no blanks,
 * quotes, control or invisible characters, UTF-8, at most USER_EMAIL_MAX bytes. */
bool user_email_key(const char *email, char ret[USER_EMAIL_MAX + 1]);

/* ERR_NOT_FOUND; also for what is no e-mail address at all. */
int user_by_email(struct db *db, const char *email, struct user *ret, struct err *err) MUSTER_NODISCARD;
int user_by_id(struct db *db, const char *id, struct user *ret, struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: sets the hash and ends every session, sign-in and trusted device of the user, but for the
 * session named keep_session_id; audited. */
struct user_password {
    const char *user_id;
    const char *password_hash;
    const char *actor;
    int64_t now_ms;
    const char *keep_session_id; /* NULL: none */
    const char *address;         /* of the request it came with; NULL: none did */
    const char *request_id;
};
int user_set_password(struct db *db, const struct audit_key *key, const struct user_password *change,
                      struct err *err) MUSTER_NODISCARD;

#endif
