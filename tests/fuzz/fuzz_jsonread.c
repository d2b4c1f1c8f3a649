/* Any bytes as a request body, read the way handlers read theirs. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/jsonread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_sources(struct jsonread *r)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(r, "sources", 5, &list);
    for (size_t i = 0; i < count; i++) {
        struct jsonread item;
        jsonread_item(r, "sources", list, i, &item);
        const char *path = jsonread_str(&item, "path", 1, 40);
        assert(path == NULL || (strlen(path) >= 1 && strlen(path) <= 40));
    }
    count = jsonread_array_or_none(r, "labels", 5, &list);
    for (size_t i = 0; i < count; i++)
        (void)jsonread_item_str(r, "labels", list, i, 0, 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"full", "incremental", NULL};
    struct err err = {0};
    json_t *json = jsonread_parse((struct span){.ptr = (const char *)data, .len = size}, &err);
    if (json == NULL) {
        assert(err.code == ERR_INVALID);
        return 0;
    }
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, json, &wrong);
    const char *name = jsonread_str_or(&r, "name", 1, 10, "none");
    int64_t n = jsonread_int_or(&r, "filesize", 0, 1000, 0);
    assert(n >= 0 && n <= 1000);
    int kind = jsonread_enum_or(&r, "type", kinds, 0);
    assert(kind >= 0 && kind < 2);
    (void)jsonread_bool_or(&r, "flag", true);
    (void)jsonread_text_or(&r, "message", 0, 100, NULL);
    struct jsonread inner;
    jsonread_object_or_none(&r, "options", &inner);
    (void)jsonread_int(&inner, "level", 1, 19);
    read_sources(&r);
    assert(wrong.failed || name != NULL);
    assert(!wrong.failed || (wrong.reason[0] != '\0' && strlen(wrong.pointer) < sizeof wrong.pointer));
    json_decref(json);
    return 0;
}
