/* part.h: a file on its way here, which a later process can go on with.
 *
 * Two files: the part itself, beside the file it will become (same filesystem; 0600 while it is partial), and a note
 * that says what it is a part of: digest, size, the server's ETag. A part without a note, or with one for something
 * else, is never gone on with: it starts anew. One process at a time works on a part; its lock goes with the process.
 * What the part holds is believed only when its whole SHA-256 is right. */
#ifndef MUSTER_AGENT_UPDATE_PART_H
#define MUSTER_AGENT_UPDATE_PART_H

#include <mbedtls/sha256.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { PART_SHA256_SIZE = 65, PART_ETAG_SIZE = 80 };

struct part {
    const char *path; /* borrowed, like note */
    const char *note; /* NULL: none is kept, so that every process starts anew */
    int64_t size;     /* of the whole */
    char sha256[PART_SHA256_SIZE];
    char etag[PART_ETAG_SIZE]; /* of what is there; "": not known */
    int fd;
    int64_t have;
    mbedtls_sha256_context hash; /* of what is there */
};

/* Opens path, or makes it, and reads what is there of this target into the hash; starts anew when that is a part of
 * something else. Whatever else stands at path (a symlink, a file with other names) is unlinked and never followed.
 * ERR_CONFLICT: another process works on it, or a directory is in the way. ERR_IO: the directory is not writable, the
 * disk is full, … */
int part_open(const char *path, const char *note, int64_t size, const char *sha256, struct part *ret,
              struct err *err) MUSTER_NODISCARD;

/* Keeps the files. */
void part_close(struct part *p);

/* Closes and removes both files. */
void part_discard(struct part *p);

/* Forgets what is there. etag: of what is about to come, NULL or "": not known. */
int part_restart(struct part *p, const char *etag, struct err *err) MUSTER_NODISCARD;

/* ERR_TOO_BIG, with nothing written, beyond the size. ERR_IO: sys_errno says why. */
int part_add(struct part *p, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* All is there: syncs it and compares the digest. ERR_CORRUPT when it is not the right one. */
int part_finish(struct part *p, struct err *err) MUSTER_NODISCARD;

/* Removes the files of a part that nobody has open. Their absence is no error; note may be NULL. */
int part_remove(const char *path, const char *note, struct err *err) MUSTER_NODISCARD;

#endif
