/* auth.h: people: sign-in, sessions, users; and the trail of what was done. The one header other parts include, beside
 * audit.h, secrets.h, digest.h and principal.h. */
#ifndef MUSTER_AUTH_AUTH_H
#define MUSTER_AUTH_AUTH_H

#include <stdbool.h>

#include "auth/login_limits.h"
#include "auth/principal.h"
#include "common/cli.h"
#include "common/uuid.h"
#include "db/db.h"

struct app;
struct audit_key;
struct req;

/* Fills r->principal from the session cookie or the token. 0, or a negative code with the reply (401, 503) set. The
 * caller compares the role with the route's permission and checks the CSRF token. */
int auth_authenticate(struct req *r) MUSTER_NODISCARD;

/* Every second, on a thread of its own: writes counted failures, deletes sessions that are over. */
void auth_tick(struct app *app);

/* Writes every counted failure, at the end of a drain. */
void auth_flush(struct app *app);

/* Handlers */
void auth_login(struct req *r);
void auth_logout(struct req *r);
void auth_session(struct req *r);
void auth_step_up(struct req *r);

void auth_mfa_verify(struct req *r);
void auth_session_list(struct req *r);
void auth_session_revoke(struct req *r);
void auth_session_revoke_others(struct req *r);
void auth_device_list(struct req *r);
void auth_device_revoke(struct req *r);
void auth_device_revoke_all(struct req *r);
void auth_password(struct req *r);

/* Inside a write closure: everything that signs this user in by itself is over: sessions of either kind (but the one
 * named keep_session_id, when it is not NULL), half-made sign-ins, step-ups, trusted devices. Not audited: the act it
 * is part of is. */
int auth_sign_out_everywhere(struct db *db, const char *user_id, const char *keep_session_id,
                             struct err *err) MUSTER_NODISCARD;

/* Writes the audit row of something that a known person was refused, in a write of its own; counted by source and
 * minute instead when they do not stop (login_limits.h). who: the user's id. detail: a JSON object or NULL. */
void auth_denied(struct req *r, const char *who, const char *action, const char *target, const char *detail);

/* Adds a person, inside a write closure; audited there. Invitations of the same address are void from then on.
 * ERR_INVALID: not an e-mail address or not a hash of password.h; ERR_CONFLICT: the address is taken. */
struct auth_user_new {
    const char *email;
    const char *name; /* NULL: none */
    enum role role;
    const char *password_hash;
    const char *actor; /* for the audit trail */
    int64_t now_ms;
};
int auth_user_create(struct db *db, const struct audit_key *key, const struct auth_user_new *user,
                     char ret_id[UUID_SIZE], struct err *err) MUSTER_NODISCARD;

/* Whether anyone who is not disabled has the role admin. */
int auth_admin_exists(struct db *db, bool *ret, struct err *err) MUSTER_NODISCARD;

/* The id of the admin who was there first, who owns what the command line makes. ERR_NOT_FOUND when there is none. */
int auth_first_admin(struct db *db, char ret_id[UUID_SIZE], struct err *err) MUSTER_NODISCARD;

#endif
