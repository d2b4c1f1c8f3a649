/* files.h: what a person sees of the list of what is inside a run: a directory's content, what a search finds, or what
 * went wrong. A page at a time, each made by reading the list from its beginning. Private to restore/. */
#ifndef MUSTER_RESTORE_FILES_H
#define MUSTER_RESTORE_FILES_H

#include <jansson.h>

#include "common/arena.h"
#include "restore/index.h"

enum { FILES_MAX = 1000 };

struct files_query {
    const char *path;   /* of the directory, as text (pathtext.h); slashes at its ends do not count; "": the top */
    const char *search; /* bytes that a name contains, or a path when it has a slash; ASCII in any case; NULL: none */
    bool problems;      /* only what was not read whole */
    const char *after; /* the page's end before: a name of the directory, or a path of a search; NULL: from the start */
    size_t limit;      /* at most FILES_MAX */
};

/* {"entries": [{name, path, type, size, mtime_ms, outcome, seq}], "next": …}, which the caller json_decref()s.
 * Directories that the list itself does not name, being above what was backed up, have null for what is not known.
 * ERR_NOT_FOUND when there is no such directory; otherwise as index_read. */
int files_page(const struct index_source *source, const struct index_limits *limits, const struct files_query *query,
               struct arena *arena, json_t **ret, struct err *err) MUSTER_NODISCARD;

#endif
