/* eventlog_impl.h: what is inside a struct eventlog; for eventlog*.c alone.
 *
 * Every operation is: eventlog_begin (take the lock, catch up with what other processes did), work, eventlog_end. */
#ifndef MUSTER_AGENT_POLL_EVENTLOG_IMPL_H
#define MUSTER_AGENT_POLL_EVENTLOG_IMPL_H

#include <limits.h>

#include "poll/acked.h"
#include "poll/eventlog.h"
#include "poll/segment.h"

/* Every boot may leave one behind while the server cannot be reached; trimming starts well before the list is full. */
enum { SEGMENTS_MAX = 512, SEGMENTS_TRIM = 256 };

/* The segment that is appended to. number 0: none yet. */
struct tail {
    uint64_t number;
    struct segment_header header;
    uint64_t last_seq;
    size_t size;
};

struct eventlog {
    char dir[PATH_MAX - 64];
    size_t cap_bytes;
    size_t segment_bytes;
    const struct clock *clock;
    char boot_id[SEGMENT_BOOT_LEN + 1];
    int lock_fd;
    uint64_t *numbers; /* of the segments on disk, ascending; as of the last eventlog_begin */
    size_t count;
    struct tail tail;
    bool continues;          /* the tail may be appended to; else the next event starts an epoch */
    uint64_t drained_number; /* the tail when nothing was pending: an idle poll reads no segment */
    size_t drained_size;
};

int eventlog_begin(struct eventlog *log, struct err *err) MUSTER_NODISCARD;
void eventlog_end(struct eventlog *log);

void eventlog_path(const struct eventlog *log, uint64_t number, char ret[PATH_MAX]);
void eventlog_acked_path(const struct eventlog *log, char ret[PATH_MAX]);
size_t eventlog_segment_max(const struct eventlog *log);

/* Starts the next segment: of the tail's epoch, going on after its last event, or of a new epoch. */
int eventlog_roll(struct eventlog *log, bool new_epoch, struct err *err) MUSTER_NODISCARD;

/* Writes one record at the end of the tail and syncs it. */
int eventlog_write(struct eventlog *log, enum log_level level, const char *kind, const char *message, json_t *metadata,
                   struct err *err) MUSTER_NODISCARD;

/* Makes room until the log is well below its cap, and says in the log what that cost. */
int eventlog_trim(struct eventlog *log, struct err *err) MUSTER_NODISCARD;

/* Removes numbers[index] from the disk and the list. */
int eventlog_remove(struct eventlog *log, size_t index, struct err *err) MUSTER_NODISCARD;

#endif
