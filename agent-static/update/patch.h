/* patch.h: a new file out of an old one and a patch: `zstd --patch-from`, undone.
 *
 * The patch comes from outside, however well it was signed: what it makes is bounded in size before memory is taken,
 * and believed only when its SHA-256 is right. Any failure means "take the full file instead". Memory: the old file is
 * mapped; libzstd takes as much as the new file is large, and 300 KiB. */
#ifndef MUSTER_AGENT_UPDATE_PATCH_H
#define MUSTER_AGENT_UPDATE_PATCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { PATCH_RESULT_MAX = 64 * 1024 * 1024 };

struct patch {
    const char *base; /* the old file; only read */
    const char *base_sha256;
    const char *patch;
    const char *result; /* replaced; 0600 */
    int64_t result_size;
    const char *result_sha256;
};

/* Writes the result and syncs it. On failure no result is left. ERR_CONFLICT: the base is another file than the patch
 * was made for. ERR_CORRUPT: the patch is damaged, or its result is not the right one. ERR_TOO_BIG: the result would be
 * larger than result_size, or needs a window that is. ERR_IO (sys_errno ENOSPC: disk full), ERR_NOMEM. */
int patch_apply(const struct patch *p, struct err *err) MUSTER_NODISCARD;

/* The decoding alone, without files, for the fuzzer: the whole patch in memory. sink non-zero ends it. */
typedef int patch_sink_fn(void *ctx, const void *data, size_t len, struct err *err);
int patch_decode(const void *base, size_t base_len, const void *patch, size_t patch_len, int64_t result_size,
                 patch_sink_fn *sink, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
