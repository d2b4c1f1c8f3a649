/* exclude.h: what a backup config leaves out, in the language of gitignore(5).
 *
 * Patterns are read as if a .gitignore with these lines stood in each source: `*`, `?` and `[…]` do not match a slash,
 * `**` between slashes stands for any number of directories, a slash in front or within ties the pattern to the source,
 * one at the end lets it match directories only, `!` takes a file in again, and the last pattern that matches decides.
 * What lies in a directory that is left out cannot be taken in again, because nobody looks there.
 *
 * Beside that, a pattern that starts with the source's own path means that very path: `/home/ann/tmp` for the source
 * /home/ann.
 *
 * Matching takes time in proportion to pattern times path at worst, whatever the pattern. */
#ifndef MUSTER_AGENT_SNAPSHOT_EXCLUDE_H
#define MUSTER_AGENT_SNAPSHOT_EXCLUDE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct excludes;

/* The patterns are copied. ERR_NOMEM only: a pattern that can match nothing is no error. */
int excludes_new(const char *const *patterns, size_t count, struct excludes **ret, struct err *err) MUSTER_NODISCARD;
void excludes_free(struct excludes *e); /* NULL does nothing */

/* Whether an entry is left out; source_len is the length of the source's path at the start of path. NULL: nothing is.
 */
bool excludes_match(const struct excludes *e, const char *path, size_t source_len, bool directory);

/* Whether the whole of text matches the pattern, as gitignore has it for a path below its directory. */
bool exclude_glob(const char *pattern, const char *text);

#endif
