/* store_driver.h: what a kind of store implements. Only for store*.c; the contracts are those of store.h. */
#ifndef MUSTER_BACKUP_STORE_DRIVER_H
#define MUSTER_BACKUP_STORE_DRIVER_H

#include "backup/store.h"

struct store_driver {
    const char *bucket;
    const char *region;
    void (*close)(struct store *s);
    int (*check)(struct store *s, struct err *err);
    int (*room)(struct store *s, int64_t *ret, struct err *err);
    int (*presign)(struct store *s, const struct store_url *want, struct arena *arena, const char **ret_url,
                   int64_t *ret_expires_ms, struct err *err);
    int (*upload_begin)(struct store *s, const char *path, const char *run_id, char ret[STORE_UPLOAD_ID_SIZE],
                        struct err *err);
    int (*upload_complete)(struct store *s, const char *path, const char *upload_id, int64_t size, struct err *err);
    int (*upload_abort)(struct store *s, const char *path, const char *upload_id, struct err *err);
    int (*upload_forget)(struct store *s, const char *upload_id, struct err *err);
    int (*upload_each)(struct store *s, int64_t min_age_s, store_upload_fn *fn, void *ctx, struct err *err);
    int (*sweep)(struct store *s, int64_t max_age_s, struct err *err);
};

/* A driver's own struct begins with this one. */
struct store {
    const struct store_driver *driver;
};

#endif
