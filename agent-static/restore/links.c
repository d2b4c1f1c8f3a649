#include "restore/links.h"

#include <stdlib.h>
#include <string.h>

struct link {
    char *target; /* "target\0path" in one piece */
    const char *path;
    size_t number; /* the order they came in */
};

struct links {
    struct link *list;
    size_t count, size;
    size_t used, max;
};

struct links *links_new(size_t max_bytes)
{
    struct links *l = calloc(1, sizeof *l);
    if (l != NULL)
        l->max = max_bytes;
    return l;
}

void links_clear(struct links *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->list[i].target);
    l->count = 0;
    l->used = 0;
}

void links_free(struct links *l)
{
    if (l == NULL)
        return;
    links_clear(l);
    free(l->list);
    free(l);
}

size_t links_count(const struct links *l)
{
    return l->count;
}

static bool make_room(struct links *l)
{
    if (l->count < l->size)
        return true;
    size_t size = l->size == 0 ? 64 : l->size * 2;
    struct link *more = realloc(l->list, size * sizeof *more);
    if (more == NULL)
        return false;
    l->list = more;
    l->size = size;
    return true;
}

bool links_add(struct links *l, const char *target, const char *path)
{
    size_t target_len = strlen(target) + 1;
    size_t path_len = strlen(path) + 1;
    size_t cost = target_len + path_len + sizeof *l->list * 2;
    if (cost > l->max - l->used || !make_room(l))
        return false;
    char *both = malloc(target_len + path_len);
    if (both == NULL)
        return false;
    memcpy(both, target, target_len);
    memcpy(both + target_len, path, path_len);
    l->list[l->count] = (struct link){.target = both, .path = both + target_len, .number = l->count};
    l->count++;
    l->used += cost;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct link *left = a;
    const struct link *right = b;
    int order = strcmp(left->target, right->target);
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

void links_sort(struct links *l)
{
    if (l->count > 0)
        qsort(l->list, l->count, sizeof *l->list, compare);
}

const char *links_of(const struct links *l, const char *target, size_t index)
{
    size_t low = 0;
    size_t high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(l->list[middle].target, target) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    low += index;
    return low < l->count && strcmp(l->list[low].target, target) == 0 ? l->list[low].path : NULL;
}
