#include "backup/hardlinks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096 };

struct link_node {
    struct link_node *next;
    dev_t dev;
    ino_t ino;
    nlink_t left; /* names not seen yet */
    size_t size;
    char path[];
};

struct hardlinks {
    size_t max, used;
    struct link_node *seen; /* the last one of its file, kept for the caller who borrowed its path */
    struct link_node *buckets[BUCKETS];
};

static size_t bucket_of(const struct stat *st)
{
    uint64_t key = ((uint64_t)st->st_ino ^ ((uint64_t)st->st_dev << 40)) * 0x9e3779b97f4a7c15U;
    return (size_t)(key >> 52);
}

struct hardlinks *hardlinks_new(size_t max_bytes)
{
    struct hardlinks *h = calloc(1, sizeof *h);
    if (h != NULL)
        h->max = max_bytes;
    return h;
}

void hardlinks_free(struct hardlinks *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct link_node *n = h->buckets[i]; n != NULL;) {
            struct link_node *next = n->next;
            free(n);
            n = next;
        }
    }
    free(h->seen);
    free(h);
}

bool hardlinks_add(struct hardlinks *h, const struct stat *st, const char *path)
{
    size_t len = strlen(path) + 1;
    size_t size = sizeof(struct link_node) + len;
    if (h->used + size > h->max)
        return false;
    struct link_node *n = malloc(size);
    if (n == NULL)
        return false;
    n->dev = st->st_dev;
    n->ino = st->st_ino;
    n->left = st->st_nlink - 1;
    n->size = size;
    memcpy(n->path, path, len);
    struct link_node **bucket = &h->buckets[bucket_of(st)];
    n->next = *bucket;
    *bucket = n;
    h->used += size;
    return true;
}

const char *hardlinks_find(struct hardlinks *h, const struct stat *st)
{
    for (struct link_node **at = &h->buckets[bucket_of(st)]; *at != NULL; at = &(*at)->next) {
        struct link_node *n = *at;
        if (n->ino != st->st_ino || n->dev != st->st_dev)
            continue;
        if (n->left > 1) {
            n->left--;
            return n->path;
        }
        *at = n->next;
        h->used -= n->size;
        free(h->seen);
        h->seen = n;
        return n->path;
    }
    return NULL;
}

size_t hardlinks_used(const struct hardlinks *h)
{
    return h->used;
}
