/* md5.h: MD5 (RFC 1321) of what is uploaded, because stores compare it (Content-MD5). It protects nothing from anybody:
 * SHA-256 does.
 *
 * Our own, since towards S3 hashing is the largest part of a backup's time beside compressing, and this one is an
 * eighth faster than mbedTLS's. */
#ifndef MUSTER_AGENT_BACKUP_MD5_H
#define MUSTER_AGENT_BACKUP_MD5_H

#include <stddef.h>
#include <stdint.h>

enum { MD5_SIZE = 16, MD5_BLOCK = 64 };

struct md5 {
    uint32_t state[4];
    uint64_t len; /* bytes so far */
    unsigned char pending[MD5_BLOCK];
};

void md5_init(struct md5 *m);
void md5_update(struct md5 *m, const void *data, size_t len);

/* Nothing may follow it. */
void md5_finish(struct md5 *m, unsigned char ret[MD5_SIZE]);

#endif
