/* age_header.h: the head of an age file as text, without its cryptography:
 *
 *   age-encryption.org/v1
 *   -> TYPE ARGUMENT…
 *   BASE64, in lines of 64, the last one shorter and perhaps empty
 *   --- BASE64 of the MAC
 *
 * The reader takes one spelling of everything: LF, single blanks, canonical base64 without padding. */
#ifndef MUSTER_AGENT_AGE_AGE_HEADER_H
#define MUSTER_AGENT_AGE_AGE_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cursor.h"

enum { AGE_SHARE_SIZE = 32, AGE_WRAPPED_SIZE = 32, AGE_MAC_SIZE = 32 };

struct age_stanza {
    bool x25519;                       /* else of another type, to be passed over */
    uint8_t share[AGE_SHARE_SIZE];     /* the ephemeral public key */
    uint8_t wrapped[AGE_WRAPPED_SIZE]; /* the file key and its tag */
};

/* How many of the first len bytes are a header that is whole so far as its lines tell; 0: its end is not there yet. */
size_t age_header_end(const char *data, size_t len);

/* Takes the magic line, the next stanza, the MAC's line. False: malformed. *ret_more: a stanza was there. */
bool age_header_magic(struct cursor *c);
bool age_header_stanza(struct cursor *c, struct age_stanza *ret, bool *ret_more);
bool age_header_mac(struct cursor *c, uint8_t ret[AGE_MAC_SIZE]);

void age_header_add_magic(struct buf *b);
void age_header_add_stanza(struct buf *b, const struct age_stanza *stanza);

/* What the MAC is over ends with this; age_header_add_mac writes the rest. */
#define AGE_MAC_MARK "---"
void age_header_add_mac(struct buf *b, const uint8_t mac[AGE_MAC_SIZE]);

#endif
