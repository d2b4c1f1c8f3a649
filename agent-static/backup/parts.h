/* parts.h: the buffers between the threads of a backup, and nothing else of it.
 *
 * A part goes round: filled by the walk, looked after by the controller (hashes, a URL), sent by an uploader, free
 * again. Parts are numbered from 1 and pass the stations in order, but for the last, where several are under way. There
 * are three buffers, and the walk waits when the network is slower: memory does not depend on the size of the backup.
 */
#ifndef MUSTER_AGENT_BACKUP_PARTS_H
#define MUSTER_AGENT_BACKUP_PARTS_H

#include <stddef.h>

#include "common/err.h"

enum part_state { PART_FREE, PART_FILLING, PART_FULL, PART_READY, PART_SENDING, PART_STATES };

struct part {
    enum part_state state;
    unsigned number;
    char *data;
    size_t size;           /* filled */
    unsigned char md5[16]; /* from PART_READY on */
    char *url;             /* from PART_READY on; freed when the part becomes free */
};

struct parts;

int parts_new(size_t part_size, struct parts **ret, struct err *err) MUSTER_NODISCARD;
void parts_free(struct parts *p); /* no thread may be in a call; NULL does nothing */

/* Room in the part being filled; waits for a free one. ERR_CONFLICT after parts_stop. Never 0 bytes. */
int parts_room(struct parts *p, void **ret, size_t *ret_len, struct err *err) MUSTER_NODISCARD;

/* len bytes of that room are used. A part that is full moves on. */
void parts_filled(struct parts *p, size_t len);

/* The last part, short or (when there is no other) empty, moves on. Nothing is filled afterwards. */
void parts_end(struct parts *p);

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
