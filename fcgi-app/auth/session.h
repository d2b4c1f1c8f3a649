/* session.h: signed-in people. The cookie's value is 256 random bits; the database keeps its SHA-256, so that a copy of
 * the database signs nobody in. A session ends when it was idle for MUSTER_SESSION_IDLE (to the minute),
 * MUSTER_SESSION_MAX after sign-in, at sign-out, and when the password changes. */
#ifndef MUSTER_AUTH_SESSION_H
#define MUSTER_AUTH_SESSION_H

#include "http/request.h"

enum { SESSION_TOKEN_SIZE = 44 };

extern const char session_cookie_name[];

/* Signs the user in: a new session, whatever cookie came with the request (that one ends), the audit row and the
 * cookie. *ret_csrf_token lives in the arena. */
struct session_user {
    const char *id;
    const char *email;
    enum role role;
    const char *method; /* password, totp, backup-code, passkey, device: what the session stands on */
};
int session_begin(struct req *r, const struct session_user *user, const char **ret_csrf_token,
                  struct err *err) MUSTER_NODISCARD;

/* Ends the session the request came with, and takes the cookie back. */
int session_end(struct req *r, struct err *err) MUSTER_NODISCARD;

#endif
