#include <stdio.h>
#include <time.h>

#include "update/stage.h"
#include "update/update.h"

enum { PATIENCE_S = 60 };

/* The hourly check, or a download, may be at the metadata just now. */
static int find_patiently(const struct agent *agent, const char *version, const char *running, struct release *ret,
                          struct err *err)
{
    for (int tries = 0;; tries++) {
        int rc = stage_find(agent, version, running, ret, err);
        if (rc != ERR_CONFLICT || tries == PATIENCE_S)
            return rc;
        (void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
}

int update_signed_image(const struct agent *agent, const char *version, const char *running, char *ret, size_t size,
                        struct err *err)
{
    struct release release;
    int rc = find_patiently(agent, version, running, &release, err);
    if (rc != 0)
        return rc;
    if (release.image[0] == '\0')
        return err_set(err, ERR_NOT_FOUND, "%.64s was released without a container image", version);
    if (snprintf(ret, size, "%s", release.image) >= (int)size)
        return err_set(err, ERR_TOO_BIG, "the container image of %.64s has too long a name", version);
    return 0;
}
