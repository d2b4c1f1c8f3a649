/* store_local_private.h: shared by store_local.c (uploads), store_local_object.c (finished objects), store_local_body.c
 * (bodies) and store_local_url.c (signatures). */
#ifndef MUSTER_STORE_STORE_LOCAL_PRIVATE_H
#define MUSTER_STORE_STORE_LOCAL_PRIVATE_H

#include "auth/secrets.h"
#include "settings.h"
#include "store/store_driver.h"

#define STORE_LOCAL_REGION "local"

struct store_local {
    struct store base;
    int objects_fd;
    int uploads_fd;
    int incoming_fd;
    char *incoming;  /* path, as nginx is told it */
    const char *url; /* https://host:port of the agents' port */
    const struct secrets *secrets;
    int64_t reserve_bytes;
};

/* A driver's function is only ever called with its own store. */
static inline struct store_local *store_local_self(struct store *base)
{
    return (struct store_local *)base;
}

/* Walks to the directory of an object, making what is missing when make is set; *ret_name is the last segment. */
int store_local_parent(const struct store_local *s, const char *path, bool make, int *ret_fd, const char **ret_name,
                       struct err *err) MUSTER_NODISCARD;

bool store_local_upload_id_valid(const char *id);

/* The driver's functions that are in other files than store_local.c. */
int store_local_object_delete(struct store *base, const char *path, struct err *err) MUSTER_NODISCARD;
int store_local_user_remove(struct store *base, const char *user_id, int64_t deadline_ms, bool *ret_gone,
                            struct err *err) MUSTER_NODISCARD;
int store_local_object_head(struct store *base, const char *path, struct store_object *ret,
                            struct err *err) MUSTER_NODISCARD;
int store_local_object_thaw(struct store *base, const char *path, int days, struct err *err) MUSTER_NODISCARD;
int store_local_object_open(struct store *base, const char *path, struct store_reader **ret,
                            struct err *err) MUSTER_NODISCARD;
int store_local_object_read(struct store_reader *reader, void *buf, size_t size, size_t *ret_len,
                            struct err *err) MUSTER_NODISCARD;
void store_local_object_close(struct store_reader *reader);
int store_local_presign(struct store *base, const struct store_url *want, struct arena *arena, const char **ret_url,
                        int64_t *ret_expires_ms, struct err *err) MUSTER_NODISCARD;

#endif
