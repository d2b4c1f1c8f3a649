/* store_local_private.h: shared by store_local.c (files) and store_local_url.c (signatures). */
#ifndef MUSTER_BACKUP_STORE_LOCAL_PRIVATE_H
#define MUSTER_BACKUP_STORE_LOCAL_PRIVATE_H

#include "auth/secrets.h"
#include "backup/store_driver.h"
#include "settings.h"

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

int store_local_presign(struct store *base, const struct store_url *want, struct arena *arena, const char **ret_url,
                        int64_t *ret_expires_ms, struct err *err) MUSTER_NODISCARD;

#endif
