/* store_s3.h: backups in a bucket of an S3 store: Amazon's, or one that speaks its language at an endpoint (Ceph,
 * MinIO, OpenStack Swift, R2 …).
 *
 * Agents write and read there by pre-signed URLs and never see a credential; the server speaks to the store only to
 * begin, complete, list and remove. Stores differ in what they say, so nothing is believed from one sign alone: an
 * object is complete when the store lists every part with its size, has accepted them, and shows an object of their
 * size. The bucket must be this server's alone: uploads in it that the database does not know are given up. */
#ifndef MUSTER_STORE_STORE_S3_H
#define MUSTER_STORE_STORE_S3_H

#include "settings_s3.h"
#include "store/store.h"

/* settings must outlive the store. Nothing is asked of the store yet: a server starts while its store is away. */
int store_s3_open(const struct settings_s3 *settings, struct store **ret, struct err *err) MUSTER_NODISCARD;

#endif
