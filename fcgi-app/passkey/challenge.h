/* challenge.h: what authenticators are asked to sign, and what both ways of asking share. For the files of passkey/. */
#ifndef MUSTER_PASSKEY_CHALLENGE_H
#define MUSTER_PASSKEY_CHALLENGE_H

#include "auth/digest.h"
#include "passkey/passkey.h"
#include "passkey/webauthn.h"

enum { RP_ID_SIZE = 256, STRANGERS_CHALLENGES_MAX = 4096 };

/* The RP id: the host of MUSTER_PUBLIC_URL. ERR_CONFLICT when that is an address: browsers want a name. */
int passkey_rp_id(const struct req *r, char ret[RP_ID_SIZE], struct err *err) MUSTER_NODISCARD;

/* Makes a challenge and keeps its hash, in a write of its own. */
int challenge_new(struct req *r, const struct passkey_ask *ask, char ret[WEBAUTHN_CHALLENGE_SIZE],
                  struct err *err) MUSTER_NODISCARD;

/* A challenge that came back, beside what it has to be. */
struct challenge {
    const struct passkey_ask *ask;
    char hash[DIGEST_HEX_SIZE];
    int64_t now_ms;
};

/* Whether it is one. ERR_DENIED when not. */
int challenge_find(struct db *db, const struct challenge *challenge, struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: uses it up. ERR_DENIED when it is none, or no more. */
int challenge_use(struct db *db, const struct challenge *challenge, struct err *err) MUSTER_NODISCARD;

/* A list of {type, id, transports} of the person's passkeys. */
int passkey_descriptors(struct req *r, const char *user_id, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* A base64url text of at most max bytes, decoded into the arena. {NULL, 0} for what is none. */
struct span passkey_bytes(struct req *r, const char *text, size_t max);

#endif
