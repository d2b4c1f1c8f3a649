/* extract.h: an archive back onto the disk, or as a list. The archive is a stranger's bytes.
 *
 * Reads tar (pax, GNU, ustar), bare or in gzip or zstd, and nothing else. Writes below the current directory only: no
 * entry with "..", no absolute path, nothing through a symlink, whatever the archive says (libarchive's secure flags,
 * which also cover targets of hard links). See disk.h for what becomes of what is there already. What the archive says
 * is deleted (deleted.h) is deleted, and that list itself is not restored. */
#ifndef MUSTER_AGENT_RESTORE_EXTRACT_H
#define MUSTER_AGENT_RESTORE_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <archive_entry.h>

#include "backup/progress.h"
#include "backup/report.h"
#include "common/err.h"
#include "restore/choice.h"
#include "restore/links.h"

enum extract_mode {
    EXTRACT_DISK,  /* onto the disk */
    EXTRACT_LINKS, /* only the content of what links holds, from the same archive as before */
    EXTRACT_LIST,  /* as text */
    EXTRACT_VISIT, /* by calling visit */
    EXTRACT_READ,  /* to its end, for nothing but to know that it can be read */
};

struct extract_options {
    enum extract_mode mode;
    /* The next bytes of the archive; *ret_len 0 at the end. */
    void (*read)(void *ctx, const void **ret, size_t *ret_len);
    void *ctx;
    struct report *report;                                                 /* what could not be restored, and why */
    struct progress *progress;                                             /* NULL: none */
    const struct choice *choice;                                           /* NULL: everything */
    struct links *links;                                                   /* NULL: none. EXTRACT_DISK adds to them */
    bool mark_ways;                                                        /* place_mark_ways */
    FILE *list;                                                            /* where EXTRACT_LIST lists */
    bool json;                                                             /* the list as the items of a JSON array */
    int (*visit)(void *ctx, struct archive_entry *entry, struct err *err); /* non-zero ends it and is returned */
    void *visit_ctx;
};

/* ERR_CORRUPT when the archive is damaged or no archive; entries before the damage are on disk then. */
int extract_archive(const struct extract_options *options, struct err *err) MUSTER_NODISCARD;

#endif
