/* release_binary.h: is this file an agent for that architecture, and of that version? Told before it is published. */
#ifndef MUSTER_UPDATE_RELEASE_BINARY_H
#define MUSTER_UPDATE_RELEASE_BINARY_H

#include <stddef.h>

#include "common/err.h"

enum release_arch { RELEASE_AMD64, RELEASE_ARM64, RELEASE_ARCHES };
extern const char *const release_arch_names[RELEASE_ARCHES + 1]; /* "amd64" …, ended by NULL */

enum { RELEASE_BINARY_MAX = 64 << 20 };

/* Reads the file whole, checks that it is a 64-bit ELF program for arch which holds the version as a string, and runs
 * `FILE version --json` when this machine can: it must say the version within ten seconds. Blocks. The caller frees
 * *ret_data. ERR_INVALID says what is wrong with the file. */
int release_binary_read(const char *path, enum release_arch arch, const char *version, char **ret_data, size_t *ret_len,
                        struct err *err) MUSTER_NODISCARD;

#endif
