/* prove.h: the ways for a person to prove that it is them. Every route that takes a password or a factor does so
 * through here, so that the limits hold on all of them. */
#ifndef MUSTER_AUTH_PROVE_H
#define MUSTER_AUTH_PROVE_H

#include <stdbool.h>

#include "auth/users.h"
#include "http/request.h"
#include "passkey/passkey.h"

/* Checks the password of an account: exactly one Argon2 computation, whatever the address turns out to be, within the
 * limits of login_limits.h. True with *ret filled in (wipe its password_hash); false after the reply was set: 401 for
 * an unknown address, a disabled account and a wrong password alike; 429; 503. Blocks for the hash. */
bool password_proven(struct req *r, const char *email, const char *password, struct user *ret);

/* Whether this account has signed in from this address within the last ninety days; when it cannot be told, it has not.
 */
bool password_at_home(struct req *r, const char *email);

/* The one who is signed in types their own password. False after the reply was set: 403 proof-wrong, which leaves a row
 * in the audit trail; 429, also while another request of theirs is here; 503. Blocks for the hash. */
bool own_password_proven(struct req *r, const char *password);

/* What a body may hold to prove it with; NULL or false what is not given. */
struct proof {
    const char *password;
    const char *code;
    bool has_passkey;
    struct jsonread passkey;
};
void proof_read(struct jsonread *body, struct proof *ret);

/* Judges the second factor in a proof: a code, or the answer to a passkey's challenge for this purpose and asker. All
 * but RIGHT have set the reply. Blocks for a write. */
enum factor_verdict {
    FACTOR_WRONG,
    FACTOR_UNJUDGED, /* not given, used before, too many tries, or no way to tell just now: no guess was made */
    FACTOR_RIGHT,
};
struct factor_right {
    const char *method; /* totp, backup-code, passkey */
    int codes_left;     /* -1: no backup code was used */
};
enum factor_verdict factor_judge(struct req *r, const struct passkey_ask *asker, const struct proof *proof,
                                 struct factor_right *ret);

/* The one who is signed in proves it again: with a second factor when there is one, else with the password. *ret_method
 * then says how. False after the reply was set: 403 proof-wrong, code-repeated, backup-code-required; 422, 429, 503.
 * Blocks. */
bool proven_again(struct req *r, const struct proof *proof, const char **ret_method);

#endif
