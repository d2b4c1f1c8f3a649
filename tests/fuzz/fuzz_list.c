/* A list of files that somebody else wrote, or a broken disk: it is refused, or what it says can be written and read
 * again.
 *
 * The first byte chooses: the bytes as the file; as what is in its frame; or as what comes behind a good head there.
 * Bytes alone would hardly ever get past a frame's checksum. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "snapshot/index.h"
#include "snapshot/list.h"

enum { PLAIN_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

bool remote_id_valid(const char *s) /* of remote.c, which would bring the whole network with it */
{
    return *s != '\0';
}

static void write_file(const char *name, const void *data, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len || close(fd) != 0)
        abort();
}

static void make(const char *name, const uint8_t *data, size_t size)
{
    static const char head[] = "muster-list 1\n\001c\001r\005\002";
    static char plain[PLAIN_MAX + sizeof head], packed[2 * PLAIN_MAX];
    unsigned mode = *data++ % 3U;
    size--;
    if (mode == 0) {
        write_file(name, data, size);
        return;
    }
    size_t start = mode == 1 ? 0 : sizeof head - 1;
    memcpy(plain, head, start);
    memcpy(plain + start, data, size);
    size_t len = ZSTD_compress(packed, sizeof packed, plain, start + size, 1);
    assert(!ZSTD_isError(len));
    write_file(name, packed, len);
}

/* Reads list to its end, giving each entry to the writer or comparing it with the other list's. */
static void each(struct list *list, struct list_writer *writer, struct list *other)
{
    const struct list_entry *e, *o;
    struct err err;
    do {
        assert(list_next(list, &e, &err) == 0);
        if (writer != NULL && e != NULL)
            assert(list_add(writer, e, &err) == 0);
        if (other == NULL)
            continue;
        assert(list_next(other, &o, &err) == 0 && (e == NULL) == (o == NULL));
        assert(e == NULL ||
               (strcmp(e->path, o->path) == 0 && e->type == o->type && e->outcome == o->outcome && e->size == o->size &&
                e->seq == o->seq && list_time_ms(&e->mtime) == list_time_ms(&o->mtime)));
    } while (e != NULL);
}

static void write_index(struct list *list)
{
    const struct list_entry *e;
    struct err err;
    struct buf text;
    buf_init(&text, 4 * 1024 * 1024);
    assert(list_rewind(list, &err) == 0);
    while (list_next(list, &e, &err) == 0 && e != NULL) {
        buf_clear(&text);
        index_line(e, &text);
        assert(buf_ok(&text) && strchr(buf_str(&text), '\n') == text.data + text.len - 1);
    }
    buf_done(&text);
}

/* In memory, since a list is synced to the disk when it is written. */
static char path[] = "/dev/shm/muster-fuzz-list-XXXXXX", again[64];

static void remove_files(void)
{
    (void)unlink(path);
    (void)unlink(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (again[0] == '\0') {
        (void)atexit(remove_files);
        (void)close(mkstemp(path));
        (void)snprintf(again, sizeof again, "%s.again", path);
    }
    if (size == 0 || size > PLAIN_MAX)
        return 0;
    struct list *list = NULL, *copy = NULL;
    struct list_writer *writer = NULL;
    struct err err = {0};
    make(path, data, size);
    int rc = list_open(path, "c", &list, &err);
    assert(rc == 0 || rc == ERR_CORRUPT);
    if (rc == 0) {
        assert(list_create(again, list_head(list), &writer, &err) == 0);
        each(list, writer, NULL);
        assert(list_finish(writer, &err) == 0 && list_open(again, "c", &copy, &err) == 0);
        assert(list_totals(copy).bytes == list_totals(list).bytes);
        assert(list_rewind(list, &err) == 0);
        each(list, NULL, copy);
        write_index(list);
    }
    list_writer_free(writer);
    list_close(copy);
    list_close(list);
    return 0;
}
