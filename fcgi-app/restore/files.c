#include "restore/files.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "restore/pathtext.h"

/* A page of very long paths ends sooner: replies have a cap. */
enum { PAGE_BYTES = 256 * 1024 };

struct page {
    struct arena *arena;
    const struct files_query *query;
    const char *dir; /* bytes; no slash at either end */
    size_t dir_len;
    const char *after;
    size_t after_len;
    char *search; /* lower case; NULL: all */
    size_t search_len;
    bool found; /* the directory, or something in it */
    bool more;
    size_t bytes;
    size_t count;
    size_t last_len; /* of the last name or path on the page */
    char last[INDEX_PATH_MAX];
    char lower[INDEX_PATH_MAX];
    json_t *entries;
};

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a list of files");
}

static const char *type_name(char type)
{
    switch (type) {
    case 'f': return "file";
    case 'd': return "directory";
    case 'l': return "symlink";
    case 'p': return "fifo";
    case 'c': return "character";
    case 'b': return "block";
    default: return "socket";
    }
}

static const char *outcome_name(char outcome)
{
    switch (outcome) {
    case 'c': return "changed";
    case 'u': return "unreadable";
    case 'v': return "vanished";
    case 's': return "skipped";
    default: return "ok";
    }
}

static json_t *number_or_null(bool known, int64_t number)
{
    return known ? json_integer((json_int_t)number) : json_null();
}

/* e NULL: a directory of which only the path is known. last: what comes after this page's end is compared with. */
static int add(struct page *p, const char *path, size_t len, const struct index_entry *e, const char *last,
               size_t last_len, struct err *err)
{
    if (p->count == p->query->limit || p->bytes > PAGE_BYTES) {
        p->more = true;
        return INDEX_ENOUGH;
    }
    const char *slash = memrchr(path, '/', len);
    const char *name = slash != NULL ? slash + 1 : path;
    const char *path_text = pathtext_of(p->arena, path, len);
    const char *name_text = pathtext_of(p->arena, name, (size_t)(path + len - name));
    if (path_text == NULL || name_text == NULL)
        return nomem(err);
    json_t *item = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:o}", "name", name_text, "path", path_text, "type",
                             e != NULL ? type_name(e->type) : "directory", "size",
                             number_or_null(e != NULL, e != NULL ? e->size : 0), "mtime_ms",
                             number_or_null(e != NULL, e != NULL ? e->mtime_ms : 0), "outcome",
                             e != NULL ? outcome_name(e->outcome) : "ok", "seq",
                             number_or_null(e != NULL && e->seq >= 0, e != NULL ? e->seq : 0));
    if (json_array_append_new(p->entries, item) != 0)
        return nomem(err);
    memcpy(p->last, last, last_len);
    p->last_len = last_len;
    p->count++;
    p->bytes += strlen(path_text);
    return 0;
}

/* --- a directory ----------------------------------------------------------------------------------------------------
 */

static bool under(const struct page *p, const char *path, size_t len)
{
    return p->dir_len == 0 || (len > p->dir_len && path[p->dir_len] == '/' && memcmp(path, p->dir, p->dir_len) == 0);
}

/* All that is in a directory stands together, right behind it. */
static int take_child(void *ctx, const struct index_entry *e, struct err *err)
{
    struct page *p = ctx;
    if (!under(p, e->path, e->len)) {
        int order = index_compare(e->path, e->len, p->dir, p->dir_len);
        p->found = p->found || (order == 0 && e->type == 'd');
        return order > 0 ? INDEX_ENOUGH : 0;
    }
    p->found = true;
    const char *name = e->path + (p->dir_len > 0 ? p->dir_len + 1 : 0);
    const char *end = e->path + e->len;
    const char *slash = memchr(name, '/', (size_t)(end - name));
    size_t len = (size_t)((slash != NULL ? slash : end) - name);
    if (p->count > 0 && p->last_len == len && memcmp(p->last, name, len) == 0)
        return 0; /* deeper in the child before */
    if (p->after != NULL && index_compare(name, len, p->after, p->after_len) <= 0)
        return 0;
    return add(p, e->path, (size_t)(name + len - e->path), slash == NULL ? e : NULL, name, len, err);
}

/* --- a search -------------------------------------------------------------------------------------------------------
 */

static bool matches(struct page *p, const struct index_entry *e)
{
    if (p->query->problems && e->outcome == '-')
        return false;
    if (p->search == NULL)
        return true;
    const char *slash = memchr(p->search, '/', p->search_len) == NULL ? memrchr(e->path, '/', e->len) : NULL;
    const char *from = slash != NULL ? slash + 1 : e->path;
    size_t len = (size_t)(e->path + e->len - from);
    for (size_t i = 0; i < len; i++)
        p->lower[i] = (char)tolower((unsigned char)from[i]);
    return memmem(p->lower, len, p->search, p->search_len) != NULL;
}

static int take_match(void *ctx, const struct index_entry *e, struct err *err)
{
    struct page *p = ctx;
    if (!matches(p, e) || (p->after != NULL && index_compare(e->path, e->len, p->after, p->after_len) <= 0))
        return 0;
    return add(p, e->path, e->len, e, e->path, e->len, err);
}

/* --- both -----------------------------------------------------------------------------------------------------------
 */

static bool prepare(struct page *p)
{
    const struct files_query *q = p->query;
    const char *dir = pathtext_bytes(p->arena, q->path != NULL ? q->path : "", &p->dir_len);
    p->entries = json_array();
    if (dir == NULL || p->entries == NULL)
        return false;
    for (; p->dir_len > 0 && dir[0] == '/'; p->dir_len--)
        dir++;
    while (p->dir_len > 0 && dir[p->dir_len - 1] == '/')
        p->dir_len--;
    p->dir = dir;
    if (q->after != NULL && (p->after = pathtext_bytes(p->arena, q->after, &p->after_len)) == NULL)
        return false;
    if (q->search != NULL) {
        const char *search = pathtext_bytes(p->arena, q->search, &p->search_len);
        p->search = search != NULL ? arena_strndup(p->arena, search, p->search_len) : NULL;
        for (size_t i = 0; p->search != NULL && i < p->search_len; i++)
            p->search[i] = (char)tolower((unsigned char)search[i]);
    }
    return q->search == NULL || p->search != NULL;
}

int files_page(const struct index_source *source, const struct index_limits *limits, const struct files_query *query,
               struct arena *arena, json_t **ret, struct err *err)
{
    struct page *p = arena_alloc(arena, sizeof *p);
    bool search = query->search != NULL || query->problems;
    if (p == NULL)
        return nomem(err);
    p->arena = arena;
    p->query = query;
    int rc = prepare(p) ? index_read(source, limits, search ? take_match : take_child, p, err) : nomem(err);
    if (rc == 0 && !search && p->dir_len > 0 && !p->found)
        rc = err_set(err, ERR_NOT_FOUND, "There is no such directory in this backup.");
    const char *next = p->more ? pathtext_of(arena, p->last, p->last_len) : NULL;
    json_t *json = rc == 0 ? json_pack("{s:O, s:s?}", "entries", p->entries, "next", next) : NULL;
    json_decref(p->entries);
    if (rc == 0 && (json == NULL || (p->more && next == NULL))) {
        json_decref(json);
        rc = nomem(err);
    }
    if (rc == 0)
        *ret = json;
    return rc;
}
