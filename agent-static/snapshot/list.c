#include "snapshot/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "snapshot/list_format.h"
#include "snapshot/walk.h"

struct list {
    int fd;
    ZSTD_DCtx *zstd;
    bool file_ended, frame_ended;
    size_t have, at; /* of plain */
    ZSTD_inBuffer in;
    struct list_head head;
    struct list_totals totals; /* as the tail has them, once that was read */
    struct list_totals seen;
    struct list_entry entry;
    char *path; /* entry.path */
    size_t path_size;
    unsigned char packed[LIST_BUFFER];
    unsigned char plain[LIST_BUFFER];
};

/* --- entries ----------------------------------------------------------------------------------------------------- */

static unsigned rank(char c)
{
    return c == '\0' ? 0 : c == '/' ? 1 : (unsigned)(unsigned char)c + 1;
}

int path_compare(const char *a, const char *b)
{
    while (*a == *b && *a != '\0') {
        a++;
        b++;
    }
    unsigned left = rank(*a), right = rank(*b);
    return left < right ? -1 : left > right ? 1 : 0;
}

void list_entry_stat(struct list_entry *e, const struct stat *st)
{
    switch (st->st_mode & S_IFMT) {
    case S_IFDIR: e->type = 'd'; break;
    case S_IFLNK: e->type = 'l'; break;
    case S_IFIFO: e->type = 'p'; break;
    case S_IFCHR: e->type = 'c'; break;
    case S_IFBLK: e->type = 'b'; break;
    case S_IFSOCK: e->type = 's'; break;
    default: e->type = 'f'; break;
    }
    e->size = e->type == 'f' ? (uint64_t)st->st_size : 0;
    e->mtime = st->st_mtim;
    e->ctime = st->st_ctim;
    e->ino = st->st_ino;
}

bool list_entry_counts(const struct list_entry *e)
{
    return e->outcome != LIST_VANISHED && (e->outcome != LIST_SKIPPED || e->seq >= 0);
}

int64_t list_time_ms(const struct timespec *t)
{
    const int64_t last = (int64_t)1 << 53;
    if (t->tv_sec >= last / 1000)
        return last;
    return t->tv_sec <= -last / 1000 ? -last : (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

/* --- bytes ------------------------------------------------------------------------------------------------------- */

static int damaged(const char *what, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the list of files is damaged: %s", what);
}

static int read_packed(struct list *l, struct err *err)
{
    ssize_t n;
    do
        n = read(l->fd, l->packed, sizeof l->packed);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(err, ERR_IO, "read the list of files");
    l->in = (ZSTD_inBuffer){.src = l->packed, .size = (size_t)n};
    l->file_ended = n == 0;
    return 0;
}

/* More plain bytes; none at the end of the frame. */
static int fill(struct list *l, struct err *err)
{
    ZSTD_outBuffer out = {.dst = l->plain, .size = sizeof l->plain};
    l->have = l->at = 0;
    while (out.pos == 0 && !l->frame_ended) {
        int rc = l->in.pos == l->in.size && !l->file_ended ? read_packed(l, err) : 0;
        if (rc != 0)
            return rc;
        size_t in_before = l->in.pos;
        size_t left = ZSTD_decompressStream(l->zstd, &out, &l->in);
        if (ZSTD_isError(left))
            return damaged(ZSTD_getErrorName(left), err);
        l->frame_ended = left == 0;
        if (left != 0 && out.pos == 0 && l->in.pos == in_before && l->file_ended)
            return damaged("its end is missing", err);
    }
    l->have = out.pos;
    return 0;
}

static int get(struct list *l, void *ret, size_t len, struct err *err)
{
    unsigned char *to = ret;
    while (len > 0) {
        if (l->at == l->have) {
            int rc = fill(l, err);
            if (rc != 0)
                return rc;
            if (l->have == 0)
                return damaged("its end is missing", err);
        }
        size_t n = l->have - l->at < len ? l->have - l->at : len;
        memcpy(to, l->plain + l->at, n);
        l->at += n;
        to += n;
        len -= n;
    }
    return 0;
}

static int number(struct list *l, uint64_t max, uint64_t *ret, struct err *err)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char c = 0;
        if (l->at < l->have) {
            c = l->plain[l->at++];
        } else {
            int rc = get(l, &c, 1, err);
            if (rc != 0)
                return rc;
        }
        if (shift == 63 && c > 1)
            break;
        value |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            if (value > max)
                break;
            *ret = value;
            return 0;
        }
    }
    return damaged("a number", err);
}

static int signed_number(struct list *l, int64_t *ret, struct err *err)
{
    uint64_t value = 0;
    int rc = number(l, UINT64_MAX, &value, err);
    if (rc == 0)
        *ret = (int64_t)(value >> 1 ^ ((value & 1) != 0 ? UINT64_MAX : 0));
    return rc;
}

static int get_time(struct list *l, struct timespec *ret, struct err *err)
{
    int64_t seconds = 0;
    uint64_t nanoseconds = 0;
    int rc = signed_number(l, &seconds, err);
    if (rc == 0)
        rc = number(l, 999999999, &nanoseconds, err);
    if (rc == 0)
        *ret = (struct timespec){.tv_sec = seconds, .tv_nsec = (long)nanoseconds};
    return rc;
}

/* --- head, entries, tail ----------------------------------------------------------------------------------------- */

static int get_id(struct list *l, char ret[REMOTE_ID_SIZE], struct err *err)
{
    uint64_t len = 0;
    int rc = number(l, REMOTE_ID_SIZE - 1, &len, err);
    if (rc == 0)
        rc = get(l, ret, (size_t)len, err);
    if (rc != 0)
        return rc;
    ret[len] = '\0';
    return strlen(ret) == len && remote_id_valid(ret) ? 0 : damaged("an id", err);
}

static int get_head(struct list *l, struct err *err)
{
    char magic[sizeof LIST_MAGIC - 1];
    uint64_t seq = 0;
    int rc = get(l, magic, sizeof magic, err);
    if (rc == 0 && memcmp(magic, LIST_MAGIC, sizeof magic) != 0)
        rc = damaged("it is something else", err);
    if (rc == 0)
        rc = get_id(l, l->head.config_id, err);
    if (rc == 0)
        rc = get_id(l, l->head.run_id, err);
    if (rc == 0)
        rc = number(l, INT32_MAX, &seq, err);
    if (rc == 0)
        rc = signed_number(l, &l->head.start_ms, err);
    l->head.chain_seq = (unsigned)seq;
    return rc;
}

static int make_room(struct list *l, size_t size, struct err *err)
{
    if (size <= l->path_size)
        return 0;
    char *more = realloc(l->path, size * 2);
    if (more == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    l->path = more;
    l->path_size = size * 2;
    return 0;
}

/* The path replaces the one before, and must come after it: its first new byte decides. */
static int get_path(struct list *l, struct err *err)
{
    size_t before = l->seen.entries == 0 ? 0 : strlen(l->path);
    uint64_t shared = 0, rest = 0;
    int rc = number(l, before, &shared, err);
    if (rc == 0)
        rc = number(l, WALK_PATH_MAX - 1 - shared, &rest, err);
    if (rc == 0)
        rc = make_room(l, (size_t)(shared + rest + 1), err);
    if (rc != 0)
        return rc;
    char old = l->seen.entries == 0 ? '\0' : l->path[shared];
    rc = get(l, l->path + shared, (size_t)rest, err);
    if (rc != 0)
        return rc;
    l->path[shared + rest] = '\0';
    if (memchr(l->path + shared, '\0', (size_t)rest) != NULL || l->path[0] == '/' ||
        (l->seen.entries > 0 && rank(old) >= rank(l->path[shared])))
        return damaged("a path", err);
    l->entry.path = l->path;
    return 0;
}

static int get_entry(struct list *l, unsigned char marks, struct err *err)
{
    struct list_entry *e = &l->entry;
    unsigned type = marks & LIST_TYPE_MASK;
    unsigned outcome = marks >> LIST_OUTCOME_SHIFT & LIST_OUTCOME_MASK;
    uint64_t seq = 0;
    if (type >= sizeof LIST_TYPES - 1 || outcome >= LIST_OUTCOMES)
        return damaged("an entry", err);
    e->type = LIST_TYPES[type];
    e->outcome = (enum list_outcome)outcome;
    e->doubt = (marks & LIST_DOUBT) != 0;
    int rc = get_path(l, err);
    if (rc == 0)
        rc = number(l, INT64_MAX, &e->size, err);
    if (rc == 0)
        rc = get_time(l, &e->mtime, err);
    if (rc == 0)
        rc = get_time(l, &e->ctime, err);
    if (rc == 0)
        rc = number(l, UINT64_MAX, &e->ino, err);
    if (rc == 0)
        rc = number(l, (uint64_t)l->head.chain_seq + 1, &seq, err);
    e->seq = (int64_t)seq - 1;
    return rc;
}

static int get_tail(struct list *l, struct err *err)
{
    struct list_totals t = {0};
    int rc = number(l, UINT64_MAX, &t.entries, err);
    if (rc == 0)
        rc = number(l, UINT64_MAX, &t.files, err);
    if (rc == 0)
        rc = number(l, UINT64_MAX, &t.bytes, err);
    if (rc != 0)
        return rc;
    if (t.entries != l->seen.entries || t.files != l->seen.files || t.bytes != l->seen.bytes)
        return damaged("its totals", err);
    l->totals = t;
    if (l->at == l->have && !l->frame_ended)
        rc = fill(l, err);
    if (rc == 0 && l->in.pos == l->in.size && !l->file_ended)
        rc = read_packed(l, err);
    if (rc == 0 && (l->at != l->have || !l->frame_ended || l->in.pos != l->in.size))
        rc = damaged("there is more behind its end", err);
    return rc;
}

int list_next(struct list *l, const struct list_entry **ret, struct err *err)
{
    unsigned char marks = 0;
    int rc = get(l, &marks, 1, err);
    if (rc == 0 && marks == LIST_END) {
        rc = get_tail(l, err);
        if (rc == 0)
            *ret = NULL;
        return rc;
    }
    if (rc == 0)
        rc = marks < LIST_END ? get_entry(l, marks, err) : damaged("an entry", err);
    if (rc != 0)
        return rc;
    l->seen.entries++;
    if (list_entry_counts(&l->entry)) {
        l->seen.files++;
        l->seen.bytes += l->entry.size;
    }
    *ret = &l->entry;
    return 0;
}

int list_rewind(struct list *l, struct err *err)
{
    if (lseek(l->fd, 0, SEEK_SET) != 0)
        return err_sys(err, ERR_IO, "the list of files");
    (void)ZSTD_DCtx_reset(l->zstd, ZSTD_reset_session_only);
    l->file_ended = l->frame_ended = false;
    l->have = l->at = 0;
    l->in = (ZSTD_inBuffer){.src = l->packed};
    l->seen = (struct list_totals){0};
    return get_head(l, err);
}

static int check(struct list *l, const char *config_id, struct err *err)
{
    int rc = list_rewind(l, err);
    if (rc == 0 && strcmp(l->head.config_id, config_id) != 0)
        rc = err_set(err, ERR_CORRUPT, "the list of files is of another configuration");
    const struct list_entry *e = &l->entry;
    while (rc == 0 && e != NULL)
        rc = list_next(l, &e, err);
    return rc == 0 ? list_rewind(l, err) : rc;
}

int list_open(const char *path, const char *config_id, struct list **ret, struct err *err)
{
    struct list *l = malloc(sizeof *l);
    if (l == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    l->path = NULL;
    l->path_size = 0;
    l->totals = (struct list_totals){0};
    l->entry = (struct list_entry){0};
    l->zstd = ZSTD_createDCtx();
    l->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int rc = 0;
    if (l->fd < 0)
        rc = err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", path);
    else if (l->zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(l->zstd, ZSTD_d_windowLogMax, LIST_WINDOW_LOG)))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else
        rc = check(l, config_id, err);
    if (rc != 0) {
        list_close(l);
        return rc;
    }
    *ret = l;
    return 0;
}

void list_close(struct list *l)
{
    if (l == NULL)
        return;
    if (l->fd >= 0)
        (void)close(l->fd);
    (void)ZSTD_freeDCtx(l->zstd);
    free(l->path);
    free(l);
}

const struct list_head *list_head(const struct list *l)
{
    return &l->head;
}

struct list_totals list_totals(const struct list *l)
{
    return l->totals;
}
