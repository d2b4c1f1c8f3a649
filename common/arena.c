#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wipe.h"

enum { BLOCK_SIZE = 8 * 1024 };

struct block {
    struct block *next;
    size_t size; /* of data */
    size_t used; /* what lies behind is zero */
    alignas(max_align_t) unsigned char data[];
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    struct block *blocks; /* newest first; the oldest stays until arena_free */
    struct cleanup *cleanups;
    size_t cap;
    size_t used;
};

struct arena *arena_new(size_t cap_bytes)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a != NULL)
        a->cap = cap_bytes;
    return a;
}

static void run_cleanups(struct arena *a)
{
    while (a->cleanups != NULL) {
        struct cleanup *c = a->cleanups;
        a->cleanups = c->next; /* unlinked first: a cleanup may allocate */
        c->fn(c->arg);
    }
}

void arena_reset(struct arena *a)
{
    run_cleanups(a);
    struct block *kept = NULL;
    while (a->blocks != NULL) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        wipe(b->data, b->used);
        b->used = 0;
        /* A first block larger than usual was one big request; it is not kept for all that follow. */
        if (b->next == NULL && b->size == BLOCK_SIZE)
            kept = b;
        else
            free(b);
    }
    a->blocks = kept;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    arena_reset(a);
    free(a->blocks);
    free(a);
}

static struct block *block_add(struct arena *a, size_t need)
{
    size_t size = need > BLOCK_SIZE ? need : BLOCK_SIZE;
    struct block *b = calloc(1, sizeof *b + size);
    if (b == NULL)
        return NULL;
    b->next = a->blocks;
    b->size = size;
    a->blocks = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX - align - sizeof(struct block))
        return NULL;
    size_t need = size == 0 ? align : (size + align - 1) / align * align;
    if (need > a->cap - a->used)
        return NULL;
    struct block *b = a->blocks;
    if (b == NULL || need > b->size - b->used) {
        b = block_add(a, need);
        if (b == NULL)
            return NULL;
    }
    void *p = b->data + b->used;
    b->used += need;
    a->used += need;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(a, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, s, len);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s == NULL ? NULL : arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

int arena_cleanup(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct cleanup *c = arena_alloc(a, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;
    *c = (struct cleanup){.next = a->cleanups, .fn = fn, .arg = arg};
    a->cleanups = c;
    return 0;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
