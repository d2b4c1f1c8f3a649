/* passkey.h: signing in, and showing once more that one is there, with a passkey (WebAuthn). The one header other parts
 * include.
 *
 * The server hands out a challenge, the authenticator signs it, and passkey_verify judges the answer. A challenge is
 * good once and for CHALLENGE_MS, for one purpose, one person and whoever asked for it. */
#ifndef MUSTER_PASSKEY_PASSKEY_H
#define MUSTER_PASSKEY_PASSKEY_H

#include <jansson.h>

#include "auth/users.h"
#include "common/jsonread.h"
#include "http/request.h"

enum { PASSKEY_CHALLENGE_MS = 5 * 60 * 1000 };

enum passkey_purpose {
    PASSKEY_REGISTER, /* a new passkey */
    PASSKEY_SIGNIN,   /* instead of a password: the authenticator has to verify the person */
    PASSKEY_FACTOR,   /* after the password */
    PASSKEY_STEPUP,   /* for an act of one who is signed in */
};

struct passkey_ask {
    enum passkey_purpose purpose;
    const char *user_id;  /* "" for PASSKEY_SIGNIN: whoever has the passkey */
    const char *bound_to; /* the session's id, or the hash of the token of the sign-in that is under way */
};

/* A fresh challenge, with the options that a page hands to navigator.credentials.get (PublicKeyCredentialRequestOptions
 * as JSON, bytes in base64url). Ends the challenge that the same person and asker had for the same purpose. Not for
 * PASSKEY_REGISTER. ERR_NOT_FOUND: the person has no passkey. Blocks for a write, but for PASSKEY_SIGNIN. */
int passkey_challenge(struct req *r, const struct passkey_ask *ask, json_t **ret_options,
                      struct err *err) MUSTER_NODISCARD;

/* Whose passkey it was. */
struct passkey_owner {
    char user_id[UUID_SIZE];
    char passkey_id[UUID_SIZE];
    char email[USER_EMAIL_MAX + 1];
    enum role role;
};

/* Judges the answer to a challenge: a PublicKeyCredential as JSON ({id, type, response: {clientDataJSON,
 * authenticatorData, signature, userHandle}}). The challenge is used up, right or wrong; that of
 * PASSKEY_SIGNIN by a right answer alone, so that a stranger makes us write nothing. ERR_DENIED: no, whatever the
 * reason: not this challenge, an unknown passkey, somebody else's, a wrong signature, a counter that went back (which
 * raises an alert), an account that is disabled. ERR_INVALID: it has not the shape. A failure is in
 * the audit trail ("auth.passkey"), a stranger's counted. Blocks for a write. */
int passkey_verify(struct req *r, const struct passkey_ask *ask, const struct jsonread *credential,
                   struct passkey_owner *ret, struct err *err) MUSTER_NODISCARD;

/* Handlers */
void passkey_ask_challenge(struct req *r);
void passkey_login(struct req *r);
void passkey_options(struct req *r);
void passkey_add(struct req *r);
void passkey_list(struct req *r);
void passkey_rename(struct req *r);
void passkey_delete(struct req *r);

#endif
