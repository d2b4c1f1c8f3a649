/* session.h: signed-in people. The cookie's value is a secret of its own (cookie.h). A browser's session ends when it
 * was idle for MUSTER_SESSION_IDLE (to the minute), MUSTER_SESSION_MAX after sign-in, at sign-out, when it is revoked,
 * and when the password changes. A program's (kind "token": id_hash is "sid:" and its id) is token/'s to judge. */
#ifndef MUSTER_AUTH_SESSION_H
#define MUSTER_AUTH_SESSION_H

#include "db/db.h"
#include "http/request.h"

/* Where a person signs in from is known for so long, and so many addresses of each. */
enum { SESSION_ADDRESS_DAYS = 90, SESSION_ADDRESSES_MAX = 10 };

/* Who signs in, and what the sign-in stands on. */
struct session_user {
    const char *id;
    const char *email;
    enum role role;
    const char *method;        /* password, totp, backup-code, passkey, device */
    const char *password_hash; /* what the password was compared with, in this very request; NULL: it was not */
    const char *passkey_id;    /* what they came by instead of a password; NULL: nothing of the kind */
    const char *signin_hash;   /* the partial session that this completes; NULL: none */
    const char *address;       /* where from: it is known for theirs from now on; NULL: not known */
};

/* Inside the write closure that makes a session of either kind: uses up the partial session and notes the sign-in.
 * ERR_DENIED when the person may not sign in after all: disabled or deleted meanwhile, another password or
 * without that passkey since, or another request has completed the same partial session. */
int session_admit(struct db *db, const struct session_user *user, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

/* Signs the user in: a new session, whatever cookie came with the request (that one ends), the audit row and the
 * cookie. *ret_csrf_token lives in the arena. ERR_DENIED as session_admit. */
int session_begin(struct req *r, const struct session_user *user, const char **ret_csrf_token,
                  struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: one session with everything that hangs on it (step-ups, refresh tokens, challenges, a factor
 * that it has set up and not enabled). Of whatever user and kind. ERR_NOT_FOUND when there is none of this id. */
int session_delete(struct db *db, const char *session_id, struct err *err) MUSTER_NODISCARD;

/* The same for all sessions of a user but the one named keep_id (NULL: none is kept). */
int session_delete_others(struct db *db, const char *user_id, const char *keep_id, int64_t *ret_count,
                          struct err *err) MUSTER_NODISCARD;

/* Notes that a session of either kind was used, once a minute: reading pages must not cost a write each. Logs its own
 * failure, which is no reason to refuse a request. Blocks when it writes. */
void session_touch(struct req *r, const char *id_hash, int64_t last_used_ms);

/* Ends the session the request came with, and takes the cookie back. */
int session_end(struct req *r, struct err *err) MUSTER_NODISCARD;

/* The User-Agent header as text that can be stored and shown: printable ASCII, cut. In the arena; NULL: no memory. */
const char *session_user_agent(struct req *r);

#endif
