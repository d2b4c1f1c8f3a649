/* signin.h: signing in, in two stages.
 *
 * The first stage is the password. Who has a second factor then holds a partial session: a row of signins, a cookie or
 * token of its own, good for five minutes and five tries at the second stage and for nothing else: no route of people
 * takes it. The second stage makes the session that counts, under a new id, and the partial one is gone. Each try is
 * counted before it is judged, so that a hundred tries sent at once are five. */
#ifndef MUSTER_AUTH_SIGNIN_H
#define MUSTER_AUTH_SIGNIN_H

#include <stdbool.h>

#include "auth/session.h"
#include "http/request.h"

struct mfa_state;

enum { SIGNIN_MS = 5 * 60 * 1000, SIGNIN_TRIES = 5 };

enum signin_wants { SIGNIN_COOKIE, SIGNIN_TOKEN }; /* what the sign-in ends in: a browser's session or a program's */

/* A partial session. */
struct signin {
    const char *hash; /* its key in the database: what a challenge of its second stage is bound to */
    const char *user_id;
    enum signin_wants wants;
};

/* The partial session the request comes with: that of mfa_token, or of the cookie when that is NULL. In the arena.
 * ERR_NOT_FOUND when there is none in force: over, used, or dead after five wrong tries. Does not count as a try. */
int signin_find(struct req *r, const char *mfa_token, struct signin *ret, struct err *err) MUSTER_NODISCARD;

/* The person is known and proven: makes the session and sets the reply, a cookie and {success, mfaRequired, user,
 * csrfToken} or {success, mfaRequired, user, accessToken, …}. 0, or a negative code with the reply set: 401 when the
 * person may not sign in any more, 503. Blocks for a write. */
int signin_complete(struct req *r, const struct session_user *user, enum signin_wants wants);

/* The same, and what only a second stage has. */
struct signin_extras {
    int codes_left;          /* after a backup code; -1: none was used */
    const char *device_name; /* this browser is trusted under this name; NULL: it is not */
};
int signin_complete_with(struct req *r, const struct session_user *user, enum signin_wants wants,
                         const struct signin_extras *extras);

/* The password was right (user->password_hash is what it was compared with) and a factor is there: a partial session
 * and the reply that says so; 401 when the person may not sign in any more, or has another password since. */
void signin_begin(struct req *r, const struct session_user *user, enum signin_wants wants,
                  const struct mfa_state *factors);

/* {id, email, name, role}; NULL with the story in err: ERR_DENIED when the account is gone. */
json_t *signin_user_json(struct req *r, const char *user_id, struct err *err);

#endif
