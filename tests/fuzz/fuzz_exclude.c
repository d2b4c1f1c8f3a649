/* Patterns of a server that is not to be trusted, against names of a host that is not either.
 *
 * The bytes are lines: the last one is the path, those before it are the patterns. */
#include <assert.h>
#include <stdint.h>

#include "snapshot/exclude.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_BYTES = 4096, PATTERNS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[SIZE_MAX_BYTES + 8];
    static const char source[] = "/s/";
    const char *patterns[PATTERNS_MAX];
    size_t count = 0;
    if (size > SIZE_MAX_BYTES)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *line = text;
    for (char *end; count < PATTERNS_MAX && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        patterns[count++] = line;
    }
    char path[sizeof source + SIZE_MAX_BYTES];
    memcpy(path, source, sizeof source);
    strcat(path, line);
    struct excludes *e = NULL;
    struct err err;
    assert(excludes_new(patterns, count, &e, &err) == 0);
    bool as_directory = excludes_match(e, path, 2, true);
    bool as_file = excludes_match(e, path, 2, false);
    bool for_directories = false;
    for (size_t i = 0; i < count; i++)
        for_directories = for_directories || strchr(patterns[i], '/') != NULL;
    assert(as_directory == as_file || for_directories);
    excludes_free(e);
    if (line[0] != '\0')
        assert(exclude_glob("**", line) && (strchr(line, '/') != NULL || exclude_glob("*", line)));
    if (strpbrk(line, "*?[\\") == NULL)
        assert(exclude_glob(line, line));
    return 0;
}
