/* choice.h: which entries of a backup are wanted: those at or below a path, and of these the ones that match a pattern.
 *
 * A pattern (exclude_glob) without a slash is matched against each name on the way, one with a slash against the path
 * from its start; what is inside a directory that matches is wanted too. */
#ifndef MUSTER_AGENT_RESTORE_CHOICE_H
#define MUSTER_AGENT_RESTORE_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

struct choice {
    const char *const *paths; /* with or without a slash in front; none: everything */
    size_t path_count;
    const char *const *patterns; /* none: everything */
    size_t pattern_count;
};

/* path as archives have it: without a slash in front. choice NULL: everything. */
bool choice_has(const struct choice *choice, const char *path);

#endif
