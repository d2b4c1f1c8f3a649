/* settings_s3.h: where backups go when not to the local store. The names of the keys are those of Amazon's own tools.
 *
 * All of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (or its _FILE), AWS_REGION and AWS_S3_BUCKET are given, or none of
 * them: a half-configured store must not quietly become the local one. */
#ifndef MUSTER_SETTINGS_S3_H
#define MUSTER_SETTINGS_S3_H

#include <stdbool.h>

#include "common/config.h"
#include "common/err.h"

struct settings_s3 {
    const char *bucket;     /* AWS_S3_BUCKET; NULL: the local store, and all others are NULL, too */
    const char *key_id;     /* AWS_ACCESS_KEY_ID */
    const char *secret;     /* AWS_SECRET_ACCESS_KEY or the content of _FILE */
    const char *region;     /* AWS_REGION */
    const char *endpoint;   /* AWS_S3_ENDPOINT: https://host[:port]; NULL: Amazon's of the region */
    const char *ca_file;    /* MUSTER_S3_CA_FILE: whom the endpoint is certified by; NULL: the system's authorities */
    char *secret_from_file; /* owned */
};

/* Reads and checks; path for messages. Strings but the last live in c. ret is for settings_s3_done, whatever is
 * returned. */
int settings_s3_take(const struct config *c, const char *path, struct settings_s3 *ret,
                     struct err *err) MUSTER_NODISCARD;
void settings_s3_done(struct settings_s3 *s); /* wipes the secret */

/* Whether both name the same store with the same keys. */
bool settings_s3_same(const struct settings_s3 *a, const struct settings_s3 *b);

#endif
