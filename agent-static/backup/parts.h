/* parts.h: the buffers between the threads of a backup, and nothing else of it.
 *
 * A part goes round: filled, and digested meanwhile, looked after by the controller (a URL), sent by an uploader, free
 * again. A run stores objects, one after the other, and the parts of each are numbered from 1; the last of an object
 * may be short. They pass the stations in order, but for the last, where several are under way.
 *
 * A block of a part lies in memory while it is filled, then in a file without a name, whose place the part after the
 * next few takes again: what waits for a slow network is page cache, which the kernel may take back, and hardly reaches
 * the disk. Where no file is to be had, or its disk is full, blocks stay in memory, of which there are enough for two
 * parts and a little: one part is on its way while the next is filled. So neither depends on the size of the backup. */
#ifndef MUSTER_AGENT_BACKUP_PARTS_H
#define MUSTER_AGENT_BACKUP_PARTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backup/part_digest.h"
#include "common/err.h"

enum part_state { PART_FREE, PART_FILLING, PART_FULL, PART_READY, PART_SENDING, PART_STATES };

struct part {
    enum part_state state;
    uint64_t sequence;                     /* of all parts of the run */
    unsigned object;                       /* of the run: 0, 1, … */
    uint64_t number;                       /* within its object */
    size_t size;                           /* filled */
    unsigned char digest[PART_DIGEST_MAX]; /* from PART_FULL on, of what was filled, whatever the file gives back */
    char *url;                             /* from PART_READY on; freed when the part becomes free */
    size_t block_size;
    char **blocks; /* of block_size bytes each; NULL: it is in the file */
    int fd;        /* of the file, in which the part begins at start */
    off_t start;
};

enum { PART_PIECE = 64 * 1024 };

struct parts;

/* dir: where the file is made; NULL: there is none. Having none is no error. */
int parts_new(size_t part_size, enum part_digest_kind digest, const char *dir, struct parts **ret,
              struct err *err) MUSTER_NODISCARD;
void parts_free(struct parts *p); /* no thread may be in a call; NULL does nothing */

/* Room in the part being filled; waits for some. ERR_CONFLICT after parts_stop. Never 0 bytes. */
int parts_room(struct parts *p, void **ret, size_t *ret_len, struct err *err) MUSTER_NODISCARD;

/* len bytes of that room are used. A part that is full moves on. */
void parts_filled(struct parts *p, size_t len);

/* The object's last part, short or (when it has no other) empty, moves on. What is filled now belongs to the next. */
void parts_end_object(struct parts *p);

/* Nothing is filled afterwards. */
void parts_end(struct parts *p);

/* The bytes of a part from `at` on that lie together, where they are in memory, else in buffer: at most PART_PIECE. at
 * must be below the part's size. */
int part_read(const struct part *part, size_t at, char buffer[PART_PIECE], const void **ret, size_t *ret_len,
              struct err *err) MUSTER_NODISCARD;

/* Waits up to timeout_ms for the next full part, for the one controller, whose it is until parts_pass. ERR_TIMEOUT;
 * ERR_NOT_FOUND when the last has gone by; ERR_CONFLICT after parts_stop. err may be NULL. */
int parts_wait_full(struct parts *p, int timeout_ms, struct part **ret, struct err *err) MUSTER_NODISCARD;

/* Waits for the next part that is ready to be sent; it is the caller's until parts_pass. There may be several callers.
 * Errors as above. */
int parts_take_ready(struct parts *p, struct part **ret, struct err *err) MUSTER_NODISCARD;

/* Hands the part on: from full to ready, from sending to free. */
void parts_pass(struct parts *p, struct part *part);

/* Waits until the last part has been sent. ERR_TIMEOUT, ERR_CONFLICT as above. */
int parts_drain(struct parts *p, int timeout_ms) MUSTER_NODISCARD;

/* Wakes everybody; every call from now on fails. */
void parts_stop(struct parts *p);

/* Waits on the same wake-ups as everything else, so that a thread that backs off hears of the stop: ERR_CONFLICT then,
 * 0 when the time is over. */
int parts_sleep(struct parts *p, int ms) MUSTER_NODISCARD;

#endif
