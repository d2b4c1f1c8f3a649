/* labels.h: what people call groups of agents by: names with a text each. Stored as one JSON object with sorted keys.
 * Private to fleet/. */
#ifndef MUSTER_FLEET_LABELS_H
#define MUSTER_FLEET_LABELS_H

#include <jansson.h>
#include <stdbool.h>

#include "common/err.h"

enum { LABELS_MAX = 32, LABEL_NAME_MAX = 64, LABEL_VALUE_MAX = 256 };

/* Whether the name is not empty, and both are short enough. */
bool label_valid(const char *name, const json_t *value);

/* Whether all of an object are, and there are not too many. */
bool labels_valid(const json_t *labels);

/* As it is stored; free() it. NULL: out of memory. */
char *labels_text(const json_t *labels);

/* Two LIKE patterns in lower case (ESCAPE '\\') of which one fits a stored object that has the label: "name" or
 * "name=value", whatever the case. "" gives two empty ones. False when it is neither. */
enum { LABEL_PATTERN_SIZE = 16 + 12 * (LABEL_NAME_MAX + LABEL_VALUE_MAX) };
struct label_patterns {
    char first[LABEL_PATTERN_SIZE], next[LABEL_PATTERN_SIZE];
};
bool label_patterns(const char *label, struct label_patterns *ret);

#endif
