#include "update/space.h"

#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>

enum { MIB = 1024 * 1024 };
enum { INODES_NEEDED = 8 }; /* part, new, backup, trial, and their temporary names */

/* "3.4 MiB" */
static const char *human(int64_t bytes, char ret[24])
{
    int64_t tenths = bytes / MIB * 10 + bytes % MIB * 10 / MIB;
    (void)snprintf(ret, 24, "%lld.%lld MiB", (long long)(tenths / 10), (long long)(tenths % 10));
    return ret;
}

int space_check(const char *directory, const struct space_need *need, struct err *err)
{
    struct statvfs st;
    char have[24], want[24], kept[24];
    if (statvfs(directory, &st) != 0)
        return err_sys(err, ERR_IO, "cannot find out how much room there is in %s", directory);
    int64_t available = (int64_t)(st.f_bavail * st.f_frsize);
    int64_t files = need->fetched + need->copied + need->patch;
    errno = ENOSPC;
    if (available < files + need->reserve)
        return err_sys(err, ERR_IO, "%.120s: %s free, %s needed (%s of it is UPDATE_RESERVE_MB)", directory,
                       human(available, have), human(files + need->reserve, want), human(need->reserve, kept));
    if (st.f_files > 0 && st.f_favail < INODES_NEEDED)
        return err_sys(err, ERR_IO, "%.120s: no room for more files (%llu inodes free)", directory,
                       (unsigned long long)st.f_favail);
    return 0;
}
