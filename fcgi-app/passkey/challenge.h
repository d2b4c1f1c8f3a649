/* challenge.h: what authenticators are asked to sign, and what both ways of asking share. For the files of passkey/.
 *
 * A challenge for one we know is a row, which goes when it is used. A stranger's, who wants to sign in, is none: it
 * carries its end and a MAC that ties it to the browser, and only when a right answer has come its hash is noted until
 * then. So whoever asks and asks writes nothing, and pushes nobody else's out. */
#ifndef MUSTER_PASSKEY_CHALLENGE_H
#define MUSTER_PASSKEY_CHALLENGE_H

#include "auth/digest.h"
#include "passkey/passkey.h"
#include "passkey/webauthn.h"

enum { RP_ID_SIZE = 256 };

/* The RP id: the host of MUSTER_PUBLIC_URL. ERR_CONFLICT when that is an address: browsers want a name. */
int passkey_rp_id(const struct req *r, char ret[RP_ID_SIZE], struct err *err) MUSTER_NODISCARD;

/* Makes a challenge; that of one we know in a write of its own. */
int challenge_new(struct req *r, const struct passkey_ask *ask, char ret[WEBAUTHN_CHALLENGE_SIZE],
                  struct err *err) MUSTER_NODISCARD;

/* A challenge that came back, beside what it has to be. */
struct challenge {
    const struct passkey_ask *ask;
    int64_t now_ms;
    char hash[DIGEST_HEX_SIZE]; /* challenge_find's from here */
    int64_t expires_ms;
};

/* Whether text is one. ERR_DENIED when not. */
int challenge_find(struct req *r, const char *text, struct challenge *challenge, struct err *err) MUSTER_NODISCARD;

/* Whether a wrong answer uses it up as a right one does. Not a stranger's: nobody may make us write by guessing. */
bool challenge_wrong_answer_counts(const struct challenge *challenge);

/* Inside a write closure: uses up what challenge_find has found. ERR_DENIED when it was used meanwhile. */
int challenge_use(struct db *db, const struct challenge *challenge, struct err *err) MUSTER_NODISCARD;

/* A list of {type, id, transports} of the person's passkeys. */
int passkey_descriptors(struct req *r, const char *user_id, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* A base64url text of at most max bytes, decoded into the arena. {NULL, 0} for what is none. */
struct span passkey_bytes(struct req *r, const char *text, size_t max);

#endif
