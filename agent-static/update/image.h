/* image.h: references of container images, "registry/name:tag" and "registry/name@sha256:…", taken apart.
 *
 * Pure, no I/O. Repositories are compared as they are written: "muster-agent" and "docker.io/library/muster-agent" may
 * be one to a container runtime, but nobody here knows what a node's runtime is told to make of a short name. */
#ifndef MUSTER_AGENT_UPDATE_IMAGE_H
#define MUSTER_AGENT_UPDATE_IMAGE_H

#include <stdbool.h>

#include "common/err.h"

enum { IMAGE_REPOSITORY_SIZE = 256, IMAGE_TAG_SIZE = 129, IMAGE_DIGEST_SIZE = 72, IMAGE_SIZE = 460 };

struct image {
    char repository[IMAGE_REPOSITORY_SIZE]; /* "registry.example:5000/tools/muster-agent" */
    char tag[IMAGE_TAG_SIZE];               /* "": none */
    char digest[IMAGE_DIGEST_SIZE];         /* "sha256:" and 64 lower-case hex digits; "": none */
};

/* The grammar of the distribution project, without registries at bare IPv6 addresses and with SHA-256 alone.
 * ERR_INVALID with what is wrong. */
int image_parse(const char *text, struct image *ret, struct err *err) MUSTER_NODISCARD;

/* Whether it says which one: by tag or by digest. */
bool image_is_exact(const struct image *image);

#endif
