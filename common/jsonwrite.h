/* jsonwrite.h: JSON into a file of our own, for jsonread_file to take it from there. */
#ifndef MUSTER_COMMON_JSONWRITE_H
#define MUSTER_COMMON_JSONWRITE_H

#include <jansson.h>

#include "err.h"

/* Durably replaces path with value, readable by its owner alone; on failure the old file stands. flags: JSON_COMPACT,
 * or JSON_INDENT(2) for what people look into. Takes value; NULL is memory that was out: ERR_NOMEM. What it holds may
 * be secret: no copy of the text is left in memory. */
int jsonwrite_file(const char *path, json_t *value, size_t flags, struct err *err) MUSTER_NODISCARD;

#endif
