/* download.h: getting one file whose size and SHA-256 are known beforehand, whatever the server sends.
 *
 * Goes on where an earlier try or process stopped (Range, If-Range), begins anew when the server cannot or has changed
 * its file, tries again with back-off, keeps to a rate, and gives up on a peer that is too slow to be serious. Blocks;
 * memory: a few KiB beside the connection's.
 *
 * What is left afterwards:
 *   0                                     the part is complete, right, and synced; mode 0600 still. The note stays too,
 *                                         so that doing it again reads the part once and asks nobody
 *   ERR_UNAVAILABLE, ERR_TIMEOUT          the network or the server, or cancelled: the part is kept
 *   ERR_DENIED, ERR_NOT_FOUND             refused: the part is kept
 *   ERR_CONFLICT                          another process is at it: the part is its
 *   ERR_INVALID, ERR_TOO_BIG, ERR_CORRUPT not what was promised (size, digest): the part is removed
 *   ERR_IO                                the disk (sys_errno ENOSPC: full): the part is removed */
#ifndef MUSTER_AGENT_UPDATE_DOWNLOAD_H
#define MUSTER_AGENT_UPDATE_DOWNLOAD_H

#include <stdint.h>

#include "net/http.h"
#include "update/part.h"

struct download {
    struct http *http;
    int cancel_fd; /* readable: stop; -1: none. The one that http has, too */
    const char *url;
    const char *part; /* where to; see part.h for both */
    const char *note;
    int64_t size;
    const char *sha256;      /* 64 hex digits */
    int64_t rate;            /* bytes a second; 0: no limit */
    int64_t least_rate;      /* bytes a second; 0: 1024 */
    int64_t least_window_ms; /* 0: 60 s */
    int64_t give_up_ms;      /* beside the time that size takes at the least rate; 0: 10 minutes */
    /* Told 0 to 100, when it changes. May be NULL. */
    void (*progress)(void *ctx, int percent);
    void *progress_ctx;
};

int download_run(const struct download *d, struct err *err) MUSTER_NODISCARD;

#endif
