/* store_s3_private.h: the S3 store, shared by store_s3*.c. */
#ifndef MUSTER_STORE_STORE_S3_PRIVATE_H
#define MUSTER_STORE_STORE_S3_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "settings_s3.h"
#include "store/sigv4.h"
#include "store/store_driver.h"

enum { S3_IDLE_MAX = 4 /* connections that are kept */ };

struct store_s3 {
    struct store base;
    const struct settings_s3 *settings;
    char *origin;    /* "https://bucket.s3.eu-central-1.amazonaws.com" */
    char *authority; /* its part behind "://": what Host says */
    char *prefix;    /* of paths: "/bucket" when the bucket is not in the host's name, else "" */
    pthread_mutex_t lock;
    void *idle[S3_IDLE_MAX]; /* CURL handles with their connections */
    size_t idle_count;
    atomic_bool without_if_none_match; /* the store has said that it does not know it */
    pthread_mutex_t check_lock;
    bool checked;
    int64_t checked_ms; /* monotonic */
    struct err check_err;
};

static inline struct store_s3 *store_s3_self(struct store *base)
{
    return (struct store_s3 *)base;
}

/* The driver's functions that are in other files than store_s3.c. */
int store_s3_check(struct store *base, struct err *err) MUSTER_NODISCARD;
int store_s3_upload_begin(struct store *base, const char *path, const char *id_hint, char ret[STORE_UPLOAD_ID_SIZE],
                          struct err *err) MUSTER_NODISCARD;
int store_s3_upload_complete(struct store *base, const char *path, const char *upload_id,
                             const struct store_part *parts, size_t count, struct store_made *ret,
                             struct err *err) MUSTER_NODISCARD;
int store_s3_upload_abort(struct store *base, const char *path, const char *upload_id,
                          struct err *err) MUSTER_NODISCARD;
int store_s3_upload_forget(struct store *base, const char *path, const char *upload_id,
                           struct err *err) MUSTER_NODISCARD;
int store_s3_upload_each(struct store *base, int64_t min_age_s, store_upload_fn *fn, void *ctx,
                         struct err *err) MUSTER_NODISCARD;
int store_s3_object_delete(struct store *base, const char *path, struct err *err) MUSTER_NODISCARD;
int store_s3_user_remove(struct store *base, const char *user_id, int64_t deadline_ms, bool *ret_gone,
                         struct err *err) MUSTER_NODISCARD;
int store_s3_object_head(struct store *base, const char *path, struct store_object *ret,
                         struct err *err) MUSTER_NODISCARD;
int store_s3_object_thaw(struct store *base, const char *path, int days, struct err *err) MUSTER_NODISCARD;
int store_s3_object_open(struct store *base, const char *path, struct store_reader **ret,
                         struct err *err) MUSTER_NODISCARD;
int store_s3_object_read(struct store_reader *reader, void *buf, size_t size, size_t *ret_len,
                         struct err *err) MUSTER_NODISCARD;
void store_s3_object_close(struct store_reader *reader);

#endif
