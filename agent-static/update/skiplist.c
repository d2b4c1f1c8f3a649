#include "update/skiplist.h"

#include <stdio.h>
#include <string.h>

#include "common/jsonread.h"
#include "common/jsonwrite.h"
#include "common/version.h"

enum { FILE_MAX = 16 * 1024 };

void skiplist_load(const char *path, struct skiplist *ret)
{
    struct err err;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    const json_t *list = NULL;
    *ret = (struct skiplist){.count = 0};
    json_t *root = jsonread_file(path, FILE_MAX, &err);
    jsonread_init(&r, root, &wrong);
    size_t count = jsonread_array_or_none(&r, "skipped", SKIPLIST_MAX, &list);
    for (size_t i = 0; i < count; i++) {
        struct jsonread item;
        jsonread_item(&r, "skipped", list, i, &item);
        const char *version = jsonread_str(&item, "version", 1, POLICY_VERSION_SIZE - 1);
        const char *reason = jsonread_str_or(&item, "reason", 0, POLICY_REASON_SIZE - 1, "");
        int64_t time_ms = jsonread_int_or(&item, "time_ms", 0, INT64_MAX, 0);
        if (!wrong.failed && version_valid(version))
            skiplist_add(ret, version, reason, time_ms);
    }
    json_decref(root);
}

json_t *skiplist_json(const struct skiplist *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->count && list != NULL; i++) {
        json_t *entry = json_pack("{s:s, s:s, s:I}", "version", s->list[i].version, "reason", s->list[i].reason,
                                  "time_ms", (json_int_t)s->list[i].time_ms);
        if (json_array_append_new(list, entry) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

int skiplist_save(const char *path, const struct skiplist *s, struct err *err)
{
    json_t *list = skiplist_json(s);
    return jsonwrite_file(path, list != NULL ? json_pack("{s:o}", "skipped", list) : NULL, JSON_COMPACT, err);
}

static size_t find(const struct skiplist *s, const char *version)
{
    size_t i = 0;
    while (i < s->count && strcmp(s->list[i].version, version) != 0)
        i++;
    return i;
}

const char *skiplist_reason(const struct skiplist *s, const char *version)
{
    size_t i = find(s, version);
    return i < s->count ? s->list[i].reason : NULL;
}

static void take_out(struct skiplist *s, size_t i)
{
    memmove(s->list + i, s->list + i + 1, (s->count - i - 1) * sizeof s->list[0]);
    s->count--;
}

void skiplist_add(struct skiplist *s, const char *version, const char *reason, int64_t now_ms)
{
    size_t i = find(s, version);
    if (i < s->count)
        take_out(s, i);
    else if (s->count == SKIPLIST_MAX)
        take_out(s, 0);
    struct skiplist_entry *e = &s->list[s->count++];
    *e = (struct skiplist_entry){.time_ms = now_ms};
    (void)snprintf(e->version, sizeof e->version, "%s", version);
    (void)snprintf(e->reason, sizeof e->reason, "%s", reason);
}

bool skiplist_forget(struct skiplist *s, const char *version)
{
    size_t before = s->count;
    if (version == NULL)
        s->count = 0;
    else if (find(s, version) < s->count)
        take_out(s, find(s, version));
    return s->count != before;
}

bool skiplist_outgrown(struct skiplist *s, const char *own_version)
{
    size_t before = s->count;
    for (size_t i = 0; i < s->count;)
        if (version_compare(s->list[i].version, own_version) <= 0)
            take_out(s, i);
        else
            i++;
    return s->count != before;
}
