#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "poll/eventlog.h"
#include "poll/segment.h"

enum { NAME_LEN = 20, SIZE_MAX_BYTES = 64 * 1024 * 1024 };

/* The numbers have leading zeros, so that the last name is the newest. "" when there is none. */
static int find_newest(const char *dir, char ret[NAME_LEN + 1], struct err *err)
{
    ret[0] = '\0';
    DIR *d = opendir(dir);
    if (d == NULL)
        return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "open directory %s", dir);
    const struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        if (strlen(name) == NAME_LEN && strspn(name, "0123456789") == NAME_LEN - 4 &&
            strcmp(name + NAME_LEN - 4, ".seg") == 0 && strcmp(name, ret) > 0)
            memcpy(ret, name, NAME_LEN + 1);
    }
    (void)closedir(d);
    return 0;
}

/* The process that writes the log starts a new segment behind a damaged one, so the newest is whole but for its end,
 * which may be half written just now. */
int eventlog_check(const char *dir, struct err *err)
{
    char name[NAME_LEN + 1], path[PATH_MAX];
    struct segment s;
    struct record record;
    int rc = find_newest(dir, name, err);
    if (rc != 0 || name[0] == '\0')
        return rc;
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return err_set(err, ERR_TOO_BIG, "path too long");
    rc = segment_load(path, SIZE_MAX_BYTES, &s, err);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc; /* sent and removed meanwhile */
    enum segment_step step;
    while ((step = segment_next(&s, &record)) == SEGMENT_RECORD)
        ;
    segment_done(&s);
    return step == SEGMENT_DAMAGED ? err_set(err, ERR_CORRUPT, "%.200s is not understood", path) : 0;
}
