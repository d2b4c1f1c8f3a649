#include "update/update.h"

int update_signed_image(const struct agent *agent, const char *version, char *ret, size_t size, struct err *err)
{
    (void)agent;
    (void)version;
    (void)ret;
    (void)size;
    return err_set(err, ERR_UNAVAILABLE, "updates are not set up: no TUF root");
}
