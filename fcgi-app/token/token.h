/* token.h: what programs sign in with. The one header of this area that others include.
 *
 * There are two kinds, both sent as "Authorization: Bearer …"; a cookie beside it is refused (400), so that a request
 * never speaks for two people.
 *
 * - A program that signs in as a person does (password, second factor) gets an ACCESS TOKEN, a JWT of 30 minutes, and
 *   a REFRESH TOKEN, which gets the next pair. Both belong to a row of sessions of kind "token", which is looked up at
 *   every request: when it is deleted, both are over at once. The session lives for 7 days from the sign-in (or
 *   MUSTER_SESSION_MAX, if that is less), however often it is refreshed; there is no shorter idle time. The JWT
 *   (access.h) is HS256 and nothing else: only this server reads it, so there is no key that anybody else needs; with
 *   no public key and no second algorithm there is nothing to confuse.
 * - A PERSONAL ACCESS TOKEN "mpt_…" is made by a person for a script: it has scopes (route.h) and an end, is stored as
 *   SHA-256 and shown once. It may do what its scopes say and its owner's role allows at that moment, never more, and
 *   dies with its owner's account. It has no session, so no step-up is asked of it: whoever made it has shown a factor.
 *
 * Refresh tokens are a chain (refresh.h): a lost reply locks nobody out, a stolen token ends the family. */
#ifndef MUSTER_TOKEN_TOKEN_H
#define MUSTER_TOKEN_TOKEN_H

#include <jansson.h>

#include "auth/session.h"
#include "common/cli.h"
#include "common/err.h"

struct app;
struct req;

/* Whether the request comes with an Authorization header: then it is token_authenticate's. */
bool token_presented(const struct req *r);

/* Fills r->principal from the header. 0, or a negative code with the reply (400, 401, 500, 503) set. Refused tokens are
 * counted as "token.refused", expired access tokens of ours are not: that is everyday life. Writes the last use at most
 * once a minute. */
int token_authenticate(struct req *r) MUSTER_NODISCARD;

/* Signs the user in as a program: a new session of kind token, its first pair, the audit row "auth.login". *ret, which
 * the caller owns, is {accessToken, expiresIn, refreshToken, refreshExpiresIn}, times in seconds. Blocks for a write.
 */
int token_begin(struct req *r, const struct session_user *user, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* Called every few seconds, works once a minute: a new signing key when the newest is old, the end of keys that no
 * valid token is signed with, of tokens and of families that are over. For one thread; schedule begins as zeros. */
struct token_schedule {
    int64_t due_ms;
};
void token_tick(struct app *app, struct token_schedule *schedule);

/* Handlers */
void token_refresh(struct req *r);
void token_list(struct req *r);
void token_create(struct req *r);
void token_revoke(struct req *r);

/* Commands */
extern const char token_rotate_details[];
extern const struct cli_option token_rotate_options[];
int token_command_rotate_keys(const struct cli_args *args, void *ctx);

#endif
