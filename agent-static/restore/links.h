/* links.h: hard links that are wanted although the name that the archive holds their content under is not.
 *
 * They are noted while the archive goes by, and get the content when it goes by again. */
#ifndef MUSTER_AGENT_RESTORE_LINKS_H
#define MUSTER_AGENT_RESTORE_LINKS_H

#include <stdbool.h>
#include <stddef.h>

struct links;

struct links *links_new(size_t max_bytes); /* NULL when memory is out */
void links_free(struct links *l);          /* NULL does nothing */
void links_clear(struct links *l);
size_t links_count(const struct links *l);

/* Notes that path is a name of what is stored as target. False when there is no room. */
bool links_add(struct links *l, const char *target, const char *path);

/* No more are added. */
void links_sort(struct links *l);

/* Name number index of what is stored as target, in the order noted; NULL after the last. After links_sort. */
const char *links_of(const struct links *l, const char *target, size_t index);

#endif
