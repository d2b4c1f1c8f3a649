/* keys.h: the passkeys that somebody has. For the files of passkey/. */
#ifndef MUSTER_PASSKEY_KEYS_H
#define MUSTER_PASSKEY_KEYS_H

#include "auth/audit.h"
#include "passkey/passkey.h"

enum { PASSKEYS_MAX = 20, PASSKEY_NAME_MAX = 64 };

/* For err_set, with PASSKEYS_MAX. */
#define PASSKEYS_FULL "You have %d passkeys already; remove one first."

int passkey_count(struct db *db, const char *user_id, int64_t *ret, struct err *err) MUSTER_NODISCARD;

/* One of the principal's own, as the API shows it. NULL with the story in err. */
json_t *passkey_json_of(struct req *r, const char *id, struct err *err);

#endif
