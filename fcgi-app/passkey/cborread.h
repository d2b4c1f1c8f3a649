/* cborread.h: reading CBOR (RFC 8949) in the form that authenticators write (CTAP2's canonical one): definite lengths,
 * the shortest heads, no tags, no floats.
 *
 * libfido2 decodes keys and extensions, but the library below it makes room for as many items as a head claims before
 * it looks whether they are there: nine bytes have it write four gigabytes. So whatever a stranger sent is walked here
 * first, and goes on to libfido2 only when each length it claims is there.
 *
 * Each function takes what it names and moves on, or returns false and stays where it was. */
#ifndef MUSTER_PASSKEY_CBORREAD_H
#define MUSTER_PASSKEY_CBORREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

enum { CBORREAD_DEPTH_MAX = 4 };

struct cborread {
    const char *at;
    const char *end;
};

void cborread_init(struct cborread *c, struct span bytes);
bool cborread_done(const struct cborread *c);

/* The head of a map; its pairs follow. */
bool cborread_map(struct cborread *c, size_t *ret_pairs);

/* A text or byte string, borrowed. */
bool cborread_text(struct cborread *c, struct span *ret);
bool cborread_bytes(struct cborread *c, struct span *ret);

bool cborread_int(struct cborread *c, int64_t *ret);

/* Any one item with all that is in it, at most CBORREAD_DEPTH_MAX deep. */
bool cborread_skip(struct cborread *c);

#endif
