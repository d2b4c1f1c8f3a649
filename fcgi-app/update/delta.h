/* delta.h: what leads from one binary to the next: a zstd frame that refers to the old one, as of
 * `zstd --patch-from`. The frame's header says how long the result is. Blocks for about a second a megabyte. */
#ifndef MUSTER_UPDATE_DELTA_H
#define MUSTER_UPDATE_DELTA_H

#include <stdbool.h>

#include "common/err.h"

/* Writes patch_path, durably, after it was seen to give new_path's content when applied to base_path's. *ret_made is
 * false, and nothing is written, when the patch would not be smaller than what it makes. */
int delta_make(const char *base_path, const char *new_path, const char *patch_path, bool *ret_made,
               struct err *err) MUSTER_NODISCARD;

#endif
