/* tempdir.h: a directory for one test, gone afterwards. */
#ifndef MUSTER_TESTS_TEMPDIR_H
#define MUSTER_TESTS_TEMPDIR_H

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tempdir {
    char path[64];
};

static inline void tempdir_make(struct tempdir *t)
{
    (void)snprintf(t->path, sizeof t->path, "/tmp/muster-test-XXXXXX");
    if (mkdtemp(t->path) == NULL)
        abort();
}

/* The path of name in it, in storage that the next call but three takes again. */
static inline const char *tempdir_path(const struct tempdir *t, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, PATH_MAX, "%s/%s", t->path, name);
    return path;
}

static inline void tempdir_remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char child[PATH_MAX];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (lstat(child, &st) == 0 && S_ISDIR(st.st_mode))
            tempdir_remove_tree(child);
        else
            (void)unlink(child);
    }
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(path);
}

static inline void tempdir_remove(struct tempdir *t)
{
    tempdir_remove_tree(t->path);
}

/* For cmocka: a directory for each test, which is its state. */
static inline int tempdir_setup(void **state)
{
    static struct tempdir dir;
    tempdir_make(&dir);
    *state = &dir;
    return 0;
}

static inline int tempdir_teardown(void **state)
{
    tempdir_remove(*state);
    return 0;
}

#endif
