/* release_public.h: the files with fixed names under /updates/, which follow the newest release of channel stable:
 * agent-linux-<arch>, manifest.json and helm-values.yaml. Without such a release there are none. */
#ifndef MUSTER_UPDATE_RELEASE_PUBLIC_H
#define MUSTER_UPDATE_RELEASE_PUBLIC_H

#include "common/buf.h"
#include "update/repo.h"

/* Writes those that differ from what targets metadata says, the manifest last. Blocks. */
int release_public_write(const struct repo *repo, struct err *err) MUSTER_NODISCARD;

/* The two texts, of a version in the signed part of targets. */
int release_public_manifest(const json_t *signed_part, const char *version, struct buf *ret,
                            struct err *err) MUSTER_NODISCARD;
int release_public_helm(const json_t *signed_part, const char *version, struct buf *ret,
                        struct err *err) MUSTER_NODISCARD;

#endif
