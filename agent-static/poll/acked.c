#include "poll/acked.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/jsonread.h"
#include "common/jsonwrite.h"

enum { FILE_MAX = 128 * 1024 };

/* Index of the first number beyond that is not below seq. */
static size_t find(const struct acked *a, uint64_t seq)
{
    size_t low = 0;
    size_t high = a->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (a->beyond[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool acked_has(const struct acked *a, const char *epoch, uint64_t seq)
{
    if (strcmp(a->epoch, epoch) != 0)
        return false;
    size_t i = find(a, seq);
    return seq <= a->through || (i < a->count && a->beyond[i] == seq);
}

int acked_add(struct acked *a, uint64_t seq, struct err *err)
{
    if (acked_has(a, a->epoch, seq) || a->count == ACKED_BEYOND_MAX)
        return 0;
    uint64_t *more = realloc(a->beyond, (a->count + 1) * sizeof *more);
    if (more == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->beyond = more;
    size_t i = find(a, seq);
    memmove(more + i + 1, more + i, (a->count - i) * sizeof *more);
    more[i] = seq;
    a->count++;
    return 0;
}

bool acked_advance(struct acked *a, uint64_t seq)
{
    if (seq <= a->through)
        return true;
    size_t i = find(a, seq);
    if (i == a->count || a->beyond[i] != seq)
        return false;
    a->through = seq;
    a->count -= i + 1;
    memmove(a->beyond, a->beyond + i + 1, a->count * sizeof *a->beyond);
    return true;
}

void acked_reset(struct acked *a, const char *epoch)
{
    acked_done(a);
    *a = (struct acked){.through = 0};
    memcpy(a->epoch, epoch, strnlen(epoch, SEGMENT_EPOCH_LEN));
}

void acked_done(struct acked *a)
{
    free(a->beyond);
    a->beyond = NULL;
    a->count = 0;
}

static void take_json(struct acked *a, const json_t *value)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    const json_t *beyond = NULL;
    jsonread_init(&r, value, &wrong);
    const char *epoch = jsonread_str(&r, "epoch", SEGMENT_EPOCH_LEN, SEGMENT_EPOCH_LEN);
    int64_t through = jsonread_int(&r, "through", 0, INT64_MAX);
    size_t count = jsonread_array(&r, "beyond", 0, ACKED_BEYOND_MAX, &beyond);
    if (wrong.failed)
        return;
    acked_reset(a, epoch);
    a->through = (uint64_t)through;
    for (size_t i = 0; i < count; i++) {
        struct err err;
        json_int_t seq = json_integer_value(json_array_get(beyond, i));
        if (seq > 0 && acked_add(a, (uint64_t)seq, &err) != 0)
            return;
    }
}

void acked_load(const char *path, struct acked *ret)
{
    *ret = (struct acked){.through = 0};
    json_t *value = jsonread_file(path, FILE_MAX, NULL);
    if (value != NULL)
        take_json(ret, value);
    json_decref(value);
}

int acked_save(const char *path, const struct acked *a, struct err *err)
{
    json_t *beyond = json_array();
    for (size_t i = 0; i < a->count; i++)
        (void)json_array_append_new(beyond, json_integer((json_int_t)a->beyond[i]));
    json_t *value =
        json_pack("{s:s, s:I, s:o}", "epoch", a->epoch, "through", (json_int_t)a->through, "beyond", beyond);
    return jsonwrite_file(path, value, JSON_COMPACT, err);
}
