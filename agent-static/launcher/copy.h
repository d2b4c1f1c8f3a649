/* copy.h: a file copied whole, with owner, mode and extended attributes, where a hard link is not to be had; and
 * whether two files have the same content. */
#ifndef MUSTER_AGENT_LAUNCHER_COPY_H
#define MUSTER_AGENT_LAUNCHER_COPY_H

#include <stdbool.h>
#include <stddef.h>

/* From the open file `from`, at its start, into a new file at path, on disk. False with errno, and nothing at path. */
bool copy_file(int from, const char *path);

/* Both are read from their starts. */
bool copy_is_same(int a, int b);

/* write(2) until everything is out. False with errno. */
bool copy_write(int fd, const char *bytes, size_t len);

#endif
