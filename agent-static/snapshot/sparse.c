#include "snapshot/sparse.h"

#include <errno.h>
#include <unistd.h>

/* Closes the gaps below least_gap. */
static void compact(struct sparse_map *map)
{
    size_t kept = 0;
    for (size_t i = 1; i < map->count; i++) {
        struct sparse_segment *last = &map->segments[kept];
        const struct sparse_segment *next = &map->segments[i];
        if (next->offset - (last->offset + last->length) < map->least_gap)
            last->length = next->offset + next->length - last->offset;
        else
            map->segments[++kept] = *next;
    }
    map->count = kept + 1;
}

void sparse_add(struct sparse_map *map, int64_t offset, int64_t length)
{
    if (map->count > 0) {
        struct sparse_segment *last = &map->segments[map->count - 1];
        int64_t end = last->offset + last->length;
        if (offset == end || offset - end < map->least_gap) {
            last->length = offset + length - last->offset;
            return;
        }
    }
    while (map->count == SPARSE_MAX) {
        map->least_gap = map->least_gap == 0 ? 8192 : map->least_gap * 2;
        compact(map);
    }
    map->segments[map->count++] = (struct sparse_segment){.offset = offset, .length = length};
}

bool sparse_read(int fd, int64_t size, struct sparse_map *map)
{
    map->count = 0;
    map->least_gap = 0;
    int64_t at = 0;
    while (at < size) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) /* nothing but a hole from here on */
            return true;
        off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
        if (data < 0 || hole <= data)
            break;
        if (data >= size)
            return true;
        int64_t end = hole < size ? hole : size;
        sparse_add(map, data, end - data);
        at = end;
    }
    if (at < size) { /* this file system cannot tell */
        map->count = 0;
        sparse_add(map, 0, size);
    }
    return map->count != 1 || map->segments[0].offset != 0 || map->segments[0].length != size;
}
