/* store_driver.h: what a kind of store implements. Only for store*.c; the contracts are those of store.h. */
#ifndef MUSTER_STORE_STORE_DRIVER_H
#define MUSTER_STORE_STORE_DRIVER_H

#include "store/store.h"

struct store_driver {
    bool tracks_parts;
    enum part_digest digest;
    void (*close)(struct store *s);
    int (*check)(struct store *s, struct err *err);
    int (*room)(struct store *s, int64_t *ret, struct err *err);
    int (*presign)(struct store *s, const struct store_url *want, struct arena *arena, const char **ret_url,
                   int64_t *ret_expires_ms, struct err *err);
    int (*upload_begin)(struct store *s, const char *path, const char *id_hint, char ret[STORE_UPLOAD_ID_SIZE],
                        struct err *err);
    int (*upload_complete)(struct store *s, const char *path, const char *upload_id, const struct store_part *parts,
                           size_t count, struct store_made *ret, struct err *err);
    int (*upload_abort)(struct store *s, const char *path, const char *upload_id, struct err *err);
    int (*upload_forget)(struct store *s, const char *path, const char *upload_id, struct err *err);
    int (*upload_each)(struct store *s, int64_t min_age_s, store_upload_fn *fn, void *ctx, struct err *err);
    int (*object_delete)(struct store *s, const char *path, struct err *err);
    int (*user_remove)(struct store *s, const char *user_id, int64_t deadline_ms /* monotonic */, bool *ret_gone,
                       struct err *err);
    int (*object_head)(struct store *s, const char *path, struct store_object *ret, struct err *err);
    int (*object_thaw)(struct store *s, const char *path, int days, struct err *err);
    int (*object_open)(struct store *s, const char *path, struct store_reader **ret, struct err *err);
    int (*object_read)(struct store_reader *r, void *buf, size_t size, size_t *ret_len, struct err *err);
    void (*object_close)(struct store_reader *r);
    int (*sweep)(struct store *s, int64_t max_age_s, struct err *err);
};

/* A driver's own struct begins with this one. */
struct store {
    const struct store_driver *driver;
    const char *bucket;
    const char *region;
};

/* So does a driver's reader. */
struct store_reader {
    struct store *store;
};

/* Of the parts together. */
static inline int64_t store_parts_size(const struct store_part *parts, size_t count)
{
    int64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    return size;
}

#endif
