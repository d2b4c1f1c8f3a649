/* age_keys.h: the text of age's keys: Bech32 (BIP 173) of 32 bytes. */
#ifndef MUSTER_AGENT_AGE_AGE_KEYS_H
#define MUSTER_AGENT_AGE_AGE_KEYS_H

#include <stdbool.h>

#include "age/age.h"
#include "age/age_crypto.h"
#include "common/cursor.h"

/* The public key in "age1…". */
bool age_recipient_read(const char *text, uint8_t ret[AGE_KEY_SIZE]);

/* The secret key in "AGE-SECRET-KEY-1…"; ret is wiped on failure. */
bool age_identity_read(struct span text, uint8_t ret[AGE_KEY_SIZE]);

struct age_identities {
    size_t count;
    struct {
        uint8_t secret[AGE_KEY_SIZE];
        uint8_t recipient[AGE_KEY_SIZE]; /* its public key */
    } item[AGE_IDENTITIES_MAX];
};

#endif
