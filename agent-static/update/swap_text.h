/* swap_text.h: A.trial as text, without a file: what swap.h shows. The launcher has its own reading of it, since the
 * two share no code; a test holds them together. */
#ifndef MUSTER_AGENT_UPDATE_SWAP_TEXT_H
#define MUSTER_AGENT_UPDATE_SWAP_TEXT_H

#include <stddef.h>

#include "common/err.h"
#include "update/swap.h"

/* Any bytes. Keys that are not known are passed over, so that either program may be the newer one. ERR_CORRUPT, and
 * *ret is untouched. */
int swap_text_parse(const char *text, size_t len, struct swap_state *ret, struct err *err) MUSTER_NODISCARD;

/* ERR_INVALID: a field that swap_text_parse would not take. */
int swap_text_format(const struct swap_state *state, char ret[SWAP_FILE_MAX], size_t *ret_len,
                     struct err *err) MUSTER_NODISCARD;

#endif
