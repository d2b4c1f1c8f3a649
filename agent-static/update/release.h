/* release.h: what the signed metadata says of releases of the agent for this architecture.
 *
 * A release is a target "<version>/agent-linux-<arch>" whose custom metadata binds product, version, os and arch; a
 * target whose name and custom metadata disagree is none. The field x_muster.withdrawn of targets.json lists versions
 * that were taken back. */
#ifndef MUSTER_AGENT_UPDATE_RELEASE_H
#define MUSTER_AGENT_UPDATE_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "tuf/metadata.h"
#include "update/policy.h"

enum {
    RELEASE_PATH_SIZE = 160,
    RELEASE_CHANNEL_SIZE = 33,
    RELEASE_IMAGE_SIZE = 256,
    RELEASE_SIZE_MAX = 64 * 1024 * 1024
};

struct release {
    char version[POLICY_VERSION_SIZE];
    char min_version[POLICY_VERSION_SIZE]; /* what is older should not run any more; "" : no such */
    char channel[RELEASE_CHANNEL_SIZE];
    char path[RELEASE_PATH_SIZE];
    char sha256[METADATA_SHA256_SIZE];
    char image[RELEASE_IMAGE_SIZE]; /* of the container; "": none */
    int64_t size;
    int64_t eventlog_min; /* the oldest format of the event log that it reads */
    bool downgrade;       /* an older version may be replaced by it backwards: an operator signed so */
};

/* ERR_NOT_FOUND: no such release is signed (any more). ERR_INVALID: its metadata contradicts itself. */
int release_find(struct metadata *m, const char *version, struct release *ret, struct err *err) MUSTER_NODISCARD;

/* The newest of a channel; prereleases count as their order says. ERR_NOT_FOUND: none. */
int release_newest(const struct metadata *m, const char *channel, struct release *ret,
                   struct err *err) MUSTER_NODISCARD;

/* Whether the version was withdrawn. */
bool release_withdrawn(const struct metadata *m, const char *version);

/* Whether a host that runs own_version, of this channel, may take the release: not backwards unless own_version was
 * withdrawn or the release is signed for it, and never below the channel's least version; of the channel, able to read
 * our event log. ERR_DENIED says why not. */
int release_allowed(const struct metadata *m, const struct release *release, const char *own_version,
                    const char *channel, struct err *err) MUSTER_NODISCARD;

/* Whether the release says that own_version is too old to run. */
bool release_requires(const struct release *release, const char *own_version);

struct release_patch {
    char path[RELEASE_PATH_SIZE];
    char sha256[METADATA_SHA256_SIZE];
    char base_sha256[METADATA_SHA256_SIZE];
    int64_t size;
};

/* The patch that makes the release of own_version's binary. False: there is none, or it is no smaller. */
bool release_find_patch(struct metadata *m, const struct release *release, const char *own_version,
                        struct release_patch *ret);

#endif
