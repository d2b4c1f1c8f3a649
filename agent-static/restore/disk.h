/* disk.h: entries of an archive onto the disk, below the current directory and nowhere else.
 *
 * libarchive writes the files, with its secure flags; but it knows files by their path from one directory, fails beyond
 * PATH_MAX, keeps all directories in memory until the end, and then ignores what goes wrong with them. So we walk along
 * (place.h), hand it bare names, and give each directory its owner, mode, time and attributes when we leave it. Entries
 * come in any order, and several archives may go onto one tree: later entries replace earlier ones of any type, and
 * directories that are only passed through keep their times.
 *
 * What cannot be restored goes into the report. Owners are restored when we are root, as numbers. Holes come back as
 * holes and zeros as zeros. What is in the way, even a directory with all in it, is removed before it is replaced,
 * never written through: so the tree must be one that was made for this. */
#ifndef MUSTER_AGENT_RESTORE_DISK_H
#define MUSTER_AGENT_RESTORE_DISK_H

#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backup/report.h"
#include "common/err.h"

struct disk;

/* mark_ways: see place_mark_ways. */
int disk_new(struct report *report, bool mark_ways, struct disk **ret, struct err *err) MUSTER_NODISCARD;

/* Finishes the directories that are still open. NULL does nothing. */
void disk_free(struct disk *d);

/* Makes what the entry says; the entry's path is changed. *ret_content: its content is wanted, by disk_write and then
 * disk_end. Fails only when nothing more can be restored: memory is
 * out, the disk is full (ERR_TOO_BIG), the tree was changed behind our back (ERR_CORRUPT). */
int disk_begin(struct disk *d, struct archive_entry *entry, bool *ret_content, struct err *err) MUSTER_NODISCARD;

/* The bytes at offset; offsets ascend. After trouble with the file, the rest of its content is ignored. */
int disk_write(struct disk *d, const void *data, size_t len, int64_t offset, struct err *err) MUSTER_NODISCARD;
int disk_end(struct disk *d, struct err *err) MUSTER_NODISCARD;

/* Takes away what an earlier archive put at path, and all below it. That it is not there is fine. ERR_DENIED: path
 * leads out of the tree, or names it as a whole. Others as disk_begin. */
int disk_remove(struct disk *d, const char *path, struct err *err) MUSTER_NODISCARD;

#endif
