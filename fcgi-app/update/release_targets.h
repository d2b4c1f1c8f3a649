/* release_targets.h: what the signed part of targets metadata says of releases, and the changes that are made to it.
 *
 * An agent is the target "<version>/agent-linux-<arch>", a patch "<version>/agent-linux-<arch>.from-<version>.zst";
 * "custom" says what it is. "x_muster" lists the versions that were withdrawn. */
#ifndef MUSTER_UPDATE_RELEASE_TARGETS_H
#define MUSTER_UPDATE_RELEASE_TARGETS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

#define RELEASE_PRODUCT       "muster-agent"
#define RELEASE_PRODUCT_PATCH "muster-agent-patch"

enum { RELEASE_TARGET_SIZE = 200 };

/* "0.2.0/agent-linux-amd64", and with a base the patch from there. */
void release_targets_path(const char *version, const char *arch, const char *base, char ret[RELEASE_TARGET_SIZE]);

bool release_targets_is(const json_t *custom, const char *product);

/* The list of {"version", "reason"}; NULL when there is none. Borrowed. */
const json_t *release_targets_withdrawn(const json_t *signed_part);

/* The info of a version's agent for an architecture; NULL when it is not published. Borrowed. */
const json_t *release_targets_find(const json_t *signed_part, const char *version, const char *arch);
bool release_targets_has(const json_t *signed_part, const char *version); /* for any */

/* The newest version of a channel that has the architecture (NULL: any) and is older than below (NULL: no bound).
 * Borrowed; NULL when there is none. */
const char *release_targets_newest(const json_t *signed_part, const char *channel, const char *arch, const char *below);

/* Adds a release of the form of release_get(): each of its files, with what custom has to say. */
int release_targets_add(json_t *signed_part, const json_t *release, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

/* Adds a patch that leads from base to a version that was added. */
struct release_patch {
    const char *version, *base, *arch;
    const char *sha256; /* of the patch */
    int64_t size;
};
int release_targets_add_patch(json_t *signed_part, const struct release_patch *patch, struct err *err) MUSTER_NODISCARD;

/* Drops all that leads to the version, and lists it as withdrawn. ERR_NOT_FOUND when it is not there. */
int release_targets_withdraw(json_t *signed_part, const char *version, const char *reason,
                             struct err *err) MUSTER_NODISCARD;

/* Whether an agent may be ordered back to it from a newer one. ERR_NOT_FOUND when the version is not there. */
int release_targets_downgrade(json_t *signed_part, const char *version, bool allowed, struct err *err) MUSTER_NODISCARD;

#endif
