/* prove.h: one way for a person to prove that it is them. Every route that takes a password or a factor does so through
 * here, so that the limits hold on all of them. */
#ifndef MUSTER_AUTH_PROVE_H
#define MUSTER_AUTH_PROVE_H

#include <stdbool.h>

#include "auth/users.h"
#include "http/request.h"

/* Checks the password of an account: exactly one Argon2 computation, whatever the address turns out to be, within the
 * limits of login_limits.h. True with *ret filled in (wipe its password_hash); false after the reply was set: 401 for
 * an unknown address, a disabled account and a wrong password alike; 429; 503. Blocks for the hash. */
bool password_proven(struct req *r, const char *email, const char *password, struct user *ret);

/* What a body of such a route may hold; NULL what is not given. */
struct proof {
    const char *password;
};
void proof_read(struct jsonread *body, struct proof *ret);

/* The one who is signed in proves it again: with a second factor when there is one, else with the password. *ret_method
 * then says how. False after the reply was set: 403 proof-wrong, 422, 429, 503. Blocks. */
bool proven_again(struct req *r, const struct proof *proof, const char **ret_method);

#endif
