#include "snapshot/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "snapshot/tempfile.h"

enum {
    DENTS_SIZE = 16 * 1024,
    NAME_SIZE_MAX = 4096, /* with its NUL; Linux has 256, but file systems in user space may think otherwise */
    WINDOW = 2 * NAME_SIZE_MAX,
    FAN_IN = 12, /* runs merged at a time */
    MERGE_IN = WINDOW,
    MERGE_OUT = NAMES_WORK - FAN_IN * MERGE_IN,
};

struct run {
    off_t start, end;
};

struct names_pool {
    const char *dir;
    int fd;       /* -1: not needed so far */
    off_t end;    /* of what is in use of the file */
    size_t used;  /* of NAMES_BUDGET */
    size_t len;   /* of work */
    size_t count; /* of order */
    struct run *runs;
    size_t run_count, run_size;
    const char *order[NAMES_WORK_COUNT];
    _Alignas(uint64_t) char dents[DENTS_SIZE];
    char work[NAMES_WORK];
};

/* As the kernel gives them: linux/fs/readdir.c has it, no header of user space does. */
struct dent {
    uint64_t ino;
    int64_t off;
    unsigned short size;
    unsigned char type;
    char name[];
};

int names_pool_new(const char *dir, struct names_pool **ret, struct err *err)
{
    struct names_pool *p = malloc(sizeof *p); /* not cleared: most of it is never touched */
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->dir = dir;
    p->fd = -1;
    p->end = 0;
    p->used = p->len = p->count = 0;
    p->runs = NULL;
    p->run_count = p->run_size = 0;
    *ret = p;
    return 0;
}

void names_pool_free(struct names_pool *p)
{
    if (p == NULL)
        return;
    if (p->fd >= 0)
        (void)close(p->fd);
    free(p->runs);
    free(p);
}

/* --- runs -------------------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static int append(struct names_pool *p, const void *data, size_t len, struct err *err)
{
    if (p->fd < 0 && (p->fd = tempfile_fd(p->dir, err)) < 0)
        return err->code;
    int rc = tempfile_write_at(p->fd, data, len, p->end, err);
    if (rc == 0)
        p->end += (off_t)len;
    return rc;
}

static int run_add(struct names_pool *p, struct run run, struct err *err)
{
    if (p->run_count == p->run_size) {
        size_t size = p->run_size == 0 ? 32 : p->run_size * 2;
        struct run *more = realloc(p->runs, size * sizeof *more);
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        p->runs = more;
        p->run_size = size;
    }
    p->runs[p->run_count++] = run;
    return 0;
}

/* Puts what has been gathered into ret, sorted; room for p->len bytes. */
static void sort_into(struct names_pool *p, char *ret)
{
    qsort(p->order, p->count, sizeof *p->order, compare_names);
    for (size_t i = 0; i < p->count; i++) {
        size_t size = strlen(p->order[i]) + 1;
        memcpy(ret, p->order[i], size);
        ret += size;
    }
}

static int spill(struct names_pool *p, struct err *err)
{
    struct run run = {.start = p->end};
    char *sorted = malloc(p->len == 0 ? 1 : p->len);
    if (sorted == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    sort_into(p, sorted);
    int rc = append(p, sorted, p->len, err);
    free(sorted);
    run.end = p->end;
    p->len = p->count = 0;
    return rc == 0 ? run_add(p, run, err) : rc;
}

struct input {
    char *text;
    size_t len, at;
    off_t next, end;
};

/* Makes the whole names of the next stretch of the file available, if there are any. */
static int refill(const struct names_pool *p, char *text, size_t size, size_t *ret_len, off_t *next, off_t end,
                  struct err *err)
{
    size_t want = end - *next < (off_t)size ? (size_t)(end - *next) : size;
    int rc = tempfile_read_at(p->fd, text, want, *next, err);
    while (rc == 0 && want > 0 && text[want - 1] != '\0')
        want--;
    if (rc == 0 && want == 0 && *next < end)
        return err_set(err, ERR_CORRUPT, "a temporary file is not as it was");
    if (rc == 0) {
        *next += (off_t)want;
        *ret_len = want;
    }
    return rc;
}

static int input_refill(struct names_pool *p, struct input *in, struct err *err)
{
    in->at = in->len = 0;
    return in->next == in->end ? 0 : refill(p, in->text, MERGE_IN, &in->len, &in->next, in->end, err);
}

/* The input with the least name; NULL when all are at their end. */
static struct input *least(struct input *inputs, size_t count)
{
    struct input *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (inputs[i].at < inputs[i].len &&
            (best == NULL || strcmp(inputs[i].text + inputs[i].at, best->text + best->at) < 0))
            best = &inputs[i];
    return best;
}

/* Merges runs into a new one at the end of the file. p->work is free for it. */
static int merge(struct names_pool *p, const struct run *runs, size_t count, struct run *ret, struct err *err)
{
    struct input inputs[FAN_IN];
    char *out = p->work + (size_t)FAN_IN * MERGE_IN;
    size_t out_len = 0;
    int rc = 0;
    struct run run = {.start = p->end};
    for (size_t i = 0; rc == 0 && i < count; i++) {
        inputs[i] = (struct input){.text = p->work + i * MERGE_IN, .next = runs[i].start, .end = runs[i].end};
        rc = input_refill(p, &inputs[i], err);
    }
    struct input *in;
    while (rc == 0 && (in = least(inputs, count)) != NULL) {
        size_t size = strlen(in->text + in->at) + 1;
        if (out_len + size > MERGE_OUT) {
            rc = append(p, out, out_len, err);
            out_len = 0;
        }
        memcpy(out + out_len, in->text + in->at, size);
        out_len += size;
        in->at += size;
        if (rc == 0 && in->at == in->len)
            rc = input_refill(p, in, err);
    }
    if (rc == 0)
        rc = append(p, out, out_len, err);
    run.end = p->end;
    *ret = run;
    return rc;
}

static int merge_all(struct names_pool *p, struct err *err)
{
    int rc = 0;
    while (rc == 0 && p->run_count > 1) {
        size_t made = 0;
        for (size_t i = 0; rc == 0 && i < p->run_count; i += FAN_IN) {
            size_t count = p->run_count - i < FAN_IN ? p->run_count - i : FAN_IN;
            rc = merge(p, p->runs + i, count, &p->runs[made], err);
            made++;
        }
        p->run_count = made;
    }
    return rc;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static int gather(struct names_pool *p, const char *name, size_t size, struct err *err)
{
    int rc = p->len + size > NAMES_WORK || p->count == NAMES_WORK_COUNT ? spill(p, err) : 0;
    if (rc != 0)
        return rc;
    memcpy(p->work + p->len, name, size);
    p->order[p->count++] = p->work + p->len;
    p->len += size;
    return 0;
}

static int gather_dents(struct names_pool *p, size_t len, int *ret_trouble, struct err *err)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < len;) {
        const struct dent *d = (const struct dent *)(const void *)(p->dents + at);
        size_t room = d->size - offsetof(struct dent, name);
        size_t size = strnlen(d->name, room) + 1;
        at += d->size;
        if (strcmp(d->name, ".") == 0 || strcmp(d->name, "..") == 0)
            continue;
        if (size > room || size > NAME_SIZE_MAX || size == 1 || memchr(d->name, '/', size) != NULL)
            *ret_trouble = EIO; /* a file system that makes such names is broken or hostile */
        else
            rc = gather(p, d->name, size, err);
    }
    return rc;
}

/* What was gathered becomes the directory's names: in memory or as one run. */
static int settle(struct names_pool *p, struct names *n, struct err *err)
{
    if (p->run_count == 0 && p->used + p->len <= NAMES_BUDGET) {
        n->text = malloc(p->len == 0 ? 1 : p->len);
        if (n->text == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        sort_into(p, n->text);
        n->len = n->cost = p->len;
        p->used += p->len;
        return 0;
    }
    int rc = p->count > 0 ? spill(p, err) : 0;
    if (rc == 0)
        rc = merge_all(p, err);
    if (rc == 0) {
        n->next = p->runs[0].start;
        n->end = p->runs[0].end;
    }
    return rc;
}

static int finish(struct names_pool *p, off_t start, struct names *n, int rc, struct names *ret, struct err *err)
{
    if (rc == 0)
        rc = settle(p, n, err);
    n->start = p->end > start ? start : -1;
    p->len = p->count = p->run_count = 0;
    if (rc == 0)
        *ret = *n;
    else
        names_free(p, n);
    return rc;
}

int names_read(struct names_pool *p, int fd, struct names *ret, struct err *err)
{
    struct names n = {.start = -1};
    off_t start = p->end;
    int rc = 0;
    while (rc == 0) {
        long len = syscall(SYS_getdents64, fd, p->dents, sizeof p->dents);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            n.trouble = errno;
        if (len <= 0)
            break;
        rc = gather_dents(p, (size_t)len, &n.trouble, err);
    }
    return finish(p, start, &n, rc, ret, err);
}

int names_fixed(struct names_pool *p, const char *const *list, size_t count, struct names *ret, struct err *err)
{
    struct names n = {.start = -1};
    off_t start = p->end;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = gather(p, list[i], strlen(list[i]) + 1, err);
    return finish(p, start, &n, rc, ret, err);
}

int names_next(struct names_pool *p, struct names *n, const char **ret, struct err *err)
{
    if (n->at == n->len && n->next < n->end) {
        off_t left = n->end - n->next;
        size_t size = left < WINDOW ? (size_t)left : WINDOW;
        free(n->text);
        n->at = n->len = 0;
        n->text = malloc(size);
        if (n->text == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        int rc = refill(p, n->text, size, &n->len, &n->next, n->end, err);
        if (rc != 0)
            return rc;
    }
    if (n->at == n->len) {
        *ret = NULL;
        return 0;
    }
    *ret = n->text + n->at;
    n->at += strlen(*ret) + 1;
    return 0;
}

void names_rest(struct names_pool *p, struct names *n)
{
    if (n->start < 0 && n->at < n->len)
        return;
    p->used -= n->cost;
    n->cost = 0;
    n->next -= (off_t)(n->len - n->at);
    n->at = n->len = 0;
    free(n->text);
    n->text = NULL;
}

void names_free(struct names_pool *p, struct names *n)
{
    free(n->text);
    n->text = NULL;
    n->at = n->len = 0;
    n->next = n->end = 0;
    p->used -= n->cost;
    n->cost = 0;
    if (n->start >= 0)
        p->end = n->start;
    n->start = -1;
}
