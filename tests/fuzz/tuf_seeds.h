/* tuf_seeds.h: something to begin with: JSON of a form as particular as TUF's is not found by chance. Valid under
 * tuf_standin.c: the id of the one key is its digest there, and the signatures are good. */
#ifndef MUSTER_TESTS_TUF_SEEDS_H
#define MUSTER_TESTS_TUF_SEEDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEYID "0000000000000000000000000000000000000000000000000000000000000000"
#define KEYS  "{\"" KEYID "\":{\"keytype\":\"e\",\"scheme\":\"s\",\"keyval\":{\"public\":\"a\"}}}"
#define ROLE  "{\"keyids\":[\"" KEYID "\"],\"threshold\":1}"
#define META(type, version, rest)                                                                                      \
    "{\"signatures\":[{\"keyid\":\"" KEYID "\",\"sig\":\"00\"}],\"signed\":{\"_type\":\"" type                         \
    "\",\"spec_version\":\"1.0\",\"expires\":\"2030-01-01T00:00:00Z\",\"version\":" version "," rest "}}"

#define SEED_ROOT(version)                                                                                             \
    META("root", version,                                                                                              \
         "\"consistent_snapshot\":true,\"keys\":" KEYS ",\"roles\":{\"root\":" ROLE ",\"timestamp\":" ROLE             \
         ",\"snapshot\":" ROLE ",\"targets\":" ROLE "}")
#define SEED_TIMESTAMP(version) META("timestamp", version, "\"meta\":{\"snapshot.json\":{\"version\":" version "}}")
#define SEED_SNAPSHOT(version)                                                                                         \
    META("snapshot", version, "\"meta\":{\"targets.json\":{\"version\":" version "},\"a.json\":{\"version\":1}}")
#define SEED_TARGETS(version)                                                                                          \
    META("targets", version,                                                                                           \
         "\"targets\":{\"b\":{\"length\":1,\"hashes\":{\"sha256\":\"" KEYID "\"},\"custom\":{}}},"                     \
         "\"delegations\":{\"keys\":" KEYS ",\"roles\":[{\"name\":\"a\",\"keyids\":[\"" KEYID                          \
         "\"],\"threshold\":1,\"terminating\":false,\"paths\":[\"a\",\"*/?\"]},{\"name\":\"b\",\"keyids\":[\"" KEYID   \
         "\"],\"threshold\":1,\"terminating\":true,\"path_hash_prefixes\":[\"0\",\"03\"]}]}")

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* The mutator for a target whose seed this is: what is too short to be anything becomes the seed. */
static inline size_t tuf_mutate(const char *seed, size_t seed_size, uint8_t *data, size_t size, size_t max_size)
{
    if (size >= 64 || max_size < seed_size)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(data, seed, seed_size);
    return seed_size;
}

#endif
