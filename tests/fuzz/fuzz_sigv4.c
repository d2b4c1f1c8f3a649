/* Queries of pre-signed URLs: whatever comes is refused or taken apart, and never passes without the key. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "store/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sigv4_key key = {.id = "K", .secret = "s", .region = "local", .service = "s3"};
    static const struct sigv4_pair headers[] = {{"host", "localhost:8444"}};
    struct arena *arena = arena_new(1 << 20);
    struct sigv4_presigned p;
    char *query = arena == NULL ? NULL : arena_strndup(arena, (const char *)data, size);
    if (query != NULL && sigv4_parse(query, arena, &p, NULL) == 0) {
        const struct sigv4_expected expected = {
            .method = "GET", .path = "/objects/x", .headers = headers, .header_count = 1, .now_ms = p.time_ms};
        if (sigv4_verify(&key, &p, &expected, arena, NULL) == 0)
            abort(); /* nobody has signed anything here */
    }
    arena_free(arena);
    return 0;
}
