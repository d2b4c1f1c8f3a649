/* part_digest.h: what the bytes of a part are compared by, as lower-case hex: MD5, which S3 stores and their clients
 * know, or XXH64, which takes a tenth of the time. Its length tells which.
 *
 * Both find what went wrong on the way or on a disk, and are no protection from anybody: against strangers there is the
 * signature of the URL, and what an archive was when it was made says its SHA-256. */
#ifndef MUSTER_STORE_PART_DIGEST_H
#define MUSTER_STORE_PART_DIGEST_H

#include <stdint.h>

#include "common/err.h"

enum part_digest { PART_MD5, PART_XXH64 };

enum { PART_DIGEST_SIZE = 33 }; /* of either in hex */

/* Of what is a digest. */
enum part_digest part_digest_of(const char *hex);

/* The digest of the file's first size bytes. */
int part_digest_file(enum part_digest kind, int fd, int64_t size, char ret[PART_DIGEST_SIZE],
                     struct err *err) MUSTER_NODISCARD;

#endif
