#include "snapshot/hardlinks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096 };

struct link_node {
    struct link_node *next;
    dev_t dev;
    ino_t ino;
    nlink_t nlink, left; /* names, and those not seen yet */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    off_t content;
    struct timespec modified, changed;
    size_t size;
    char path[];
};

struct hardlinks {
    size_t max, used;
    struct link_node *seen; /* the last one of its file, kept for the caller who borrowed its path */
    struct link_node *buckets[BUCKETS];
};

static size_t bucket_of(ino_t ino)
{
    uint64_t key = (uint64_t)ino * 0x9e3779b97f4a7c15U;
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
    *n = (struct link_node){.dev = st->st_dev,
                            .ino = st->st_ino,
                            .nlink = st->st_nlink,
                            .left = st->st_nlink - 1,
                            .mode = st->st_mode,
                            .uid = st->st_uid,
                            .gid = st->st_gid,
                            .content = st->st_size,
                            .modified = st->st_mtim,
                            .changed = st->st_ctim,
                            .size = size};
    memcpy(n->path, path, len);
    struct link_node **bucket = &h->buckets[bucket_of(st->st_ino)];
    n->next = *bucket;
    *bucket = n;
    h->used += size;
    return true;
}

const char *hardlinks_find(struct hardlinks *h, const struct stat *st)
{
    for (struct link_node **at = &h->buckets[bucket_of(st->st_ino)]; *at != NULL; at = &(*at)->next) {
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

bool hardlinks_like(const struct hardlinks *h, ino_t ino, const struct timespec *changed, struct hardlink *ret)
{
    for (const struct link_node *n = h->buckets[bucket_of(ino)]; n != NULL; n = n->next) {
        if (n->ino != ino || n->changed.tv_sec != changed->tv_sec || n->changed.tv_nsec != changed->tv_nsec)
            continue;
        *ret = (struct hardlink){.path = n->path,
                                 .st = {.st_dev = n->dev,
                                        .st_ino = n->ino,
                                        .st_mode = n->mode,
                                        .st_nlink = n->nlink,
                                        .st_uid = n->uid,
                                        .st_gid = n->gid,
                                        .st_size = n->content,
                                        .st_mtim = n->modified,
                                        .st_ctim = n->changed}};
        return true;
    }
    return false;
}

size_t hardlinks_used(const struct hardlinks *h)
{
    return h->used;
}
