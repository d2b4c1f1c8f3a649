/* tempfile.h: a file without a name, for what does not fit into bounded memory.
 *
 * It lies in a directory of ours (STATE_DIR), never in a shared one, and is gone with its descriptor, also when the
 * process is killed. Written in pieces through a small buffer, read back from its start. */
#ifndef MUSTER_AGENT_SNAPSHOT_TEMPFILE_H
#define MUSTER_AGENT_SNAPSHOT_TEMPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/* A new file without a name in the directory; -1 and *err when there is none to be had. */
int tempfile_fd(const char *dir, struct err *err);

/* pread of exactly len bytes. ERR_CORRUPT when the file has fewer. */
int tempfile_read_at(int fd, void *data, size_t len, off_t at, struct err *err) MUSTER_NODISCARD;
int tempfile_write_at(int fd, const void *data, size_t len, off_t at, struct err *err) MUSTER_NODISCARD;

enum { SPOOL_BUFFER = 8 * 1024 };

/* Bytes written one after the other, then read in the same order. The file is made with the first that do not fit the
 * buffer. */
struct spool {
    const char *dir; /* borrowed */
    int fd;          /* -1: not made yet */
    off_t size;      /* in the file */
    off_t at;        /* of the reader, in the file */
    size_t used;     /* of buffer: written and not yet in the file, or read ahead */
    size_t taken;    /* by the reader, of buffer */
    char buffer[SPOOL_BUFFER];
};

void spool_init(struct spool *s, const char *dir);
void spool_done(struct spool *s);

int spool_write(struct spool *s, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* All bytes written so far. */
uint64_t spool_size(const struct spool *s);

/* Ends the writing. */
int spool_rewind(struct spool *s, struct err *err) MUSTER_NODISCARD;

/* The next bytes, at most max; *ret_len is 0 at the end. */
int spool_read(struct spool *s, void *data, size_t max, size_t *ret_len, struct err *err) MUSTER_NODISCARD;

#endif
