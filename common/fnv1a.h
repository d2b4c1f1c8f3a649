/* fnv1a.h: FNV-1a, 32 bits (IETF draft-eastlake-fnv): spreads hosts over the buckets of a gradual rollout. Not for
 * anything an attacker must not choose. */
#ifndef MUSTER_COMMON_FNV1A_H
#define MUSTER_COMMON_FNV1A_H

#include <stddef.h>
#include <stdint.h>

#define FNV1A_32_START UINT32_C(0x811c9dc5)

/* Goes on from hash, at first FNV1A_32_START, so that the hash of two pieces is the hash of both in a row. */
uint32_t fnv1a_32_add(uint32_t hash, const void *data, size_t len);

uint32_t fnv1a_32(const void *data, size_t len);

#endif
