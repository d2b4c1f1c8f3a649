/* access.h: access tokens as text: a JWT (RFC 7519) made and judged by libjwt, without a database or a clock.
 *
 * Exactly one form is taken: the header has the members alg "HS256", typ "JWT" and kid and no others, compared for
 * equality before any key is looked up or any signature computed; the payload has iss, aud, sub, sid, iat, nbf, exp.
 * Everything else, "none" and every other algorithm among it, is refused as forged. Sizes are bounded before anything
 * is decoded. */
#ifndef MUSTER_TOKEN_ACCESS_H
#define MUSTER_TOKEN_ACCESS_H

#include <stdint.h>

#include "common/err.h"
#include "common/uuid.h"

enum {
    ACCESS_TTL_S = 30 * 60,
    ACCESS_SKEW_S = 5, /* a token may be so far from the future: the clock may have been set back a little */
    ACCESS_MAX = 1024, /* bytes of a token; ours have some 450 */
    ACCESS_KEY_SIZE = 32,
    ACCESS_KID_SIZE = 16 + 1, /* lower-case hex */
};

struct access_key {
    char kid[ACCESS_KID_SIZE];
    unsigned char bytes[ACCESS_KEY_SIZE];
};

struct access_claims {
    char user_id[UUID_SIZE];
    char session_id[UUID_SIZE];
    int64_t issued_s;
    int64_t expires_s;
};

/* *ret is the token; the caller frees it. The token expires ACCESS_TTL_S after now_ms, or at ends_ms if that is
 * sooner. issuer: the server's public URL. */
struct access_new {
    const char *user_id;
    const char *session_id;
    const char *issuer;
    int64_t now_ms;
    int64_t ends_ms;
};
int access_sign(const struct access_key *key, const struct access_new *token, char **ret,
                struct err *err) MUSTER_NODISCARD;

/* The id of the key that the token says it is signed with. False when the token has not our form. */
bool access_kid(const char *token, char ret[ACCESS_KID_SIZE]);

/* Judges a token that access_kid took, with the key of that id. EXPIRED is said only of what we have signed. *ret is
 * filled in when it is OK or EXPIRED. */
enum access_verdict { ACCESS_OK, ACCESS_FORGED, ACCESS_EXPIRED };
enum access_verdict access_judge(const char *token, const struct access_key *key, const char *issuer, int64_t now_ms,
                                 struct access_claims *ret);

#endif
