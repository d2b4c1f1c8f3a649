/* webauthn.h: judging what an authenticator says (Web Authentication Level 2, §7.1 and §7.2). Bytes in, a verdict out:
 * no database and no clock; that a challenge is ours and unused is the caller's to see.
 *
 * Signatures are libfido2's: ES256, EdDSA and RS256 (2048 bits). The attestation is not asked for and not read: what an
 * authenticator says of its own make is worth nothing to us. */
#ifndef MUSTER_PASSKEY_WEBAUTHN_H
#define MUSTER_PASSKEY_WEBAUTHN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"
#include "common/encode.h"
#include "common/err.h"

enum {
    WEBAUTHN_CHALLENGE_BYTES = 32,
    WEBAUTHN_CHALLENGE_SIZE = 44, /* its base64url and the NUL */
    WEBAUTHN_ID_MIN = 16,
    WEBAUTHN_ID_MAX = 1023, /* bytes of a credential's id */
    WEBAUTHN_KEY_MAX = 259,
    WEBAUTHN_CLIENT_DATA_MAX = 2048,
    WEBAUTHN_AUTH_DATA_MAX = 2048,
    WEBAUTHN_ATTESTATION_MAX = 16384,
    WEBAUTHN_SIGNATURE_MAX = 512,
};

enum { WEBAUTHN_ES256 = -7, WEBAUTHN_EDDSA = -8, WEBAUTHN_RS256 = -257 }; /* RFC 9053 */

struct webauthn_expect {
    const char *type;   /* "webauthn.create" or "webauthn.get" */
    const char *origin; /* exactly */
    const char *rp_id;
    bool verified; /* the authenticator has to have verified the person, not only seen one */
};

/* Checks type and origin of a clientDataJSON, and takes its challenge out. ERR_DENIED. */
int webauthn_client_data(struct span client_data, const struct webauthn_expect *expect,
                         char ret_challenge[WEBAUTHN_CHALLENGE_SIZE], struct err *err) MUSTER_NODISCARD;

struct webauthn_key {
    int algorithm;
    size_t len;
    unsigned char bytes[WEBAUTHN_KEY_MAX]; /* as libfido2 writes it */
};

struct webauthn_credential {
    size_t id_len;
    unsigned char id[WEBAUTHN_ID_MAX];
    struct webauthn_key key;
    uint32_t sign_count;
};

/* The credential in an attestation object. ERR_DENIED for another site's and where nobody was present; ERR_INVALID for
 * what cannot be read or is no key we take. */
int webauthn_register(struct span attestation, const struct webauthn_expect *expect, struct webauthn_credential *ret,
                      struct err *err) MUSTER_NODISCARD;

struct webauthn_assertion {
    struct span client_data, auth_data, signature;
};

/* Whether the holder of key signed this here and now. ERR_DENIED for whatever is wrong with it. */
int webauthn_assert(const struct webauthn_assertion *assertion, const struct webauthn_key *key,
                    const struct webauthn_expect *expect, uint32_t *ret_sign_count, struct err *err) MUSTER_NODISCARD;

#endif
