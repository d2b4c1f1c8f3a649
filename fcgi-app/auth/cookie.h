/* cookie.h: the cookies of people: one of a session, one of a sign-in that awaits a second factor, one of a trusted
 * browser. Each value is 256 random bits of its own kind; the database keeps SHA-256 of it, so that a copy of the
 * database signs nobody in. All are __Host-, Secure, HttpOnly and SameSite=Strict. */
#ifndef MUSTER_AUTH_COOKIE_H
#define MUSTER_AUTH_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/digest.h"
#include "http/request.h"

enum { COOKIE_TOKEN_SIZE = 44 };

extern const char cookie_session[]; /* __Host-muster */
extern const char cookie_signin[];  /* __Host-muster-signin */
extern const char cookie_device[];  /* __Host-muster-device */

/* A fresh value, base64url. False when the system gives no random bytes. Wipe it after use. */
bool cookie_token_new(char ret[COOKIE_TOKEN_SIZE]);

/* The hash of the request's cookie; false when there is none of our form. */
bool cookie_hash(const struct req *r, const char *name, char ret[DIGEST_HEX_SIZE]);

/* The same of a value that came in a body. */
bool cookie_token_hash(const char *token, char ret[DIGEST_HEX_SIZE]);

/* Adds it to the reply. Value "" and age 0 take it back. */
void cookie_set(struct req *r, const char *name, const char *value, int64_t max_age_s);

#endif
