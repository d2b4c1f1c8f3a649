/* sparse.h: where a file has data and where it has holes.
 *
 * At most SPARSE_MAX segments are kept. A file with more of them has its smallest gaps treated as data: the content is
 * the same, some zeros are stored. */
#ifndef MUSTER_AGENT_SNAPSHOT_SPARSE_H
#define MUSTER_AGENT_SNAPSHOT_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPARSE_MAX = 8192 };

struct sparse_segment {
    int64_t offset;
    int64_t length;
};

struct sparse_map {
    size_t count;
    int64_t least_gap;                          /* gaps smaller than this are closed */
    struct sparse_segment segments[SPARSE_MAX]; /* ascending, apart */
};

/* Adds the next segment of data, which lies behind all those that are there. */
void sparse_add(struct sparse_map *map, int64_t offset, int64_t length);

/* Fills map from the file (SEEK_DATA, SEEK_HOLE), whose size is given. False when the file has no holes or cannot tell;
 * map is then one segment. The file's offset is changed. */
bool sparse_read(int fd, int64_t size, struct sparse_map *map);

#endif
