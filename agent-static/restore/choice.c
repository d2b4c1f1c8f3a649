#include "restore/choice.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "snapshot/exclude.h"

static const char *without_slashes(const char *path)
{
    while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
        path++;
    return path;
}

static bool is_below(const char *top, const char *path)
{
    top = without_slashes(top);
    size_t len = strlen(top);
    while (len > 0 && top[len - 1] == '/')
        len--;
    if (len == 0 || (len == 1 && top[0] == '.'))
        return true;
    return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool name_matches(const char *pattern, const char *path)
{
    char name[NAME_MAX + 1];
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        if (len > 0 && len <= NAME_MAX) {
            memcpy(name, path, len);
            name[len] = '\0';
            if (exclude_glob(pattern, name))
                return true;
        }
        path += len + strspn(path + len, "/");
    }
    return false;
}

/* A directory's path ends with a slash in some archives. */
static bool path_matches(const char *pattern, const char *path)
{
    char more[PATH_MAX + 8];
    for (int inside = 0; inside < 3; inside++) {
        static const char *const ends[] = {"", "/", "/**"};
        int len = snprintf(more, sizeof more, "%s%s", pattern, ends[inside]);
        if (len > 0 && (size_t)len < sizeof more && exclude_glob(more, path))
            return true;
    }
    return false;
}

static bool matches(const char *pattern, const char *path)
{
    return strchr(pattern, '/') == NULL ? name_matches(pattern, path) : path_matches(without_slashes(pattern), path);
}

bool choice_has(const struct choice *choice, const char *path)
{
    if (choice == NULL)
        return true;
    path = without_slashes(path);
    bool below = choice->path_count == 0;
    for (size_t i = 0; i < choice->path_count && !below; i++)
        below = is_below(choice->paths[i], path);
    bool match = choice->pattern_count == 0;
    for (size_t i = 0; i < choice->pattern_count && below && !match; i++)
        match = matches(choice->patterns[i], path);
    return below && match;
}
