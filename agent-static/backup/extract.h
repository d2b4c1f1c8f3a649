/* extract.h: an archive back onto the disk, or as a list. The archive is a stranger's bytes.
 *
 * Reads tar (pax, GNU, ustar), bare or in gzip or zstd, and nothing else. Writes below the current directory only: no
 * entry with "..", no absolute path, nothing through a symlink, whatever the archive says (libarchive's secure flags,
 * which also cover targets of hard links). Owners are restored when we are root, as numbers. Holes come back as holes
 * and zeros as zeros. What is in the way is removed before it is replaced, never written through. */
#ifndef MUSTER_AGENT_BACKUP_EXTRACT_H
#define MUSTER_AGENT_BACKUP_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "backup/progress.h"
#include "backup/report.h"
#include "common/err.h"

struct extract_options {
    /* The next bytes of the archive; *ret_len 0 at the end. */
    void (*read)(void *ctx, const void **ret, size_t *ret_len);
    void *ctx;
    struct report *report;     /* what could not be restored, and why */
    struct progress *progress; /* NULL: none */
    FILE *list;                /* list there instead of extracting */
    bool json;                 /* the list as the items of a JSON array */
};

/* ERR_CORRUPT when the archive is damaged or no archive; entries before the damage are on disk then. */
int extract_archive(const struct extract_options *options, struct err *err) MUSTER_NODISCARD;

#endif
