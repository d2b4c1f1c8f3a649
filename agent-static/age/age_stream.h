/* age_stream.h: what the writer and the reader of age agree on below the header's text: how keys follow from each
 * other, and the STREAM of chunks, each sealed under its number and whether it is the last. */
#ifndef MUSTER_AGENT_AGE_AGE_STREAM_H
#define MUSTER_AGENT_AGE_AGE_STREAM_H

#include <stdbool.h>

#include "age/age.h"
#include "age/age_crypto.h"
#include "age/age_header.h"

enum { AGE_FILE_KEY_SIZE = 16, AGE_STREAM_NONCE_SIZE = 16, AGE_SEALED_CHUNK = AGE_CHUNK + AGE_TAG_SIZE };

/* The key that a file key is wrapped with: for the holder of recipient, with whom shared is shared. */
int age_wrap_key(const uint8_t shared[AGE_KEY_SIZE], const uint8_t share[AGE_SHARE_SIZE],
                 const uint8_t recipient[AGE_KEY_SIZE], uint8_t ret[AGE_KEY_SIZE]) MUSTER_NODISCARD;

/* The MAC over the header up to and with AGE_MAC_MARK. */
int age_header_sum(const uint8_t file_key[AGE_FILE_KEY_SIZE], const void *header, size_t len,
                   uint8_t ret[AGE_MAC_SIZE]) MUSTER_NODISCARD;

int age_payload_key(const uint8_t file_key[AGE_FILE_KEY_SIZE], const uint8_t nonce[AGE_STREAM_NONCE_SIZE],
                    uint8_t ret[AGE_KEY_SIZE]) MUSTER_NODISCARD;

struct age_stream {
    uint8_t key[AGE_KEY_SIZE];
    uint64_t counter; /* of the next chunk; 2^64 of them do not come */
    size_t len;       /* of what is in chunk */
    uint8_t chunk[AGE_SEALED_CHUNK];
};

/* Seals the chunk, which grows by its tag; opens it, which takes the tag off. 0 or -1. */
int age_stream_seal(struct age_stream *s, bool last) MUSTER_NODISCARD;
int age_stream_open(struct age_stream *s, bool last) MUSTER_NODISCARD;

#endif
