/* file.h: reading whole small files, and writing them so that a power cut leaves the old or the new, never half.
 *
 * The way of every durable write here: temporary file beside the target, full write, fsync, rename, fsync of the
 * directory. All calls block. Paths are bytes; messages name them. */
#ifndef MUSTER_COMMON_FILE_H
#define MUSTER_COMMON_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"

/* Reads the whole file, NUL-terminated, into memory the caller frees. ERR_NOT_FOUND when it is not there, ERR_TOO_BIG
 * above max bytes, ERR_IO otherwise. ret_len may be NULL. */
int file_read(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err) MUSTER_NODISCARD;

/* Durably replaces path with the bytes; mode as for open(2), whatever the umask. On failure the old file stands and
 * no temporary one is left. */
int file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err) MUSTER_NODISCARD;

/* As file_write, but ERR_CONFLICT when path exists already. */
int file_create(const char *path, const void *data, size_t len, mode_t mode, struct err *err) MUSTER_NODISCARD;

/* write(2) until everything is out, resuming after signals. */
int file_write_all(int fd, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* read(2) until len bytes are in or the file ends; *ret_len tells. */
int file_read_all(int fd, void *data, size_t len, size_t *ret_len, struct err *err) MUSTER_NODISCARD;

/* fsync of the directory that holds path, so that a rename or unlink in it survives a power cut. */
int file_sync_dir_of(const char *path, struct err *err) MUSTER_NODISCARD;

/* rename(2), then file_sync_dir_of(to). */
int file_rename(const char *from, const char *to, struct err *err) MUSTER_NODISCARD;

/* unlink(2), then file_sync_dir_of; a file that is not there is no error. */
int file_remove(const char *path, struct err *err) MUSTER_NODISCARD;

/* Makes the directory and its missing parents with this mode. An existing directory is left as it is. */
int file_mkdirs(const char *path, mode_t mode, struct err *err) MUSTER_NODISCARD;

/* ERR_DENIED when the file can be read or written by group or others, or belongs to another user than root or us. */
int file_check_private(const char *path, struct err *err) MUSTER_NODISCARD;

#endif
