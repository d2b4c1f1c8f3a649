/* The request target: any bytes; what is accepted must be canonical. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = {.ptr = (const char *)data, .len = size};
    struct arena *arena = arena_new(1 << 20);
    const char *path = NULL;
    const struct uri_pair *pairs = NULL;
    size_t count = 0;
    struct err err;
    if (arena == NULL)
        abort();
    if (uri_path_decode(all, arena, &path, &err) == 0) {
        assert(path[0] == '/' && strlen(path) <= size && uri_text_valid(path, strlen(path)));
        assert(strstr(path, "//") == NULL && strstr(path, "/../") == NULL && strchr(path, '\\') == NULL);
    }
    if (uri_query_parse(all, arena, &pairs, &count, &err) == 0)
        for (size_t i = 0; i < count; i++)
            assert(uri_text_valid(pairs[i].name, strlen(pairs[i].name)) &&
                   uri_text_valid(pairs[i].value, strlen(pairs[i].value)));
    arena_free(arena);
    return 0;
}
