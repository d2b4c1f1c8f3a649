/* fnv1a.h: FNV-1a, 32 bits (Fowler, Noll and Vo), and the waves made of it.
 *
 * Fast and evenly spread; no protection against somebody who chooses the bytes. */
#ifndef MUSTER_COMMON_FNV1A_H
#define MUSTER_COMMON_FNV1A_H

#include <stddef.h>
#include <stdint.h>

#define FNV1A32_START UINT32_C(0x811c9dc5)

/* The hash so far and more bytes; begin with FNV1A32_START. */
uint32_t fnv1a32(uint32_t hash, const void *data, size_t len);

/* The wave of an agent: FNV-1a 32 of salt and id, mod 100. It is in every wave of a percentage above this number. The
 * salt stands in front: behind the id it would hardly move the last digits. Without one ("") the same agents are always
 * first. */
int fnv1a_bucket(const char *salt, const char *id);

#endif
