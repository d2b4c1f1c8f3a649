/* uuid.h: identifiers that sort by the time they were made: UUIDv7 (RFC 9562 §5.7), in lower case. */
#ifndef MUSTER_COMMON_UUID_H
#define MUSTER_COMMON_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "token.h"

enum { UUID_SIZE = 37 };

/* A fresh id: 48 bits of now_ms, 74 random bits. False, and ret is empty, when the generator failed. */
bool uuid_v7(int64_t now_ms, token_random_fn *random, char ret[UUID_SIZE]);

/* Whether s is a UUID of any version in its canonical lower-case spelling. */
bool uuid_valid(const char *s);

#endif
